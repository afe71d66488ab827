// On every page of the console: what was said fades, and a form is sent once however often it is clicked.

for (const said of document.querySelectorAll("[data-fades]")) {
  setTimeout(() => said.remove(), 6000);
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});

// Back by the browser's own button: the form may be sent again.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// A question before a deed that is hard to undo: <form data-ask="Close it?">
document.addEventListener(
  "submit",
  (event) => {
    const asked = event.submitter?.dataset.ask ?? event.target.dataset.ask;
    if (asked && !confirm(asked)) event.preventDefault();
  },
  { capture: true },
);

// Words that are sent from a page of their own are no draft any more: <form data-settles="…">
document.addEventListener("submit", (event) => {
  const { settles } = event.target.dataset;
  const sent = event.target.elements.text?.value.trim();
  const draft = settles && localStorage.getItem(settles)?.trim();
  if (!sent || !draft?.startsWith(sent)) return;
  const rest = draft.slice(sent.length).trim();
  if (rest) localStorage.setItem(settles, rest);
  else localStorage.removeItem(settles);
});

// A menu closes by Escape, and by a click elsewhere.
document.addEventListener(
  "keydown",
  (event) => {
    const menu = document.querySelector(".menu[open]");
    if (event.key !== "Escape" || !menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
    event.stopPropagation();
  },
  { capture: true },
);

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll(".menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
