// The graph: moved and zoomed by pointer, wheel, fingers and keys; searched; details of a node beside it.

const canvas = document.querySelector("#canvas");
const graph = document.querySelector("#graph");
const panel = document.querySelector("#panel");
const details = document.querySelector("#details");
const phone = matchMedia("(width < 760px)");

const SMALLEST = 0.08;
const LARGEST = 2.5;
const READABLE = 0.8; // at first the picture is no smaller than this, even if not all of it is seen
const READABLE_ON_PHONES = 0.65;
const STEP = 1.25;
const EDGE = 28; // px around the picture

// Open and closed.
const button = document.querySelector("#panel-button");

function openPanel(open) {
  panel.hidden = !open;
  button.setAttribute("aria-expanded", String(open));
}

button.hidden = false;
openPanel(!phone.matches || Boolean(details.children.length));
button.addEventListener("click", () => {
  openPanel(panel.hidden);
  if (!panel.hidden) panel.focus();
});

if (graph) start();

function start() {
  const scene = document.querySelector("#scene");
  const nodes = new Map([...graph.querySelectorAll(".node[data-id]")].map((node) => [node.dataset.id, node]));
  const before = new Map();
  for (const [id, node] of nodes) {
    for (const after of node.dataset.after.split(" ").filter(Boolean)) {
      before.set(after, [...(before.get(after) ?? []), id]);
    }
  }
  const whole = { width: Number(graph.dataset.width), height: Number(graph.dataset.height) };
  const size = graph.querySelector(".node[data-id] .shape").getBBox();
  let view = { x: 0, y: 0, scale: 1 };

  canvas.classList.add("live");
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "group");
  canvas.setAttribute("aria-label", graph.getAttribute("aria-label"));
  graph.removeAttribute("viewBox");
  document.querySelector("#zoom").hidden = false;

  const place = (node) => ({ x: Number(node.dataset.x), y: Number(node.dataset.y) });
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  function draw() {
    scene.setAttribute("transform", `translate(${view.x} ${view.y}) scale(${view.scale})`);
  }

  function fit(least = SMALLEST) {
    const { clientWidth: width, clientHeight: height } = canvas;
    const scale = Math.min((width - 2 * EDGE) / whole.width, (height - 2 * EDGE) / whole.height, 1.2);
    view.scale = clamp(scale, least, LARGEST);
    const spare = { x: width - whole.width * view.scale, y: height - whole.height * view.scale };
    view.x = Math.max(spare.x / 2, EDGE);
    view.y = Math.max(spare.y / 2, EDGE);
    if (least > SMALLEST && document.querySelector(".stories-note")) view.y = Math.max(view.y, 64);
    draw();
  }

  function zoom(factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
    const scale = clamp(view.scale * factor, SMALLEST, LARGEST);
    const grown = scale / view.scale;
    view = { x: x - (x - view.x) * grown, y: y - (y - view.y) * grown, scale };
    draw();
  }

  function pan(x, y) {
    view.x += x;
    view.y += y;
    draw();
  }

  // Bring a node into view; to the middle if it was not there.
  function bring(node) {
    const { x, y } = place(node);
    const left = view.x + x * view.scale;
    const top = view.y + y * view.scale;
    const inside =
      left >= 8 &&
      top >= 8 &&
      left + size.width * view.scale <= canvas.clientWidth - 8 &&
      top + size.height * view.scale <= canvas.clientHeight - 8;
    if (inside && view.scale >= 0.4) return;
    view.scale = Math.max(view.scale, READABLE_ON_PHONES);
    view.x = canvas.clientWidth / 2 - (x + size.width / 2) * view.scale;
    view.y = canvas.clientHeight / 2 - (y + size.height / 2) * view.scale;
    draw();
  }

  // One node at a time can be reached by Tab; the arrows go on from there.
  let current = null;
  let pointed = false;
  addEventListener("pointerdown", () => (pointed = true), { capture: true });
  addEventListener("keydown", () => (pointed = false), { capture: true });

  function choose(node) {
    if (current) current.tabIndex = -1;
    current = node;
    current.tabIndex = 0;
  }

  for (const node of graph.querySelectorAll("a")) node.tabIndex = -1;

  function go(node) {
    if (!node) return;
    choose(node);
    bring(node);
    node.focus({ preventScroll: true });
  }

  graph.addEventListener("focusin", (event) => {
    const node = event.target.closest(".node[data-id]");
    if (!node) return;
    choose(node);
    // Under a finger nothing may move away: it would press something else.
    if (!pointed) bring(node);
    light(node);
    // The browser may have scrolled what is moved by us alone.
    canvas.scrollTo(0, 0);
  });

  function light(node) {
    for (const line of graph.querySelectorAll(".line")) {
      const { from, to } = line.dataset;
      line.classList.toggle("lit", node.dataset.id === from || node.dataset.id === to);
    }
  }

  // The nearest node in a direction; along an edge where there is one.
  function neighbour(node, key) {
    const linked = key === "ArrowRight" ? node.dataset.after.split(" ") : (before.get(node.dataset.id) ?? []);
    const ahead = ["ArrowRight", "ArrowLeft"].includes(key);
    if (ahead) {
      const found = linked.map((id) => nodes.get(id)).filter(Boolean);
      if (found.length) return nearest(node, found);
    }
    const from = place(node);
    const [dx, dy] = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[key];
    const there = [...nodes.values()].filter((other) => {
      const to = place(other);
      return dx ? (to.x - from.x) * dx > 0 && Math.abs(to.y - from.y) < size.height : (to.y - from.y) * dy > 0;
    });
    return nearest(node, there);
  }

  function nearest(node, among) {
    const from = place(node);
    const far = (other) => {
      const to = place(other);
      return Math.abs(to.y - from.y) + 3 * Math.abs(to.x - from.x);
    };
    return among.reduce((best, other) => (!best || far(other) < far(best) ? other : best), null);
  }

  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("#zoom")) return;
    const node = event.target.closest(".node[data-id]");
    const { key } = event;
    if (key === "+" || key === "=") zoom(STEP);
    else if (key === "-") zoom(1 / STEP);
    else if (key === "0") fit();
    else if (key === "Escape" && details.children.length) close();
    else if (key.startsWith("Arrow") && node) go(neighbour(node, key));
    else if (key === "Enter" && event.target === canvas) go(current);
    else if (key.startsWith("Arrow")) {
      pan(key === "ArrowLeft" ? 80 : key === "ArrowRight" ? -80 : 0, key === "ArrowUp" ? 80 : key === "ArrowDown" ? -80 : 0);
    } else return;
    event.preventDefault();
  });

  // Wheel and pointers: one moves, two zoom.
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 16 : 1;
      if (event.shiftKey) return pan(-(event.deltaX || event.deltaY) * lines, 0);
      const box = canvas.getBoundingClientRect();
      const turned = clamp(event.deltaY * lines, -200, 200);
      return zoom(Math.exp(-turned * (event.ctrlKey ? 0.01 : 0.002)), event.clientX - box.left, event.clientY - box.top);
    },
    { passive: false },
  );

  const held = new Map();
  let moved = 0;

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button || event.target.closest("#zoom, .stories-note")) return;
    if (event.isPrimary) {
      // The first finger: whatever was held before is held no more.
      held.clear();
      moved = 0;
    }
    held.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });

  addEventListener("pointermove", (event) => {
    const last = held.get(event.pointerId);
    if (!last) return;
    const now = { x: event.clientX, y: event.clientY };
    const others = [...held].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
    moved += Math.hypot(now.x - last.x, now.y - last.y);
    held.set(event.pointerId, now);
    if (moved < 5 && !others.length) return;
    canvas.classList.add("held");
    if (!others.length) return pan(now.x - last.x, now.y - last.y);
    const [other] = others;
    const box = canvas.getBoundingClientRect();
    const apart = (point) => Math.hypot(point.x - other.x, point.y - other.y) || 1;
    pan((now.x - last.x) / 2, (now.y - last.y) / 2);
    zoom(apart(now) / apart(last), (now.x + other.x) / 2 - box.left, (now.y + other.y) / 2 - box.top);
    return undefined;
  });

  for (const name of ["pointerup", "pointercancel"]) {
    addEventListener(name, (event) => {
      held.delete(event.pointerId);
      if (!held.size) canvas.classList.remove("held");
    });
  }

  // What was moved was not clicked. Links are not dragged away.
  canvas.addEventListener("dragstart", (event) => event.preventDefault());
  canvas.addEventListener(
    "click",
    (event) => {
      if (moved < 5 || !event.detail || event.target.closest("#zoom, .stories-note")) return;
      event.preventDefault();
      event.stopPropagation();
    },
    { capture: true },
  );

  document.querySelector("#zoom").addEventListener("click", (event) => {
    const how = event.target.closest("[data-zoom]")?.dataset.zoom;
    if (how === "fit") fit();
    else if (how) zoom(how === "in" ? STEP : 1 / STEP);
  });

  // Details, without leaving the picture.
  let asked = 0;

  async function show(node) {
    const mine = ++asked;
    for (const other of nodes.values()) other.removeAttribute("aria-current");
    node.setAttribute("aria-current", "true");
    light(node);
    const answer = await fetch(`/console/stories/node?node=${node.dataset.id}`, { headers: { "x-parley": "1" } });
    if (mine !== asked) return;
    if (!answer.ok) return location.assign(node.getAttribute("href"));
    details.innerHTML = await answer.text();
    openPanel(true);
    panel.scrollTop = 0;
    history.replaceState(null, "", node.getAttribute("href"));
    bring(node);
    return undefined;
  }

  function close() {
    asked += 1;
    const shown = details.querySelector("[data-node]")?.dataset.node;
    details.replaceChildren();
    const url = new URL(location.href);
    url.searchParams.delete("node");
    history.replaceState(null, "", url);
    for (const other of nodes.values()) other.removeAttribute("aria-current");
    if (phone.matches) openPanel(false);
    nodes.get(shown)?.focus({ preventScroll: true });
  }

  graph.addEventListener("click", (event) => {
    const node = event.target.closest(".node[data-id]");
    if (!node || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(node);
    show(node);
  });

  panel.addEventListener("click", (event) => {
    if (event.target.closest("#details-close")) {
      event.preventDefault();
      close();
      return;
    }
    // To a node of this picture without a new page.
    const node = nodes.get(event.target.closest("[data-jump]")?.dataset.jump);
    if (!node) return;
    event.preventDefault();
    go(node);
    show(node);
  });

  panel.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && details.children.length) close();
  });

  // Searching: what holds the words is lit, Enter goes from one to the next.
  const search = document.querySelector("#q");
  const hits = document.querySelector("#hits");
  let found = [];
  let number = -1;

  function look() {
    const words = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    found = words.length
      ? [...nodes.values()].filter((node) => words.every((word) => node.dataset.written.includes(word)))
      : [];
    number = -1;
    for (const node of nodes.values()) node.classList.toggle("found", found.includes(node));
    graph.classList.toggle("searching", found.length > 0);
    tell();
  }

  function tell() {
    if (!search.value.trim()) hits.textContent = "";
    else if (!found.length) hits.textContent = hits.dataset.none;
    else hits.textContent = hits.dataset.of.replace("{number}", Math.max(number, 0) + 1).replace("{count}", found.length);
  }

  search.addEventListener("input", () => {
    look();
    if (found.length) bring(found[0]);
  });

  search.form.addEventListener("submit", (event) => {
    // By Enter to the next node that was found; what is not in this picture is looked for in all of them.
    if (event.submitter?.matches(":focus") || !found.length) return;
    event.preventDefault();
    number = (number + 1) % found.length;
    choose(found[number]);
    bring(found[number]);
    light(found[number]);
    for (const node of nodes.values()) node.classList.toggle("at", node === found[number]);
    show(found[number]);
    tell();
  });

  addEventListener("keydown", (event) => {
    const typing = event.target.matches?.("input, textarea, select");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      search.focus();
      search.select();
    }
  });

  let width = canvas.clientWidth;
  new ResizeObserver(() => {
    // The panel came or went: what was in the middle stays there.
    pan((canvas.clientWidth - width) / 2, 0);
    width = canvas.clientWidth;
  }).observe(canvas);

  choose(graph.querySelector(".node[aria-current]") ?? nodes.values().next().value);
  fit(phone.matches ? READABLE_ON_PHONES : READABLE);
  if (search.value) look();
  const first = graph.querySelector(".node[aria-current]") ?? found[0];
  if (first) {
    bring(first);
    light(first);
  }
}
