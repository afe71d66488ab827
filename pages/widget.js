// Puts a chat bubble on a shop's page:
//
//   <script src="https://parley.example/widget.js" data-channel="site" async></script>
//
// data-channel is the channel's name; data-language ("zh", "en") and data-label are optional. All it draws
// lives in a shadow root, so neither page can restyle the other. It loads nothing but the chat page, and
// that only when the visitor opens it or has done so before.

(() => {
  const script = document.currentScript;
  const { channel, label } = script?.dataset ?? {};
  if (!channel || document.querySelector(`parley-widget[channel="${CSS.escape(channel)}"]`)) return;

  const home = new URL(script.src).origin;
  const language = script.dataset.language || (navigator.language || "en").slice(0, 2).toLowerCase();
  const known = { zh: ["在线咨询", "关闭对话", "条未读消息"], en: ["Chat with us", "Close the chat", "unread messages"] };
  const [openWords, closeWords, unreadWords] = known[language] ?? known.en;
  const remembered = `parley.${channel}.opened`;

  const STYLE = `
    :host { all: initial !important; position: fixed !important; z-index: 2147483000 !important; right: 0 !important;
      bottom: 0 !important; color-scheme: light dark !important; }
    button { position: fixed; right: calc(20px + env(safe-area-inset-right)); bottom: calc(20px + env(safe-area-inset-bottom));
      width: 56px; height: 56px; padding: 0; border: 0; border-radius: 50%; background: #0f766e; color: #fff; cursor: pointer;
      box-shadow: 0 2px 6px rgb(16 32 43 / 20%), 0 8px 28px rgb(16 32 43 / 24%); transition: transform 140ms ease-out, background 140ms ease-out; }
    button:hover { background: #0b5f58; transform: translateY(-1px); }
    button:focus-visible { outline: 3px solid #0f766e; outline-offset: 3px; }
    svg { width: 28px; height: 28px; vertical-align: middle; }
    .badge { position: absolute; top: -4px; right: -4px; min-width: 22px; height: 22px; padding: 0 6px; box-sizing: border-box;
      border: 2px solid #fff; border-radius: 11px; background: #c62a1f; color: #fff; font: 600 12px/18px system-ui, sans-serif; }
    .panel { position: fixed; right: calc(20px + env(safe-area-inset-right)); bottom: calc(88px + env(safe-area-inset-bottom));
      width: min(392px, calc(100vw - 40px)); height: min(640px, calc(100dvh - 112px)); overflow: hidden; border-radius: 16px;
      background: Canvas; box-shadow: 0 2px 6px rgb(16 32 43 / 12%), 0 16px 48px rgb(16 32 43 / 28%);
      opacity: 1; transform: none; transition: opacity 140ms ease-out, transform 140ms ease-out; }
    .panel[inert] { visibility: hidden; opacity: 0; transform: translateY(10px); }
    iframe { display: block; width: 100%; height: 100%; border: 0; }
    [hidden] { display: none !important; }
    @media (max-width: 520px) {
      .panel { inset: 0; width: 100vw; height: 100dvh; border-radius: 0; }
      button[aria-expanded="true"] { display: none; }
    }
    @media (prefers-color-scheme: dark) { .panel { outline: 1px solid #25313b; } }
    @media (prefers-reduced-motion: reduce) { button, .panel { transition: none; } }
  `;
  const OPEN = "M5 3.5h14a3 3 0 0 1 3 3V15a3 3 0 0 1-3 3h-7.2l-4.9 3.7a.7.7 0 0 1-1.1-.6V18H5a3 3 0 0 1-3-3V6.5a3 3 0 0 1 3-3Z";
  const SHUT = "m5.6 9.1 6.4 6.4 6.4-6.4";

  const host = document.createElement("parley-widget");
  host.setAttribute("channel", channel);
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];

  const panel = make("div", { className: "panel", inert: true });
  const button = make("button", { type: "button" });
  const badge = make("span", { className: "badge", hidden: true });
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  let frame = null;
  let ready = false;
  let unread = 0;
  let isOpen = false;

  icon.setAttribute("viewBox", "0 0 24 24");
  icon.setAttribute("aria-hidden", "true");
  icon.append(path);
  button.append(icon, badge);
  button.onclick = () => show(!isOpen);
  root.append(panel, button);
  draw();

  function make(name, properties) {
    return Object.assign(document.createElement(name), properties);
  }

  function load() {
    if (frame) return;
    const address = new URL(`/chat/${encodeURIComponent(channel)}`, home);
    address.searchParams.set("origin", location.origin);
    if (script.dataset.language) address.searchParams.set("language", script.dataset.language);
    frame = make("iframe", { src: address.href, title: label || openWords });
    panel.append(frame);
  }

  function show(open) {
    isOpen = open;
    if (open) {
      load();
      remember();
    }
    panel.inert = !open;
    draw();
    tell();
    if (open) frame.focus();
    else button.focus();
  }

  function draw() {
    path.setAttribute("d", isOpen ? SHUT : OPEN);
    path.setAttribute("fill", isOpen ? "none" : "currentColor");
    path.setAttribute("stroke", isOpen ? "currentColor" : "none");
    path.setAttribute("stroke-width", "2.4");
    path.setAttribute("stroke-linecap", "round");
    path.setAttribute("stroke-linejoin", "round");
    badge.hidden = isOpen || !unread;
    badge.textContent = unread > 99 ? "99+" : String(unread);
    const words = isOpen ? closeWords : label || openWords;
    button.setAttribute("aria-label", badge.hidden ? words : `${words}, ${unread} ${unreadWords}`);
    button.setAttribute("aria-expanded", String(isOpen));
  }

  function tell() {
    if (ready) frame.contentWindow.postMessage({ parley: isOpen ? "opened" : "closed" }, home);
  }

  function remember() {
    try {
      localStorage.setItem(remembered, "1");
    } catch {
      // The shop's page has no storage: the chat then loads when it is opened.
    }
  }

  function wasOpened() {
    try {
      return localStorage.getItem(remembered) === "1";
    } catch {
      return false;
    }
  }

  addEventListener("message", (event) => {
    if (event.origin !== home || event.source !== frame?.contentWindow) return;
    const { parley, value } = event.data ?? {};
    if (parley === "ready") {
      ready = true;
      tell();
    }
    if (parley === "close") show(false);
    if (parley === "unread") {
      unread = Number.isInteger(value) && value > 0 ? value : 0;
      draw();
    }
  });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isOpen && !event.isComposing) show(false);
  });

  function mount() {
    document.body.append(host);
    if (wasOpened()) load();
  }
  if (document.body) mount();
  else addEventListener("DOMContentLoaded", mount);
})();
