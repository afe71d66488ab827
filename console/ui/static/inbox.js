// The inbox, live: a row that the server has drawn anew moves to its place. Whatever was missed is looked up:
// the page is fetched again and its parts are put in. Events for the open conversation go on to talk.js.

const rows = document.getElementById("rows");
const talk = document.getElementById("talk");
const lost = document.getElementById("lost");
const { tab, channel, me } = rows.dataset;
const title = document.title;

function belongs(data) {
  if (channel && data.channel !== channel) return false;
  if (tab === "mine") return data.floor === "agent" && data.agent === me;
  return tab === "all" ? data.floor !== "closed" : data.floor === tab;
}

function place(data) {
  const old = document.getElementById(`row-${data.id}`);
  const focused = old?.contains(document.activeElement);
  if (tab === "found") return; // Found ones stay as they were found.
  old?.remove();
  if (!belongs(data)) return tidy();
  const template = document.createElement("template");
  template.innerHTML = data.row.trim();
  const row = template.content.firstElementChild;
  const before = [...rows.querySelectorAll(".row-item")].find((other) => other.dataset.heard < data.heard);
  const more = rows.querySelector(".row-more");
  if (!before && more && !old) return; // It stands on a page that is not shown yet.
  rows.insertBefore(row, before ?? more);
  if (talk?.dataset.id === data.id) row.querySelector("a").setAttribute("aria-current", "true");
  if (focused) row.querySelector("a").focus();
  row.dispatchEvent(new CustomEvent("drawn", { bubbles: true }));
  tidy();
}

function tidy() {
  document.getElementById("rows-empty").hidden = rows.querySelector(".row-item") !== null;
}

function count(counts) {
  for (const [name, number] of [["waiting", counts.waiting], ["mine", counts.held[me] ?? 0]]) {
    const element = document.querySelector(`[data-count="${name}"]`);
    element.textContent = number;
    element.hidden = !number;
  }
  document.title = counts.waiting ? `(${counts.waiting}) ${title}` : title;
}

/** Put a part that the server has drawn anew in the place of the old one; the focus stays on what it was on. */
export function replace(old, fresh) {
  const nameOf = (element) => element.getAttribute("href") ?? element.form?.action ?? element.tagName;
  const held = old.contains(document.activeElement) && nameOf(document.activeElement);
  old.replaceWith(fresh);
  if (!held) return;
  [...fresh.querySelectorAll("a, button, select, summary")].find((element) => nameOf(element) === held)?.focus();
}

let looking = null;

/** Fetch this page again and put its parts in; once at a time. */
export function look() {
  looking ??= fetchAgain().finally(() => (looking = null));
  return looking;
}

async function fetchAgain() {
  const answer = await fetch(location.href, { headers: { "x-parley": "1" } });
  if (answer.status === 401) return location.reload();
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("rows");
  if (fresh && rows.querySelectorAll(".row-item").length <= fresh.querySelectorAll(".row-item").length) {
    const held = rows.contains(document.activeElement) && document.activeElement.getAttribute("href");
    rows.replaceChildren(...fresh.childNodes);
    if (held) rows.querySelector(`a[href="${held}"]`)?.focus();
    rows.dispatchEvent(new CustomEvent("drawn", { bubbles: true }));
    tidy();
  }
  document.dispatchEvent(new CustomEvent("looked", { detail: page }));
}

// The server is heard every 15 seconds at the latest. A connection that a sleeping computer or a lost network
// has cut tells nothing of its end.
const SILENCE = 40_000;
let silence;

function hear(source) {
  clearTimeout(silence);
  silence = setTimeout(() => {
    source.close();
    lost.hidden = false;
    listen();
  }, SILENCE);
}

function listen() {
  const source = new EventSource(`/console/live${talk ? `?conversation=${talk.dataset.id}` : ""}`);
  source.addEventListener("here", () => {
    lost.hidden = true;
    document.documentElement.dataset.live = "yes";
    look(); // What happened since the page was drawn, or while the connection was lost.
  });
  for (const name of ["here", "beat", "again", "counts", "conversation", "typing"]) {
    source.addEventListener(name, () => hear(source));
  }
  hear(source);
  source.addEventListener("again", () => setTimeout(look, Math.random() * 1000)); // Not all at once.
  source.addEventListener("counts", (event) => count(JSON.parse(event.data)));
  source.addEventListener("conversation", (event) => {
    const data = JSON.parse(event.data);
    place(data);
    document.dispatchEvent(new CustomEvent("news", { detail: data }));
  });
  source.addEventListener("typing", () => document.dispatchEvent(new CustomEvent("typing")));
  source.addEventListener("error", async () => {
    lost.hidden = false;
    delete document.documentElement.dataset.live;
    if (source.readyState !== EventSource.CLOSED) return; // It tries again by itself.
    clearTimeout(silence);
    const answer = await fetch("/console/account", { headers: { "x-parley": "1" } }).catch(() => null);
    if (answer?.status === 401) location.reload();
    else setTimeout(listen, 3000);
  });
}

rows.addEventListener("click", async (event) => {
  const more = event.target.closest("[data-more]");
  if (!more) return;
  event.preventDefault();
  const answer = await fetch(more.dataset.more, { headers: { "x-parley": "1" } });
  if (!answer.ok) return;
  const item = more.closest("li");
  item.insertAdjacentHTML("beforebegin", await answer.text());
  item.remove();
  rows.dispatchEvent(new CustomEvent("drawn", { bubbles: true }));
});

document.querySelector("[data-goes]")?.addEventListener("change", (event) => event.target.form.submit());

// The list keeps its place from page to page.
const kept = `parley-list-${tab}`;
rows.scrollTop = Number(sessionStorage.getItem(kept) ?? 0);
addEventListener("pagehide", () => sessionStorage.setItem(kept, rows.scrollTop));

function step(by) {
  const links = [...rows.querySelectorAll(".row-item a")];
  const now = links.findIndex((link) => link.hasAttribute("aria-current"));
  const next = links[now < 0 ? 0 : now + by];
  if (next) location.assign(next.href);
}

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  s: () => document.getElementById("search").focus(),
  t: () => document.getElementById("take")?.requestSubmit(),
  "?": () => document.getElementById("keys").showModal(),
  Escape: () => talk && location.assign("/console/inbox"),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest("input, textarea, select, dialog[open]")) return;
  if (!KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});

listen();
