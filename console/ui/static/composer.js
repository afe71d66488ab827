// Where an agent writes. What is sent leaves the box at once, so whatever is typed meanwhile belongs to the next
// message, and comes back if it did not get through. The focus moves only with the agent's own key or click.

import { startQuickReplies } from "./quick.js";

const newKey = () => crypto.randomUUID?.() ?? String(Math.random());

/** Start the form; `sent(lines)` gets what the server has drawn of each message or note. */
export function startComposer(composer, words, sent) {
  const text = document.getElementById("text");
  const error = document.getElementById("composer-error");
  const picture = document.getElementById("picture");
  const chosen = document.getElementById("chosen");
  const { draft } = composer.dataset;
  const going = []; // What has left the box and is not there yet, the oldest first.
  let returned = null; // What came back: tried again unchanged, it is the same send.

  const noting = () => composer.classList.contains("noting");

  function setNoting(on) {
    composer.classList.toggle("noting", on);
    text.placeholder = on ? words.note : words.reply;
    document.getElementById("as-note").setAttribute("aria-pressed", on);
    keepDraft();
  }

  function keepDraft() {
    const all = [...going.map((one) => one.text), text.value].filter(Boolean).join("\n");
    if (all) localStorage.setItem(draft, all);
    else localStorage.removeItem(draft);
    // What was meant for colleagues must not come back as a reply to the customer.
    if (all && (noting() || going.some((one) => one.asNote))) localStorage.setItem(`${draft}-note`, "yes");
    else localStorage.removeItem(`${draft}-note`);
  }

  function showChosen() {
    chosen.hidden = !picture?.files.length;
    chosen.textContent = picture?.files[0]?.name ?? "";
  }

  function takePicture(files) {
    const transfer = new DataTransfer();
    for (const file of files) transfer.items.add(file);
    picture.files = transfer.files;
    showChosen();
  }

  /** Send what is in the box, after what is on its way. */
  function send(asNote) {
    const files = asNote ? [] : [...(picture?.files ?? [])];
    if (!text.value.trim() && !files.length) return;
    const again = returned?.text === text.value && returned.files[0] === files[0] && returned.asNote === asNote;
    const key = again ? returned.key : newKey();
    composer.elements.key.value = key;
    going.push({ asNote, key, files, text: text.value, body: new FormData(composer) });
    returned = null;
    error.hidden = true;
    text.value = "";
    if (files.length) takePicture([]);
    setNoting(false);
    if (going.length === 1) sendNext();
  }

  async function sendNext() {
    const [{ asNote, body }] = going;
    composer.ariaBusy = "true";
    try {
      const answer = await fetch(asNote ? composer.dataset.note : composer.getAttribute("action"), {
        method: "POST",
        body,
        headers: { "x-parley": "1" },
      });
      if (answer.status === 401) return location.reload();
      const said = await answer.text();
      if (answer.status === 409 && answer.headers.get("content-type").includes("html")) return ask();
      if (!answer.ok) throw new Error(said);
      going.shift();
      keepDraft();
      sent(said);
    } catch (problem) {
      putBack();
      error.textContent = problem instanceof TypeError ? words.lost : problem.message;
      error.hidden = false;
    }
    composer.ariaBusy = "false";
    if (going.length) sendNext();
  }

  /** Somebody else has the floor: the question is a page of its own. */
  function ask() {
    const [first] = going;
    text.value = first.text;
    composer.elements.key.value = first.key;
    if (picture) takePicture(first.files);
    composer.submit();
  }

  /** What did not get through stands in the box again, before what was typed since. */
  function putBack() {
    const back = going.splice(0);
    if (back.length === 1 && !text.value) [returned] = back;
    const asNote = noting() || back.some((one) => one.asNote);
    text.value = [...back.map((one) => one.text), text.value].filter(Boolean).join("\n");
    if (picture && !picture.files.length) takePicture(back.flatMap((one) => one.files).slice(0, 1));
    setNoting(asNote);
  }

  function start(asNote) {
    setNoting(asNote);
    text.focus();
  }

  text.value ||= localStorage.getItem(draft) ?? "";
  if (text.value && localStorage.getItem(`${draft}-note`)) setNoting(true);
  text.addEventListener("input", keepDraft);
  picture?.addEventListener("change", () => (showChosen(), text.focus()));

  text.addEventListener("paste", (event) => {
    const image = [...event.clipboardData.files].find((file) => file.type.startsWith("image/"));
    if (!image || !picture) return;
    event.preventDefault();
    takePicture([image]);
  });

  composer.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopPropagation();
    const byNoteButton = event.submitter?.id === "as-note";
    if (byNoteButton && !text.value.trim()) return start(!noting());
    send(byNoteButton || noting());
    text.focus();
  });

  const quick = startQuickReplies(text, document.getElementById("quick"));

  text.addEventListener("keydown", (event) => {
    // While an input method composes, Enter chooses a word (229: what older Safari says of it).
    if (event.isComposing || event.keyCode === 229) return;
    if (quick.handles(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      send(noting());
    } else if (event.key === "Escape") {
      if (!text.value) setNoting(false);
      text.blur();
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("input, textarea, select, dialog[open]")) return;
    if (!["r", "n", "/"].includes(event.key)) return;
    event.preventDefault();
    start(event.key === "n");
    if (event.key === "/" && !text.value) {
      text.value = "/";
      text.dispatchEvent(new Event("input"));
    }
  });
}
