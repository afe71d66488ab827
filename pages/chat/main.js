// The chat page, put together: wire, log, composer, outbox and the shop's page around it.

import { Composer } from "./composer.js";
import { Log } from "./log.js";
import { Outbox, newId } from "./outbox.js";
import { ShopSide } from "./shopside.js";
import { Store } from "./store.js";
import { Wire } from "./wire.js";

const setup = JSON.parse(document.getElementById("setup").textContent);
const { words } = setup;
const UPLOAD_LASTS = 60_000; // milliseconds
const base = `/chat/${setup.channel}`;
const store = new Store(setup.channel);
const log = new Log(setup, press);
const stateLine = document.getElementById("state");
let connection = "connecting";
let floor = "bot";
let unread = 0;
let lastTyping = 0;
let uploading = Promise.resolve(); // Pictures under way: what is said after them stays behind them.

const shop = new ShopSide(setup.parent, () => {
  document.getElementById("text").focus();
  log.toEnd();
  seeAll();
});

const wire = new Wire({
  base,
  language: setup.language,
  token: () => store.get("token") ?? "",
  keepToken: (token) => store.set("token", token),
  after: () => log.after,
  onFrame,
  onState,
});

const outbox = new Outbox(store, wire, (id, state, why) => {
  const retry = state === "failed" ? () => sayAgain(id) : null;
  log.mark(id, state, state === "failed" ? (words[why] ?? words.failed) : words[state], retry);
});

const failed = new Map(); // frames that were refused and may be said again

const composer = new Composer(setup, { onText: (text) => say({ type: "message", text }), onPicture, onTyping });

/** The content that a frame of ours will be recorded as. */
function contentOf(frame) {
  if (frame.type === "image") return { kind: "image", media: { url: frame.url } };
  return { kind: "text", text: frame.text ?? frame.title };
}

function say(words_of_frame) {
  const frame = { id: newId(), ...words_of_frame };
  failed.set(frame.id, frame);
  log.addPending(frame.id, contentOf(frame), new Date().toISOString());
  log.mark(frame.id, "sending", words.sending);
  uploading.then(() => outbox.add(frame));
  seeAll();
}

function sayAgain(id) {
  const frame = failed.get(id);
  if (frame) outbox.add(frame);
}

function press(button) {
  say({ type: "press", payload: button.payload, title: button.title });
}

function onTyping() {
  composer.complain("");
  if (Date.now() - lastTyping < 4_000) return;
  lastTyping = Date.now();
  wire.send({ type: "typing" });
}

/** Show a picture at once; upload it, then say it. */
function onPicture(file) {
  const id = newId();
  const content = { kind: "image", media: { url: URL.createObjectURL(file) } };
  log.addPending(id, content, new Date().toISOString());
  uploading = uploading.then(() => upload(file, id));
}

async function upload(file, id) {
  log.mark(id, "sending", words.sending);
  const again = () => upload(file, id);
  try {
    const response = await fetch(`${base}/media`, {
      method: "POST",
      headers: { Authorization: `Bearer ${store.get("token") ?? ""}`, "Content-Type": file.type },
      body: file,
      signal: AbortSignal.timeout(UPLOAD_LASTS),
    });
    const answer = await response.json();
    if (response.ok) outbox.add({ type: "image", id, ticket: answer.ticket, url: answer.url });
    else log.mark(id, "failed", words[answer.why] ?? words.failed, again);
  } catch {
    log.mark(id, "failed", words.failed, again);
  }
}

function onFrame(frame) {
  if (frame.type === "line") onLine(frame);
  if (frame.type === "kept") outbox.kept(frame.id);
  if (frame.type === "refused") outbox.refused(frame.id, frame.why, frame.retry_after);
  if (frame.type === "typing") log.showTyping(true);
  if (frame.type === "floor") setFloor(frame.floor);
  if (frame.type === "ready") onReady();
}

function onLine(line) {
  if (line.direction === "in" && line.key) outbox.kept(line.key);
  const added = log.addLine(line);
  if (!added || line.direction === "in") return;
  if (line.sender === "agent") setFloor("agent");
  if (line.sender === "bot" && floor === "agent") setFloor("bot");
  if (shop.seen) seeAll();
  else if (line.seq > Number(store.get("seen") ?? 0)) showUnread(unread + 1);
}

/** The history is here: say hello if there is none, and what was left unsent. */
function onReady() {
  const box = document.getElementById("log");
  if (box.getAttribute("aria-busy") === "true") {
    box.setAttribute("aria-busy", "false");
    for (const { frame, at } of outbox.entries) {
      if (!log.byKey.has(frame.id)) log.addPending(frame.id, contentOf(frame), new Date(at).toISOString());
    }
    if (log.isEmpty) {
      log.addGreeting(setup.greeting, setup.suggestions, (button) => say({ type: "message", text: button.title }));
    }
  }
  outbox.flush();
}

function onState(state) {
  connection = state;
  if (state === "lost") {
    outbox.interrupted();
    log.showTyping(false);
  }
  showState();
}

function setFloor(name) {
  floor = name;
  showState();
}

function showState() {
  const online = { waiting: words.waiting, agent: words.with_agent }[floor] ?? words.online;
  stateLine.dataset.state = connection;
  stateLine.textContent = connection === "online" ? online : words[connection];
}

function seeAll() {
  if (log.last) store.set("seen", String(log.last));
  showUnread(0);
}

function showUnread(count) {
  unread = count;
  document.title = count ? `(${count}) ${setup.title}` : setup.title;
  shop.tell("unread", count);
}

/** The language that was chosen by hand stays chosen. */
function keepLanguage() {
  const chosen = store.get("language");
  const address = new URL(location.href);
  for (const anchor of document.querySelectorAll("[data-language]")) {
    anchor.addEventListener("click", () => store.set("language", anchor.dataset.language));
    if (anchor.dataset.language !== chosen || address.searchParams.has("language")) continue;
    location.replace(anchor.href);
  }
}

document.addEventListener("visibilitychange", () => shop.seen && seeAll());
keepLanguage();
wire.start();
