// The conversation as it is seen: lines in the order of the house, each once, what is unsent below them.

import { drawContent, element } from "./draw.js";
import { localTime } from "../script.js";

const GROUP_WITHIN = 4 * 60 * 1000; // milliseconds
const NEAR_END = 80; // pixels

export class Log {
  /** setup: the page's; onPress(button, line) when a button of a line is pressed. */
  constructor(setup, onPress) {
    this.setup = setup;
    this.onPress = onPress;
    this.box = document.getElementById("log");
    this.list = document.getElementById("lines");
    this.typing = document.getElementById("typing");
    this.newer = document.getElementById("newer");
    this.byId = new Map(); // of lines from the house
    this.byKey = new Map(); // of what this visitor said, sent or not
    this.seqs = [];
    this.newer.onclick = () => this.toEnd();
    this.box.addEventListener("scroll", () => this.nearEnd() && (this.newer.hidden = true), { passive: true });
    new ResizeObserver(() => this.stuck && this.toEnd()).observe(this.box);
    this.box.addEventListener("scrollend", () => (this.stuck = this.nearEnd()));
    this.stuck = true;
  }

  /** Where to go on after a lost connection: a few lines early, for one that was committed late. */
  get after() {
    return this.seqs.at(-8) ?? this.seqs[0] ?? 0;
  }

  get last() {
    return this.seqs.at(-1) ?? 0;
  }

  get isEmpty() {
    return this.byId.size === 0 && this.byKey.size === 0;
  }

  /** Draw a line of the house; false if it is there already. */
  addLine(line) {
    if (this.byId.has(line.id) || line.content.kind === "event") return false;
    const mine = line.direction === "in";
    const pending = mine && line.key ? this.byKey.get(line.key) : null;
    const follow = this.nearEnd() || (mine && !pending);
    pending?.remove();
    const item = this.draw(line, mine);
    item.dataset.seq = line.seq;
    if (mine) this.tick(item);
    this.byId.set(line.id, item);
    if (mine && line.key) this.byKey.set(line.key, item);
    this.seqs.push(line.seq);
    this.seqs.sort((one, other) => one - other);
    this.place(item, line.seq);
    if (!mine) this.showTyping(false);
    if (follow) this.toEnd();
    else this.newer.hidden = mine;
    return true;
  }

  /** Draw what the visitor has just said. */
  addPending(id, content, at) {
    const item = this.draw({ content, created_at: at, sender: "customer" }, true);
    this.byKey.set(id, item);
    this.place(item, Infinity);
    this.toEnd();
  }

  /** Draw the words of welcome, with things to ask. */
  addGreeting(text, suggestions, onAsk) {
    const buttons = suggestions.map((title) => ({ title, payload: title }));
    const item = this.draw({ content: { kind: "text", text, buttons }, sender: "bot" }, false, onAsk);
    item.dataset.seq = 0;
    item.classList.add("greeting");
    this.place(item, 0);
  }

  /** Show how far a said thing has come: "sending", "unsent", "sent", "failed". */
  mark(id, state, words, onRetry) {
    const item = this.byKey.get(id);
    if (!item || item.dataset.seq) return;
    const follow = this.nearEnd();
    item.dataset.state = state;
    const note = item.querySelector(".line-state");
    note.textContent = words;
    item.querySelector(".line-retry")?.remove();
    if (onRetry) {
      const retry = element("button", { class: "line-retry", type: "button" }, this.setup.words.retry);
      retry.onclick = onRetry;
      note.after(retry);
    }
    if (follow) this.toEnd();
  }

  tick(item) {
    const note = item.querySelector(".line-state");
    note.append(element("span", { "aria-hidden": "true" }, "✓"), element("span", { class: "unseen" }, this.setup.words.sent));
  }

  /** Show or hide the three dots; they go by themselves. */
  showTyping(shown) {
    clearTimeout(this.typingTimer);
    const follow = this.nearEnd();
    this.typing.hidden = !shown;
    if (shown) this.typingTimer = setTimeout(() => this.showTyping(false), 8_000);
    if (shown && follow) this.toEnd();
  }

  nearEnd() {
    return this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < NEAR_END;
  }

  toEnd() {
    this.stuck = true;
    this.newer.hidden = true;
    this.box.scrollTop = this.box.scrollHeight;
  }

  place(item, seq) {
    const items = [...this.list.children];
    const next = items.findLast((other) => Number(other.dataset.seq ?? Infinity) <= seq);
    if (next) next.after(item);
    else this.list.prepend(item);
    this.arrange(item);
    if (item.nextElementSibling) this.arrange(item.nextElementSibling);
  }

  /** Whether a line begins a day and continues its sender's group. */
  arrange(item) {
    const before = item.previousElementSibling;
    const at = item.made.getTime();
    const sameDay = before && before.made.toDateString() === item.made.toDateString();
    const near = before && Math.abs(at - before.made.getTime()) < GROUP_WITHIN;
    const joined = Boolean(sameDay && near && before.dataset.sender === item.dataset.sender);
    item.classList.toggle("joined", joined);
    before?.classList.toggle("continued", joined);
    item.querySelector(".line-day")?.remove();
    if (sameDay) return;
    const day = element("p", { class: "line-day" }, element("span", {}, this.dayInWords(item.made)));
    item.prepend(day);
  }

  dayInWords(date) {
    const today = new Date();
    const days = Math.round((new Date(today.toDateString()) - new Date(date.toDateString())) / 86_400_000);
    if (days === 0) return this.setup.words.today;
    if (days === 1) return this.setup.words.yesterday;
    return localTime(date, "day");
  }

  draw(line, mine, onPress = this.onPress) {
    const { words } = this.setup;
    const sender = mine ? words.you : (words[line.sender] ?? words.bot);
    const made = line.created_at ? new Date(line.created_at) : new Date();
    const bubble = element("div", { class: `bubble ${line.content.kind}` }, ...drawContent(line.content, this.setup));
    const time = element("time", { dateTime: made.toISOString(), title: made.toLocaleString() });
    time.textContent = localTime(made, "time");
    const meta = element("p", { class: "line-meta" }, time, element("span", { class: "line-state" }));
    const name = element("p", { class: `line-sender${line.sender === "agent" ? "" : " unseen"}` }, sender);
    const stack = element("div", { class: "line-stack" }, name, bubble, this.drawButtons(line, onPress), meta);
    const face = mine ? null : element("span", { class: "avatar line-face", "aria-hidden": "true" });
    const item = element("li", { class: `line ${mine ? "mine" : "theirs"}` });
    item.append(element("div", { class: "line-row" }, face, stack));
    if (face) face.append(line.sender === "agent" ? sender.slice(0, 1) : faceOf());
    item.dataset.sender = line.sender;
    if (!mine) item.dataset.seq = line.seq ?? 0;
    item.made = made;
    return item;
  }

  drawButtons(line, onPress) {
    const offered = line.direction === "in" ? [] : (line.content.buttons ?? []);
    if (!offered.length) return null;
    const row = element("div", { class: "line-buttons" });
    for (const button of offered) {
      const made = element("button", { class: "line-button", type: "button" }, button.title);
      made.onclick = () => onPress(button, line);
      row.append(made);
    }
    return row;
  }
}

function faceOf() {
  return document.querySelector(".chat-face svg").cloneNode(true);
}
