// The open conversation: new lines come in at the end, older ones at the top.

import { startComposer } from "./composer.js";
import { look, replace } from "./inbox.js";

const talk = document.getElementById("talk");
const log = document.getElementById("log");
const list = document.getElementById("lines");
const words = document.getElementById("talk-words").dataset;
const composer = document.getElementById("composer");
const csrf = document.querySelector('[name="csrf"]')?.value;

const NEAR = 80; // px from the end within which the log follows what comes in

function atEnd() {
  return log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;
}

function toEnd() {
  log.scrollTop = log.scrollHeight;
}

function drawDays() {
  let last = "";
  for (const day of list.querySelectorAll(".day")) day.remove();
  for (const line of list.querySelectorAll(".line")) {
    const { day } = line.dataset;
    if (day !== last) {
      const item = document.createElement("li");
      item.className = "day";
      item.textContent = dayName(day);
      line.before(item);
    }
    last = day;
  }
}

function dayName(day) {
  const date = new Date(`${day}T12:00:00`);
  const days = Math.round((new Date().setHours(12, 0, 0, 0) - date) / 86_400_000);
  if (days === 0) return words.today;
  if (days === 1) return words.yesterday;
  return date.toLocaleDateString(document.documentElement.lang, { dateStyle: "medium" });
}

/** Put lines in: a known one is replaced, a new one goes to its place. */
function merge(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const follows = atEnd();
  for (const line of template.content.querySelectorAll(".line")) {
    line.dispatchEvent(new CustomEvent("drawn", { bubbles: true }));
    const known = document.getElementById(line.id);
    if (known) {
      const open = known.querySelector("details")?.open;
      if (open) line.querySelector("details")?.setAttribute("open", "");
      if (known.isEqualNode(line)) continue;
      replace(known, line);
    } else {
      const later = [...list.querySelectorAll(".line")].find(
        (other) => Number(other.dataset.seq) > Number(line.dataset.seq),
      );
      list.insertBefore(line, later ?? null);
    }
  }
  list.dispatchEvent(new CustomEvent("drawn", { bubbles: true }));
  drawDays();
  if (follows) toEnd();
}

let read = 0;

function lastHeard() {
  return Math.max(0, ...[...list.querySelectorAll('.line[data-in="yes"]')].map((line) => Number(line.dataset.seq)));
}

/** What came in while somebody looks has been seen. */
function markRead() {
  const seq = lastHeard();
  if (document.hidden || seq <= read) return;
  read = seq;
  const body = new URLSearchParams({ seq, csrf });
  fetch(`/console/conversations/${talk.dataset.id}/read`, { method: "POST", body, headers: { "x-parley": "1" } });
}

document.addEventListener("news", (event) => {
  const data = event.detail;
  if (data.id !== talk.dataset.id) return;
  typing.hidden = true;
  if (data.lines) merge(data.lines);
  if (data.standing !== undefined) document.getElementById("standing").innerHTML = data.standing;
  markRead();
  if (data.floor !== talk.dataset.floor || data.agent !== talk.dataset.agent) look();
});

const typing = document.getElementById("typing");
let typed;

document.addEventListener("typing", () => {
  const follows = atEnd();
  typing.hidden = false;
  if (follows) toEnd();
  clearTimeout(typed);
  typed = setTimeout(() => (typing.hidden = true), 6000);
});

document.addEventListener("looked", (event) => {
  const fresh = event.detail.getElementById("talk");
  if (!fresh) return;
  if ((fresh.dataset.floor === "closed") !== (talk.dataset.floor === "closed")) return location.reload();
  Object.assign(talk.dataset, fresh.dataset);
  merge(event.detail.getElementById("lines").innerHTML);
  if (!document.querySelector(".menu[open]")) {
    const head = event.detail.getElementById("talk-head");
    replace(document.getElementById("talk-head"), head);
    head.dispatchEvent(new CustomEvent("drawn", { bubbles: true }));
  }
  const hint = event.detail.getElementById("composer-hint");
  if (hint) document.getElementById("composer-hint").replaceWith(hint);
});

document.addEventListener("visibilitychange", () => csrf && markRead());

const older = document.getElementById("older");

async function showOlder(event) {
  event?.preventDefault();
  if (!older.isConnected || older.dataset.busy) return;
  older.dataset.busy = "yes";
  const answer = await fetch(older.dataset.part, { headers: { "x-parley": "1" } }).catch(() => null);
  delete older.dataset.busy;
  if (!answer?.ok) return;
  const height = log.scrollHeight;
  const before = answer.headers.get("x-before");
  merge(await answer.text());
  log.scrollTop += log.scrollHeight - height;
  if (!before) return older.closest("p").remove();
  for (const key of ["href", "data-part"]) {
    older.setAttribute(key, older.getAttribute(key).replace(/before=\d+/, `before=${before}`));
  }
}

older?.addEventListener("click", showOlder);
log.addEventListener("scroll", () => log.scrollTop < 40 && older && showOlder());

if (composer) {
  startComposer(composer, words, (lines) => {
    merge(lines);
    toEnd();
  });
}

drawDays();
toEnd();
if (csrf) markRead();
