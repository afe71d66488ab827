// Keeps the page in step with the simulator: one stream says that something changed, one request fetches it.

import { $, act, make, reconcile, say } from "./dom.js";
import { bindDeeds, drawMenu, drawTickets } from "./deeds.js";
import { drawPanel } from "./panel.js";
import { drawScreen } from "./screen.js";

let openid = decodeURIComponent(location.hash.slice(1));
let state = null;
let fetchedAt = 0;
let fetching = false;
let wanted = false;
const read = new Map(); // how much of each conversation was on the screen

async function refresh() {
  wanted = true;
  if (fetching) return;
  fetching = true;
  while (wanted) {
    wanted = false;
    try {
      const response = await fetch(`/simulator/state?openid=${encodeURIComponent(openid)}`);
      state = await response.json();
      fetchedAt = performance.now();
      draw();
    } catch {
      break; // The stream notices and tries again.
    }
  }
  fetching = false;
}

function draw() {
  const customer = state.customer;
  if (customer) {
    openid = customer.openid;
    read.set(openid, state.customers.find((person) => person.openid === openid).shown);
    drawScreen(customer, state.account);
    $("following").hidden = !customer.following;
    $("stranger").hidden = customer.following;
    $("under-name").textContent = customer.typing ? say("typing") : customer.name;
  }
  reconcile($("list"), people(), (person) => person.openid, drawPerson);
  drawMenu(state.menu, () => openid);
  drawTickets(state.tickets);
  drawPanel(state);
  tick();
}

function people() {
  return state.customers.map((person) => ({
    ...person,
    current: person.openid === openid,
    unread: person.openid === openid ? 0 : person.shown - (read.get(person.openid) ?? 0),
  }));
}

function drawPerson(person) {
  const { note, text, kind } = person.last ?? { note: "", text: say("no_words") };
  const last = note ? say(`note_${note}`) : text || say(kind);
  return make(
    "li",
    {},
    make(
      "button",
      { type: "button", "aria-current": person.current && "true", onclick: () => choose(person.openid) },
      make("span", { class: "avatar", "aria-hidden": "true" }, [...person.name][0] ?? "?"),
      make("span", { class: "name" }, person.name),
      person.following ? null : make("span", { class: "tag plain" }, say("not_following")),
      person.unread ? make("span", { class: "count" }, String(person.unread)) : null,
      make("span", { class: "last" }, last),
    ),
  );
}

function choose(other) {
  openid = other;
  history.replaceState(null, "", `#${encodeURIComponent(other)}`);
  openDrawer("people", false);
  refresh();
}

function tick() {
  if (!state) return;
  const now = Date.parse(state.now) + performance.now() - fetchedAt;
  const lang = document.documentElement.lang;
  $("now").textContent = new Date(now).toLocaleString(lang, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
  let over = false;
  for (const element of document.querySelectorAll("[data-until]")) {
    const left = Math.ceil((Date.parse(element.dataset.until) - now) / 1000);
    element.textContent = left > 0 ? countdown(left) : say("expired");
    over ||= left === 0;
  }
  if (over) refresh();
}

function countdown(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  if (hours >= 72) return `${Math.floor(hours / 24)} d`;
  return hours ? `${hours}:${rest}` : rest;
}

function listen() {
  const stream = new EventSource("/simulator/events");
  stream.onopen = stream.onmessage = () => {
    $("lost").hidden = true;
    refresh();
  };
  stream.onerror = () => ($("lost").hidden = false);
}

function bindComposer() {
  const text = $("text");
  const fit = () => {
    text.style.height = "auto";
    text.style.height = `${Math.min(text.scrollHeight + 2, 140)}px`;
  };
  text.addEventListener("input", fit);
  text.addEventListener("keydown", (event) => {
    // Enter also ends the choice of a Chinese character: that one does not send.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    $("composer").requestSubmit();
  });
  $("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!text.value.trim()) return;
    act("say", { openid, text: text.value });
    text.value = "";
    fit();
    text.focus();
  });
  $("new-person").addEventListener("submit", async (event) => {
    event.preventDefault();
    const field = $("new-name");
    if (await act("customer", { name: field.value.trim() || "?" })) field.value = "";
  });
}

function bindPanel() {
  for (const button of document.querySelectorAll("[data-seconds]")) {
    button.addEventListener("click", () => act("clock", { seconds: Number(button.dataset.seconds) }));
  }
  for (const select of document.querySelectorAll("[data-setting]")) {
    select.addEventListener("change", () => act("configure", { [select.dataset.setting]: select.value }));
  }
  $("set-templates").addEventListener("change", (event) =>
    act("templates", { openid, outcome: event.target.value }),
  );
  for (const form of document.querySelectorAll("form.fault")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const { kind, times } = form.elements;
      act("fault", { kind: kind.value, match: form.dataset.match, times: times.valueAsNumber });
    });
  }
  $("clear-faults").addEventListener("click", () => act("clear-faults"));
  $("revoke").addEventListener("click", () => act("revoke-tokens"));
  $("verify").addEventListener("click", () => act("verify"));
}

function bindTabs() {
  const tabs = [...document.querySelectorAll("[role=tab]")];
  const select = (tab) => {
    for (const each of tabs) {
      each.setAttribute("aria-selected", String(each === tab));
      each.tabIndex = each === tab ? 0 : -1;
      $(each.getAttribute("aria-controls")).hidden = each !== tab;
    }
  };
  tabs.forEach((tab, index) => {
    tab.addEventListener("click", () => select(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = tabs[(index + step + tabs.length) % tabs.length];
      select(next);
      next.focus();
    });
  });
}

function openDrawer(name, open) {
  $(name).classList.toggle("open", open);
  $(`show-${name}`).setAttribute("aria-expanded", String(open));
}

function bindDrawers() {
  for (const name of ["people", "panel"]) {
    $(`show-${name}`).addEventListener("click", () => {
      const open = !$(name).classList.contains("open");
      openDrawer("people", false);
      openDrawer("panel", false);
      openDrawer(name, open);
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") for (const name of ["people", "panel"]) openDrawer(name, false);
    const step = event.altKey && { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !state?.customers.length) return;
    event.preventDefault();
    const all = state.customers.map((person) => person.openid);
    choose(all[(all.indexOf(openid) + step + all.length) % all.length]);
  });
  // The language links keep who was chosen.
  for (const link of document.querySelectorAll(".languages a")) {
    link.addEventListener("click", () => (link.hash = encodeURIComponent(openid)));
  }
}

bindComposer();
bindDeeds(() => openid);
bindPanel();
bindTabs();
bindDrawers();
listen();
setInterval(tick, 1000);
