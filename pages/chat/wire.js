// The connection: a socket that comes back by itself, or long polling where sockets do not pass.
// Both say the same frames; on every return the page asks for the lines behind the last one it has.

import { Poll } from "./poll.js";

const FIRST_WAIT = 300; // milliseconds
const LONGEST_WAIT = 15_000;
const ATTEMPTS_BEFORE_POLLING = 3;
const ANSWER_WITHIN = 3_000; // Behind this, ask: a push may have been lost on its way to the socket.
const ASK_EVERY = 60_000;

export class Wire {
  /**
   * page: {base, language, token(), keepToken(text), after(), onFrame(frame), onState(state)};
   * a state is "connecting", "online" or "lost".
   */
  constructor(page) {
    this.page = page;
    this.attempts = 0;
    this.everOpen = false;
    this.socket = null;
    this.timer = 0;
    this.online = false;
    this.asking = 0;
    setInterval(() => document.hidden || this.ask(), ASK_EVERY);
    addEventListener("online", () => this.hurry());
    addEventListener("offline", () => this.drop());
    addEventListener("pageshow", () => this.hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
  }

  start() {
    clearTimeout(this.timer);
    const url = new URL(`${this.page.base}/socket`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    this.socket = socket;
    socket.onopen = () => {
      this.everOpen = true;
      socket.send(JSON.stringify(this.hello()));
    };
    socket.onmessage = (event) => this.hear(JSON.parse(event.data));
    socket.onclose = () => socket === this.socket && this.lose();
  }

  hello() {
    return { type: "hello", token: this.page.token(), after: this.page.after(), language: this.page.language };
  }

  /** Ask for lines that are there and were not pushed. */
  ask() {
    if (this.online && !this.poll) this.send(this.hello());
  }

  hear(frame) {
    if (frame.type === "kept") {
      clearTimeout(this.asking);
      this.asking = setTimeout(() => this.ask(), ANSWER_WITHIN);
    }
    if (frame.type === "welcome") this.page.keepToken(frame.token);
    if (frame.type === "ready") {
      this.attempts = 0;
      this.online = true;
      this.page.onState("online");
    }
    this.page.onFrame(frame);
  }

  lose() {
    this.socket = null;
    this.online = false;
    this.attempts += 1;
    this.page.onState(this.everOpen || this.attempts > 1 ? "lost" : "connecting");
    if (!this.everOpen && this.attempts >= ATTEMPTS_BEFORE_POLLING) {
      this.poll ??= new Poll(this);
      this.poll.start();
      return;
    }
    const wait = Math.min(FIRST_WAIT * 2 ** (this.attempts - 1), LONGEST_WAIT);
    this.timer = setTimeout(() => this.start(), wait * (0.75 + Math.random() / 2));
  }

  /** Say a frame; false if there is no connection to say it on. */
  send(frame) {
    if (!this.online) return false;
    if (this.poll) return this.poll.send(frame);
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  /** The other side no longer answers: leave and come back. */
  drop() {
    if (this.poll) return this.poll.drop();
    const { socket } = this;
    if (!socket) return undefined;
    this.socket = null;
    socket.close();
    return this.lose();
  }

  /** Do not wait any longer with coming back. */
  hurry() {
    if (this.poll) return this.poll.hurry();
    if (!this.socket) this.start();
    return undefined;
  }
}
