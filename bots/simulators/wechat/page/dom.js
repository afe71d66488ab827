// Small parts that the other scripts share: words, elements, lists that change, requests.

export const words = JSON.parse(document.getElementById("words").textContent);

export const $ = (id) => document.getElementById(id);

/** The words for a key, with {name} filled in from `values`; the key itself if there are none. */
export function say(key, values = {}) {
  return (words[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** An element with attributes and children; texts are always texts, never markup. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** Make the children of `parent` those of `items`, drawing anew only what changed; open details stay open. */
export function reconcile(parent, items, keyOf, draw) {
  const before = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const wanted = items.map((item) => {
    const key = String(keyOf(item));
    const written = JSON.stringify(item);
    const old = before.get(key);
    if (old?.written === written) return old;
    const element = draw(item);
    element.dataset.key = key;
    element.written = written;
    if (old?.open) element.open = true;
    return element;
  });
  wanted.forEach((element, index) => {
    if (parent.children[index] !== element) parent.insertBefore(element, parent.children[index] ?? null);
  });
  while (parent.children.length > wanted.length) parent.lastElementChild.remove();
}

/** Set a select's options, leaving it alone while nothing changed. */
export function options(select, values, chosen, nameOf) {
  const written = JSON.stringify(values);
  if (select.dataset.written !== written) {
    select.dataset.written = written;
    select.replaceChildren(...values.map((value) => make("option", { value }, nameOf(value))));
  }
  if (chosen !== undefined && document.activeElement !== select) select.value = chosen;
}

/** Ask the simulator to do something; what goes wrong is shown and false comes back. */
export async function act(name, body = {}) {
  try {
    const response = await fetch(`/simulator/${name}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (response.ok) return true;
    complain((await response.json()).detail);
  } catch (error) {
    complain(error.message);
  }
  return false;
}

let fading;
function complain(detail) {
  const toast = $("toast");
  toast.textContent = say("failed") + detail;
  toast.hidden = false;
  clearTimeout(fading);
  fading = setTimeout(() => (toast.hidden = true), 6000);
}
