// Long polling: what the socket does, by plain requests, for networks that let no socket pass.

const FIRST_WAIT = 1_000; // milliseconds
const LONGEST_WAIT = 15_000;

export class Poll {
  constructor(wire) {
    this.wire = wire;
    this.page = wire.page;
    this.running = false;
    this.failures = 0;
    this.abort = new AbortController();
    this.wake = () => {};
  }

  async start() {
    if (this.running) return;
    this.running = true;
    while (this.running) {
      try {
        await this.ask();
        this.failures = 0;
      } catch {
        this.wire.online = false;
        this.page.onState("lost");
        this.failures += 1;
        await this.pause(Math.min(FIRST_WAIT * 2 ** (this.failures - 1), LONGEST_WAIT));
      }
    }
  }

  async ask() {
    const { wire, page } = this;
    this.abort = new AbortController();
    const wait = wire.online ? 1 : 0;
    const query = `after=${page.after()}&wait=${wait}&language=${page.language}`;
    const response = await fetch(`${page.base}/messages?${query}`, {
      headers: this.headers(),
      signal: this.abort.signal,
    });
    if (!response.ok) throw new Error(`the poll was answered with ${response.status}`);
    const { token, lines } = await response.json();
    page.keepToken(token);
    for (const line of lines) wire.hear(line);
    if (!wire.online) wire.hear({ type: "ready" });
  }

  pause(milliseconds) {
    return new Promise((resolve) => {
      this.wake = resolve;
      setTimeout(resolve, milliseconds);
    });
  }

  send(frame) {
    const body = JSON.stringify(frame);
    const address = `${this.page.base}/messages?language=${this.page.language}`;
    fetch(address, { method: "POST", headers: this.headers(), body })
      .then((response) => response.json())
      .then((answer) => this.page.onFrame(answer))
      .catch(() => this.drop());
    return true;
  }

  headers() {
    const token = this.page.token();
    const named = token ? { Authorization: `Bearer ${token}` } : {};
    return { "Content-Type": "application/json", ...named };
  }

  drop() {
    this.abort.abort();
  }

  hurry() {
    this.wake();
  }
}
