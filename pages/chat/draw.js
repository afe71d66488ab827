// From a message's content to elements. Text only ever becomes text nodes: nothing that anybody writes
// is read as HTML, and only http, https, mailto and tel addresses become links.

const LINK = /https?:\/\/[^\s<>"'`\u3000-\u303f\uff00-\uffef]+/giu;
const TRAILING = /[.,;:!?)\]}'"]+$/u;

/** A new element with properties and children. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "class") made.className = value;
    else if (key.includes("-")) made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

/** The address if it is one that may be followed, else null. Paths count from this site. */
export function safeUrl(text, schemes = ["http:", "https:"]) {
  try {
    const url = new URL(text, location.origin);
    return schemes.includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

function link(href, ...children) {
  return element("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, ...children);
}

/** Text with its line breaks (by style) and its web addresses as links. */
export function drawText(text) {
  const paragraph = element("p", { class: "bubble-text", dir: "auto" });
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    const address = match[0].replace(TRAILING, "");
    const href = safeUrl(address);
    if (!href) continue;
    paragraph.append(text.slice(from, match.index), link(href, address));
    from = match.index + address.length;
  }
  paragraph.append(text.slice(from));
  return paragraph;
}

function drawImage(content, setup) {
  const href = safeUrl(content.media?.url ?? "");
  if (!href) return [drawText(`[${setup.words.picture}]`)];
  const picture = element("img", { src: href, alt: content.text || setup.words.picture, loading: "lazy" });
  const opener = link(href, picture);
  opener.className = "bubble-image";
  opener.setAttribute("aria-label", setup.words.open_picture);
  picture.onerror = () => opener.replaceChildren(`${setup.words.open_picture} ↗`);
  return [opener, content.text && drawText(content.text)];
}

function drawPlayer(tag, label) {
  return (content, setup) => {
    const href = safeUrl(content.media?.url ?? "");
    const caption = content.text && drawText(content.text);
    if (!href) return [caption || drawText(`[${setup.words[label]}]`)];
    const player = element(tag, { controls: true, preload: "none", src: href });
    player.setAttribute("aria-label", setup.words[label]);
    return [player, caption];
  };
}

function drawFile(content, setup) {
  const name = content.media?.name || content.text || setup.words.file;
  const href = safeUrl(content.media?.url ?? "");
  const size = content.media?.size ? sizeInWords(content.media.size) : "";
  const inside = [element("strong", {}, name), element("small", {}, size || setup.words.file)];
  const card = href ? link(href, ...inside) : element("span", {}, ...inside);
  card.className = "bubble-card";
  return [card, content.text && content.text !== name ? drawText(content.text) : null];
}

function sizeInWords(bytes) {
  return bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} kB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

function drawLocation(content, setup) {
  const { latitude, longitude, label } = content.data ?? {};
  const place = label || content.text || setup.words.open_map;
  if (!Number.isFinite(latitude) || !Number.isFinite(longitude)) return [drawText(place)];
  const href = `https://www.openstreetmap.org/?mlat=${latitude}&mlon=${longitude}#map=16/${latitude}/${longitude}`;
  const note = `${latitude.toFixed(5)}, ${longitude.toFixed(5)} ↗`;
  const card = link(href, element("strong", {}, place), element("small", {}, note));
  card.className = "bubble-card";
  card.title = setup.words.open_map;
  return [card, content.text && content.text !== place ? drawText(content.text) : null];
}

function drawLink(content) {
  const { url, title, description } = content.data ?? {};
  const href = safeUrl(url ?? "");
  const name = title || content.text || url || "";
  if (!href) return [drawText([name, description].filter(Boolean).join("\n"))];
  const host = element("small", {}, new URL(href).host);
  const words = description && element("span", {}, description);
  const card = link(href, element("strong", {}, name), words, host);
  card.className = "bubble-card";
  return [card, content.text && content.text !== name ? drawText(content.text) : null];
}

function drawContact(content) {
  const { phone_number: phone = "", name = "" } = content.data ?? {};
  const href = safeUrl(`tel:${String(phone).replace(/[^+\d]/gu, "")}`, ["tel:"]);
  const inside = [element("strong", {}, name || content.text || String(phone)), element("small", {}, String(phone))];
  const card = phone && href ? element("a", { href }, ...inside) : element("span", {}, ...inside);
  card.className = "bubble-card";
  return [card];
}

const DRAWERS = {
  text: (content) => [drawText(content.text ?? "")],
  image: drawImage,
  voice: drawPlayer("audio", "voice"),
  video: drawPlayer("video", "video"),
  file: drawFile,
  location: drawLocation,
  link: drawLink,
  contact: drawContact,
};

/** The elements of a content of any kind; what cannot be drawn says its text, or that there is something. */
export function drawContent(content, setup) {
  const drawer = Object.hasOwn(DRAWERS, content.kind) ? DRAWERS[content.kind] : null;
  const drawn = drawer ? drawer(content, setup) : [drawText(content.text || setup.words.unknown)];
  return drawn.filter(Boolean);
}
