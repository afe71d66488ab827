// The conversation as the customer sees it.

import { $, act, icon, make, say } from "./dom.js";

let shownFor = "";
let lastSeq = 0;
let lastAt = 0;
let atEnd = true;

/** Draw what is new on the screen of `customer`; another customer's screen is drawn from its beginning. */
export function drawScreen(customer, account) {
  const lines = $("lines");
  const first = shownFor !== customer.openid;
  if (first) {
    shownFor = customer.openid;
    lastSeq = lastAt = 0;
    lines.replaceChildren();
  }
  const fresh = customer.screen.filter((seen) => seen.seq > lastSeq);
  for (const seen of fresh) {
    const at = Date.parse(seen.at);
    if (at - lastAt > 300_000) lines.append(make("li", { class: "when" }, moment(seen.at)));
    lastAt = at;
    lastSeq = seen.seq;
    lines.append(line(seen, seen.by === "customer" ? customer : account));
  }
  if (!lines.childElementCount) lines.append(make("li", { class: "empty" }, say("empty_hint")));
  else if (fresh.length) lines.querySelector(":scope > .empty")?.remove();
  if (first || fresh.at(-1)?.by === "customer") atEnd = true;
  if (fresh.length) stay();
}

function stay() {
  if (atEnd) $("scroll").scrollTop = $("scroll").scrollHeight;
}

// Whoever reads the newest line goes on doing so when a picture arrives or the keyboard opens.
$("scroll").addEventListener("scroll", ({ target }) => {
  atEnd = target.scrollHeight - target.scrollTop - target.clientHeight < 60;
});
$("lines").addEventListener("load", stay, true);
new ResizeObserver(stay).observe($("scroll"));

function moment(at) {
  const options = { month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const text = new Intl.DateTimeFormat(document.documentElement.lang, options).format(new Date(at));
  return make("time", { datetime: at }, text);
}

function line(seen, who) {
  if (seen.by === "platform" || seen.kind === "event") {
    const words = seen.data.note ? say(`note_${seen.data.note}`) : seen.text;
    return make("li", { class: seen.kind === "notice" ? "aside broken" : "aside" }, words);
  }
  const mine = seen.by === "customer";
  const face = make("span", { class: "avatar", "aria-hidden": "true" }, [...who.name][0]);
  const how = mine ? null : make("small", { class: "how" }, say(`by_${seen.how}`));
  return make("li", { class: mine ? "mine" : "theirs" }, face, make("div", {}, content(seen), how));
}

const DRAW = {
  text: (seen) => make("p", { class: "bubble" }, ...seen.pieces.map((piece) => part(piece))),
  menu: (seen) =>
    make("div", { class: "bubble choices" }, ...seen.pieces.map((piece) => make("div", {}, part(piece)))),
  image: (seen) => make("img", { class: "picture", src: seen.media, alt: say("image") }),
  voice: (seen) =>
    make("div", { class: "bubble voice" }, icon("play"), make("span", {}, seen.text || say("voice_line"))),
  video: (seen) => make("div", { class: "bubble" }, `▶ ${seen.text || say("video_line")}`),
  music: (seen) => card(seen.text, "♪", seen.data.url),
  news: (seen) => card(seen.text, seen.data.description, seen.data.url),
  miniprogram: (seen) => card(seen.text, seen.data.pagepath, ""),
  template: (seen) => card(say("by_template"), seen.text, seen.data.url),
  location: (seen) =>
    make(
      "div",
      { class: "bubble place" },
      make("strong", {}, icon("location"), seen.text || say("location_line")),
      make("small", {}, `${seen.data.latitude.toFixed(4)}, ${seen.data.longitude.toFixed(4)}`),
    ),
};

function content(seen) {
  return (DRAW[seen.kind] ?? ((other) => make("p", { class: "bubble" }, other.text || other.kind)))(seen);
}

function part(piece) {
  if (piece.sends) {
    const tap = () => act("say", { openid: shownFor, text: piece.sends, menu_id: piece.menu_id });
    return make("button", { type: "button", class: "choice", onclick: tap }, piece.text);
  }
  if (piece.url) return make("a", { href: piece.url, target: "_blank", rel: "noreferrer" }, piece.text);
  return piece.text;
}

function card(title, description, url) {
  const safe = /^https?:\/\//.test(url) ? url : "";
  const open = safe && make("a", { href: safe, target: "_blank", rel: "noreferrer" }, say("open_link"));
  return make(
    "div",
    { class: "sheet" },
    make("strong", {}, title),
    description ? make("p", {}, description) : null,
    open || null,
  );
}
