// Draws the local Telegram anew whenever something has changed there, and acts as the chosen person.

const { words, faults } = JSON.parse(document.getElementById("setup").textContent);
const $ = (id) => document.getElementById(id);
const language = document.documentElement.lang;
const PLACE = { latitude: 31.2304, longitude: 121.4737 };

let chosen = Number(sessionStorage.getItem("chat")) || null;
let current = null; // the chosen chat, as it was last drawn

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function clockTime(date, withDay = false) {
  const day = withDay ? { month: "short", day: "numeric" } : {};
  const format = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", ...day };
  return make("time", { dateTime: date.toISOString() }, new Intl.DateTimeFormat(language, format).format(date));
}

function complain(why) {
  $("problem").textContent = words.refused.replace("{why}", why);
  $("problem").hidden = !why;
}

async function act(what, body) {
  try {
    const response = await fetch(`/simulator/${what}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const said = await response.json();
    complain(response.ok ? "" : said.detail);
    return response.ok ? said : null;
  } catch (error) {
    complain(error.message);
    return null;
  }
}

// People.

function initials(chat) {
  return [...chat.name][0] ?? "?";
}

function drawPeople(chats) {
  const focused = document.activeElement?.closest("#people button")?.value;
  $("people").replaceChildren(
    ...chats.map((chat) => {
      const name = make("span", { className: `grow${chat.blocked ? " left" : ""}` }, chat.name);
      const face = make("span", { className: "avatar", "aria-hidden": "true" }, initials(chat));
      const button = make("button", { type: "button", value: chat.id }, face, name);
      if (chat.id === chosen) button.setAttribute("aria-current", "true");
      button.addEventListener("click", () => choose(chat.id));
      return make("li", {}, button);
    }),
  );
  if (focused) $("people").querySelector(`[value="${focused}"]`)?.focus();
}

function choose(id) {
  chosen = id;
  current = null;
  sessionStorage.setItem("chat", id);
  refresh();
}

// The chat.

function drawContent(message) {
  const parts = [];
  if (message.photo) {
    const id = message.photo.at(-1).file_id;
    if (/^https?:/.test(id)) {
      parts.push(make("p", {}, `🖼 ${words.outside_photo} `, make("a", { href: id, rel: "noreferrer" }, id)));
    } else {
      const picture = make("img", { src: `/simulator/files/${encodeURIComponent(id)}`, alt: words.photo });
      picture.addEventListener("load", () => scrollToEnd());
      parts.push(picture);
    }
  }
  if (message.location) {
    const { latitude, longitude } = message.location;
    parts.push(make("p", {}, `📍 ${words.place}`), make("p", { className: "placed" }, `${latitude}, ${longitude}`));
  }
  if (message.contact) {
    parts.push(make("p", {}, `👤 ${message.contact.first_name}`));
    parts.push(make("p", { className: "placed" }, message.contact.phone_number));
  }
  const text = message.text ?? message.caption;
  if (text) parts.push(make("p", {}, text));
  return parts;
}

function scrollToEnd() {
  $("messages").scrollTop = $("messages").scrollHeight;
}

function drawMessage(message) {
  const bot = message.from.is_bot;
  const speaker = make("span", { className: "unseen" }, `${bot ? words.bot : message.from.first_name}: `);
  const time = clockTime(new Date(message.date * 1000));
  if (message.edit_date) time.prepend(`${words.edited} `);
  const bubble = make("div", { className: bot ? "bubble bot" : "bubble" }, speaker, ...drawContent(message), time);
  const rows = message.reply_markup?.inline_keyboard ?? [];
  return rows.length ? [bubble, make("div", { className: "keys" }, ...rows.map((row) => drawKeys(message, row)))] : [bubble];
}

function drawKeys(message, row) {
  const keys = row.map((key) => {
    const turning = message.pressing.includes(key.callback_data);
    const button = make("button", { type: "button", className: `button${turning ? " turning" : ""}` }, key.text);
    button.disabled = current.blocked;
    button.addEventListener("click", () =>
      act("press", { chat: chosen, message_id: message.message_id, data: key.callback_data }),
    );
    return button;
  });
  return make("div", {}, ...keys);
}

function drawChat(chat) {
  const box = $("messages");
  const longer = chat.messages.length !== current?.messages.length;
  if (JSON.stringify(chat) === JSON.stringify(current)) return;
  const focused = [...box.querySelectorAll("button")].indexOf(document.activeElement);
  current = chat;
  $("who").textContent = chat.name;
  $("face").textContent = initials(chat);
  $("standing").textContent = chat.blocked ? words.blocked : chat.group ? words.group : `${chat.id}`;
  $("block").textContent = chat.blocked ? words.unblock : words.block;
  $("block").hidden = chat.group;
  for (const control of document.querySelectorAll("#write *, .deeds button, #photo")) control.disabled = chat.blocked;
  const drawn = chat.messages.flatMap(drawMessage);
  box.replaceChildren(...(drawn.length ? drawn : [make("p", { className: "empty" }, words.nothing)]));
  if (focused >= 0) box.querySelectorAll("button")[focused]?.focus();
  if (longer) scrollToEnd();
}

// Over the wire.

function mark(status) {
  if (!status) return make("span", { className: "tag danger" }, words.no_answer);
  const kind = status < 300 ? "good" : status === 429 ? "warning" : "danger";
  return make("span", { className: `tag ${kind}` }, `${status}`);
}

function drawLine(line) {
  const out = line.way === "out";
  const way = make("span", { title: out ? words.to_bot : words.from_bot, role: "img" }, out ? "→" : "←");
  way.setAttribute("aria-label", out ? words.to_bot : words.from_bot);
  const head = make("span", {}, way, " ", clockTime(new Date(line.at)));
  const detail = line.note ? [make("span", { className: "detail note" }, line.note)] : [];
  return make("li", {}, head, make("span", { className: "what" }, line.what), mark(line.status), ...detail);
}

function drawWire(state) {
  $("webhook").textContent = state.webhook || words.no_webhook;
  $("waiting").textContent = `${words.waiting}: ${state.waiting}`;
  $("log").replaceChildren(...state.log.map(drawLine));
  if (!state.log.length) $("log").append(make("li", { className: "note" }, words.no_log));
  $("now").replaceChildren(...clockTime(new Date(state.now), true).childNodes);
  $("now").dateTime = state.now;
  $("faults").replaceChildren(
    ...state.faults.map((fault) => {
      const what = fault.method === "webhook" ? words.webhook : fault.method;
      const text = `${what}: ${words.faults_named[fault.kind] ?? fault.kind} × ${fault.times}`;
      return make("li", { className: "tag warning" }, text);
    }),
  );
}

async function load(path) {
  const response = await fetch(path);
  return response.ok ? response.json() : null;
}

let refreshing = false;
let again = false;

async function refresh() {
  again = refreshing;
  if (refreshing) return;
  refreshing = true;
  try {
    const state = await load("/simulator/state");
    if (!state) return;
    if (!state.chats.some((chat) => chat.id === chosen)) chosen = state.chats[0]?.id ?? null;
    drawPeople(state.chats);
    drawWire(state);
    const chat = chosen && (await load(`/simulator/chats/${chosen}`));
    if (chat) drawChat(chat);
  } catch {
    // The simulator has gone; the event stream comes back when it does.
  } finally {
    refreshing = false;
    if (again) refresh();
  }
}

// Deeds.

$("write").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = $("text").value;
  $("text").value = "";
  $("text").focus();
  if (!(await act("messages", { chat: chosen, text }))) $("text").value ||= text;
});

$("join").addEventListener("submit", async (event) => {
  event.preventDefault();
  const joined = await act("people", { name: $("name").value });
  if (!joined) return;
  $("name").value = "";
  choose(joined.chat);
  if (document.activeElement === $("name")) $("text").focus();
});

$("photo").addEventListener("change", () => {
  const [file] = $("photo").files;
  if (!file) return;
  const reader = new FileReader();
  reader.addEventListener("load", async () => {
    const caption = $("text").value;
    const data = reader.result.slice(reader.result.indexOf(",") + 1);
    if (await act("photos", { chat: chosen, data, caption })) $("text").value = "";
    $("photo").value = "";
  });
  reader.readAsDataURL(file);
});

$("start").addEventListener("click", () => act("messages", { chat: chosen, text: "/start" }));
$("location").addEventListener("click", () => act("locations", { chat: chosen, ...PLACE }));
$("contact").addEventListener("click", () =>
  act("contacts", { chat: chosen, phone_number: `+861380000${String(Math.abs(chosen) % 10000).padStart(4, "0")}` }),
);
$("block").addEventListener("click", () => act("block", { chat: chosen, blocked: !current?.blocked }));
for (const button of document.querySelectorAll("[data-seconds]")) {
  button.addEventListener("click", () => act("clock", { seconds: Number(button.dataset.seconds) }));
}

function offerKinds() {
  const kinds = faults[$("method").value];
  $("kind").replaceChildren(...kinds.map((kind) => make("option", { value: kind }, words.faults_named[kind] ?? kind)));
}

$("method").addEventListener("change", offerKinds);
$("spoil").addEventListener("submit", (event) => {
  event.preventDefault();
  act("faults", { method: $("method").value, kind: $("kind").value, times: Number($("times").value) });
});

offerKinds();
new EventSource("/simulator/events").addEventListener("message", refresh);
setInterval(refresh, 30_000);
