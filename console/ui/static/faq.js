// Questions and answers: the state of the training keeps itself up, languages become tabs, a trial needs no
// new page.

const SOON = 1000; // ms, while the bot is learning
const LATER = 15000;

async function keepUp() {
  const shown = document.getElementById("learning");
  if (!shown) return;
  const busy = ["waiting", "training"].includes(shown.dataset.status);
  setTimeout(async () => {
    try {
      const answer = await fetch("/console/faq/state", { headers: { "x-parley": "1" } });
      if (answer.ok && !document.hidden) {
        const part = document.createRange().createContextualFragment(await answer.text());
        const fresh = part.getElementById("learning");
        if (fresh && fresh.outerHTML !== shown.outerHTML) shown.replaceWith(fresh);
      }
    } catch {
      // Away: asked again.
    }
    keepUp();
  }, busy ? SOON : LATER);
}

function makeTabs(panels) {
  const parts = [...panels.querySelectorAll(":scope > [data-tab]")];
  const list = document.createElement("div");
  list.className = "tab-list";
  list.setAttribute("role", "tablist");
  list.setAttribute("aria-labelledby", panels.getAttribute("aria-labelledby"));
  const tabs = parts.map((part, place) => {
    const tab = document.createElement("button");
    tab.type = "button";
    tab.id = `tab-${place}`;
    tab.textContent = part.dataset.tab;
    tab.setAttribute("role", "tab");
    part.id = `panel-${place}`;
    part.setAttribute("role", "tabpanel");
    part.setAttribute("aria-labelledby", tab.id);
    part.querySelector("h3")?.remove();
    tab.setAttribute("aria-controls", part.id);
    tab.addEventListener("click", () => open(place));
    return tab;
  });
  const open = (chosen) =>
    parts.forEach((part, place) => {
      part.hidden = place !== chosen;
      tabs[place].setAttribute("aria-selected", String(place === chosen));
      tabs[place].tabIndex = place === chosen ? 0 : -1;
    });
  const mark = () =>
    parts.forEach((part, place) => {
      const filled = [...part.querySelectorAll("textarea, input")].some((field) => field.value.trim());
      tabs[place].toggleAttribute("data-filled", filled);
    });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = (tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length;
    open(next);
    tabs[next].focus();
  });
  panels.addEventListener("input", mark);
  list.append(...tabs);
  panels.before(list);
  mark();
  open(Math.max(0, parts.findIndex((part) => part.hasAttribute("data-opened"))));
}

function askHere(form) {
  const question = document.getElementById("question");
  const shown = document.getElementById("asked");
  const button = form.querySelector("button[value=ask]");
  let asking = null;
  const ask = async () => {
    if (!question.value.trim()) return question.focus();
    asking?.abort();
    asking = new AbortController();
    const body = new FormData(form);
    body.set("do", "ask");
    const headers = { "x-parley": "1", "x-csrf": body.get("csrf") };
    try {
      const answer = await fetch(form.action, { method: "POST", body, headers, signal: asking.signal });
      const html = await answer.text();
      if (answer.ok) shown.innerHTML = html;
      else shown.textContent = html;
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
  };
  button.addEventListener("click", (event) => {
    event.preventDefault();
    ask();
  });
  question.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    ask();
  });
  let typing = 0;
  document.getElementById("phrasings")?.addEventListener("input", () => {
    clearTimeout(typing);
    if (question.value.trim()) typing = setTimeout(ask, 700);
  });
}

keepUp();
document.querySelectorAll("[data-tabs]").forEach(makeTabs);
const editor = document.getElementById("editor");
if (editor) askHere(editor);
for (const choice of document.querySelectorAll(".filters[role=search] select")) {
  choice.addEventListener("change", () => choice.form.requestSubmit());
}
