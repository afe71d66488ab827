// Quick replies: a "/" at the beginning of the text opens them, what follows narrows them, Enter takes one.

/** Watch a text; `handles(event)` is asked first for each key. */
export function startQuickReplies(text, list) {
  const all = JSON.parse(document.getElementById("quick-replies").textContent);
  let shown = [];
  let at = 0;

  function find() {
    const typed = text.value;
    if (!typed.startsWith("/") || typed.includes("\n")) return [];
    const wanted = typed.slice(1).trim().toLowerCase();
    const starts = all.filter((reply) => reply.shortcut.startsWith(wanted));
    const holds = all.filter(
      (reply) => !starts.includes(reply) && (reply.shortcut + reply.text).toLowerCase().includes(wanted),
    );
    return [...starts, ...holds].slice(0, 20);
  }

  function draw() {
    list.hidden = shown.length === 0;
    list.replaceChildren(
      ...shown.map((reply, number) => {
        const item = document.createElement("li");
        item.id = `quick-${number}`;
        item.role = "option";
        item.ariaSelected = String(number === at);
        const name = document.createElement("b");
        name.textContent = `/${reply.shortcut}`;
        const what = document.createElement("span");
        what.textContent = reply.text;
        item.append(name, what);
        item.addEventListener("mousedown", (event) => (event.preventDefault(), take(reply)));
        return item;
      }),
    );
    if (shown.length) text.setAttribute("aria-activedescendant", `quick-${at}`);
    else text.removeAttribute("aria-activedescendant");
    list.children[at]?.scrollIntoView({ block: "nearest" });
  }

  function take(reply) {
    text.value = reply.text;
    text.dispatchEvent(new Event("input"));
    text.focus();
  }

  text.addEventListener("input", () => {
    shown = find();
    at = 0;
    draw();
  });

  function handles(event) {
    if (!shown.length) return false;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      at = (at + (event.key === "ArrowDown" ? 1 : -1) + shown.length) % shown.length;
      draw();
    } else if (event.key === "Enter" || event.key === "Tab") {
      take(shown[at]);
    } else if (event.key === "Escape") {
      shown = [];
      draw();
    } else {
      return false;
    }
    event.preventDefault();
    return true;
  }

  return { handles };
}
