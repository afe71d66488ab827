// What the customer can do beside writing: the menu, the tray, the dialogs.

import { $, act, make, reconcile, say } from "./dom.js";

/** Bind all controls; `openid()` tells who is acting. */
export function bindDeeds(openid) {
  $("follow").addEventListener("click", () => act("follow", { openid: openid() }));
  $("unfollow").addEventListener("click", () => {
    toggleTray(false);
    act("unfollow", { openid: openid() });
  });
  $("more").addEventListener("click", () => toggleTray($("tray").hidden));
  for (const button of document.querySelectorAll("[data-dialog]")) {
    button.addEventListener("click", () => {
      toggleTray(false);
      $(`dialog-${button.dataset.dialog}`).showModal();
    });
  }
  bindDialogs(openid);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("#menu")) closeMenus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeMenus(true);
  });
}

function toggleTray(open) {
  $("tray").hidden = !open;
  $("more").setAttribute("aria-expanded", String(open));
}

function bindDialogs(openid) {
  for (const button of document.querySelectorAll("[data-close]")) {
    button.addEventListener("click", () => button.closest("dialog").close());
  }
  const done = (name, run) =>
    $(`dialog-${name}`).addEventListener("close", (event) => {
      const how = event.target.returnValue;
      event.target.returnValue = "";
      if (how) run(how);
    });
  const text = (id) => $(id).value.trim();
  done("voice", () => act("voice", { openid: openid(), recognition: text("recognition") }));
  done("location", () =>
    act("location", {
      openid: openid(),
      label: text("label"),
      latitude: $("latitude").valueAsNumber,
      longitude: $("longitude").valueAsNumber,
    }),
  );
  done("image", () => act("image", { openid: openid() }));
  done("scan", async (how) => {
    const scene = how === "make" ? text("scene") : "";
    if (how === "make" && (!scene || !(await act("ticket", { scene })))) return;
    await act("scan", { openid: openid(), ticket: scene || how });
  });
  $("file").addEventListener("change", async () => {
    const [file] = $("file").files;
    if (!file) return;
    $("file").value = "";
    $("dialog-image").close();
    await act("image", { openid: openid(), data: await base64(file), content_type: file.type });
  });
}

function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.split(",")[1] ?? "");
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

/** Draw the account's menu; a button with sub-buttons opens a small list above itself. */
export function drawMenu(menu, openid) {
  const numbered = menu.map((button, number) => ({ ...button, number }));
  reconcile($("menu"), numbered, (button) => button.number, (button) => drawButton(button, openid));
  $("menu").hidden = !menu.length;
}

function drawButton(button, openid) {
  const subs = button.sub_button ?? [];
  if (!subs.length) return make("div", {}, tap(button, openid));
  const list = make("div", { class: "sub", hidden: true }, ...subs.map((sub) => tap(sub, openid)));
  const open = (event) => {
    const shut = list.hidden;
    closeMenus();
    list.hidden = !shut;
    event.currentTarget.setAttribute("aria-expanded", String(shut));
  };
  const toggle = make("button", { type: "button", "aria-expanded": "false", onclick: open }, `☰ ${button.name}`);
  return make("div", {}, list, toggle);
}

function tap(button, openid) {
  const run = () => {
    closeMenus();
    if (button.type === "view") act("view", { openid: openid(), url: button.url });
    else act("click", { openid: openid(), key: button.key ?? button.name });
  };
  return make("button", { type: "button", onclick: run }, button.type === "view" ? `${button.name} ↗` : button.name);
}

function closeMenus(back = false) {
  for (const list of document.querySelectorAll("#menu .sub:not([hidden])")) {
    list.hidden = true;
    list.nextElementSibling.setAttribute("aria-expanded", "false");
    if (back) list.nextElementSibling.focus();
  }
}

/** Draw the codes that can be scanned. */
export function drawTickets(tickets) {
  $("no-tickets").hidden = tickets.length > 0;
  reconcile($("tickets"), tickets, (ticket) => ticket.ticket, (ticket) =>
    make(
      "li",
      {},
      make("strong", {}, ticket.scene),
      ticket.ends_at
        ? make("time", { class: "note", "data-until": ticket.ends_at })
        : make("span", { class: "note" }, say("forever")),
      make("button", { class: "button small", value: ticket.ticket, disabled: !ticket.works }, say("scan")),
    ),
  );
}
