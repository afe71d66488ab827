// What the visitor has said and the house has not confirmed yet. It outlives a reload; every entry has
// an id of its own, so that saying it again after a lost connection cannot double it.

const PATIENCE = 10_000; // milliseconds without a confirmation until the connection counts as dead

/** An id that no other page will make; works without HTTPS too. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Outbox {
  /** wire: {send, drop}; onMark(id, "sending" | "unsent" | "sent" | "failed", why). */
  constructor(store, wire, onMark) {
    this.store = store;
    this.wire = wire;
    this.onMark = onMark;
    this.inFlight = null;
    this.timer = 0;
    this.entries = store
      .names("unsent.")
      .map((name) => parse(store.get(name)))
      .filter(Boolean)
      .sort((one, other) => one.at - other.at);
  }

  /** Keep a frame and say it as soon as possible. */
  add(frame) {
    const entry = { frame, at: Date.now() };
    this.entries.push(entry);
    this.store.set(`unsent.${frame.id}`, JSON.stringify(entry));
    this.flush();
  }

  /** Say the oldest entry; the next one follows when it is confirmed, so the order holds. */
  flush() {
    if (this.inFlight || !this.entries.length) return;
    const { frame } = this.entries[0];
    if (!this.wire.send(frame)) {
      for (const entry of this.entries) this.onMark(entry.frame.id, "unsent");
      return;
    }
    this.inFlight = frame.id;
    for (const entry of this.entries) this.onMark(entry.frame.id, "sending");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.wire.drop(), PATIENCE);
  }

  /** The connection is gone: what was under way may or may not have arrived, and is said again. */
  interrupted() {
    clearTimeout(this.timer);
    this.inFlight = null;
    for (const entry of this.entries) this.onMark(entry.frame.id, "unsent");
  }

  /** An entry is on disk at the house. */
  kept(id) {
    if (!this.remove(id)) return;
    this.onMark(id, "sent");
    this.flush();
  }

  /** An entry was refused: too fast goes again later, anything else stays with the visitor. */
  refused(id, why, retryAfter) {
    if (!this.entries.some((entry) => entry.frame.id === id)) return;
    if (why === "rate") {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => {
        this.inFlight = null;
        this.flush();
      }, (retryAfter ?? 1) * 1_000);
      return;
    }
    this.remove(id);
    this.onMark(id, "failed", why);
    this.flush();
  }

  remove(id) {
    const index = this.entries.findIndex((entry) => entry.frame.id === id);
    if (index < 0) return false;
    this.entries.splice(index, 1);
    this.store.remove(`unsent.${id}`);
    if (this.inFlight === id) {
      this.inFlight = null;
      clearTimeout(this.timer);
    }
    return true;
  }
}

function parse(text) {
  try {
    const entry = JSON.parse(text);
    return entry?.frame?.id ? entry : null;
  } catch {
    return null;
  }
}
