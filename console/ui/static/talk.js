// The open conversation: new lines come in at the end, older ones at the top; the composer sends.

import { look } from "./inbox.js";
import { startQuickReplies } from "./quick.js";

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
      known.replaceWith(line);
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
    document.getElementById("talk-head").replaceWith(head);
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
  const text = document.getElementById("text");
  const error = document.getElementById("composer-error");
  const picture = document.getElementById("picture");
  const chosen = document.getElementById("chosen");
  const draft = `parley-draft-${talk.dataset.id}`;
  let sending = false;

  text.value ||= localStorage.getItem(draft) ?? "";
  text.addEventListener("input", () => {
    if (text.value) localStorage.setItem(draft, text.value);
    else localStorage.removeItem(draft);
  });

  const noting = () => composer.classList.contains("noting");

  function setNoting(on) {
    composer.classList.toggle("noting", on);
    text.placeholder = on ? words.note : words.reply;
    document.getElementById("as-note").setAttribute("aria-pressed", on);
  }

  function showChosen() {
    chosen.hidden = !picture?.files.length;
    chosen.textContent = picture?.files[0]?.name ?? "";
  }
  picture?.addEventListener("change", () => (showChosen(), text.focus()));

  text.addEventListener("paste", (event) => {
    const image = [...event.clipboardData.files].find((file) => file.type.startsWith("image/"));
    if (!image || !picture) return;
    event.preventDefault();
    const transfer = new DataTransfer();
    transfer.items.add(image);
    picture.files = transfer.files;
    showChosen();
  });

  async function send(asNote) {
    if (sending || (!text.value.trim() && !picture?.files.length)) return;
    sending = true;
    error.hidden = true;
    const address = asNote ? composer.dataset.note : composer.getAttribute("action");
    try {
      const answer = await fetch(address, {
        method: "POST",
        body: new FormData(composer),
        headers: { "x-parley": "1" },
      });
      if (answer.status === 401) return location.reload();
      const said = await answer.text();
      if (answer.status === 409 && answer.headers.get("content-type").includes("html")) {
        composer.submit(); // Somebody else has the floor: the question is a page of its own.
        return;
      }
      if (!answer.ok) throw new Error(said);
      text.value = "";
      localStorage.removeItem(draft);
      if (picture) picture.value = "";
      showChosen();
      // Only now: a send that is tried again must be the same one.
      composer.elements.key.value = crypto.randomUUID?.() ?? String(Math.random());
      setNoting(false);
      merge(said);
      toEnd();
    } catch (problem) {
      error.textContent = problem instanceof TypeError ? words.lost : problem.message;
      error.hidden = false;
    } finally {
      sending = false;
      text.focus();
    }
  }

  composer.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopPropagation();
    const byNoteButton = event.submitter?.id === "as-note";
    if (byNoteButton && !text.value.trim()) {
      setNoting(!noting());
      text.focus();
      return;
    }
    send(byNoteButton || noting());
  });

  const quick = startQuickReplies(text, document.getElementById("quick"));

  text.addEventListener("keydown", (event) => {
    // While an input method composes, Enter chooses a word (229: what older Safari says of it).
    if (event.isComposing || event.keyCode === 229) return;
    if (quick.handles(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      send(noting());
    } else if (event.key === "Escape") {
      setNoting(false);
      text.blur();
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("input, textarea, select, dialog[open]")) return;
    if (!["r", "n", "/"].includes(event.key)) return;
    event.preventDefault();
    if (event.key === "n") setNoting(true);
    text.focus();
    if (event.key === "/") {
      text.value = "/";
      text.dispatchEvent(new Event("input"));
    }
  });
}

drawDays();
toEnd();
if (csrf) markRead();
