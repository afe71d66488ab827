// What the page keeps in the browser. Where storage is denied (some private windows and frames), it is
// kept for as long as the page is open.

const memory = new Map();

function storage() {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

/** The keys of one channel, apart from those of all others on this site. */
export class Store {
  constructor(channel) {
    this.prefix = `parley.${channel}.`;
  }

  get(name) {
    const key = this.prefix + name;
    if (memory.has(key)) return memory.get(key);
    try {
      return storage()?.getItem(key) ?? null;
    } catch {
      return null;
    }
  }

  set(name, value) {
    const key = this.prefix + name;
    try {
      storage().setItem(key, value);
      memory.delete(key);
    } catch {
      memory.set(key, value);
    }
  }

  remove(name) {
    const key = this.prefix + name;
    memory.delete(key);
    try {
      storage()?.removeItem(key);
    } catch {
      // Nothing is kept, so there is nothing to remove.
    }
  }

  /** All names that begin with `start`. */
  names(start) {
    const keys = [...memory.keys()];
    try {
      keys.push(...Object.keys(storage() ?? {}));
    } catch {
      // Storage is denied: what is in memory is all there is.
    }
    const full = this.prefix + start;
    return keys.filter((key) => key.startsWith(full)).map((key) => key.slice(this.prefix.length));
  }
}
