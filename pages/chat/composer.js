// Where the visitor writes: Enter sends, but never while an input method is composing; pictures come by
// button, by paste or by drop and are shown before they go.

import { element } from "./draw.js";

const TYPES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const MOST_PICTURES = 6;

export class Composer {
  /** onText(text), onPicture(file), onTyping(). */
  constructor(setup, { onText, onPicture, onTyping }) {
    this.setup = setup;
    this.onText = onText;
    this.onPicture = onPicture;
    this.form = document.getElementById("composer");
    this.text = document.getElementById("text");
    this.sendButton = document.getElementById("send");
    this.list = document.getElementById("pictures");
    this.notice = document.getElementById("notice");
    this.pictures = [];
    this.form.onsubmit = (event) => {
      event.preventDefault();
      this.submit();
    };
    this.text.onkeydown = (event) => this.key(event);
    this.text.oninput = () => {
      this.refresh();
      onTyping();
    };
    this.listenForPictures();
    this.refresh();
  }

  key(event) {
    // While composing, Enter picks a candidate; Safari reports it after the end, with key code 229.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.submit();
  }

  submit() {
    const text = this.text.value;
    for (const { file } of this.pictures) this.onPicture(file);
    this.clearPictures();
    if (text.trim()) {
      this.text.value = "";
      this.onText(text);
    }
    this.refresh();
    this.text.focus();
  }

  refresh() {
    this.sendButton.disabled = !this.text.value.trim() && !this.pictures.length;
    this.list.hidden = !this.pictures.length;
    if (CSS.supports("field-sizing", "content")) return;
    this.text.style.height = "auto";
    this.text.style.height = `${this.text.scrollHeight}px`;
  }

  /** Tell the visitor why something was not taken; it goes with the next change. */
  complain(words) {
    this.notice.textContent = words;
    this.notice.hidden = !words;
  }

  listenForPictures() {
    const input = document.getElementById("file");
    const drop = document.getElementById("drop");
    document.getElementById("attach").onclick = () => input.click();
    input.onchange = () => {
      this.addPictures(input.files);
      input.value = "";
    };
    this.text.onpaste = (event) => {
      if (!event.clipboardData?.files.length) return;
      event.preventDefault();
      this.addPictures(event.clipboardData.files);
    };
    addEventListener("dragover", (event) => {
      event.preventDefault();
      drop.hidden = !event.dataTransfer?.types.includes("Files");
    });
    addEventListener("dragleave", (event) => event.relatedTarget === null && (drop.hidden = true));
    addEventListener("drop", (event) => {
      event.preventDefault();
      drop.hidden = true;
      this.addPictures(event.dataTransfer?.files ?? []);
    });
  }

  addPictures(files) {
    this.complain("");
    for (const file of files) {
      const why = this.whyNot(file);
      if (why) this.complain(why);
      else if (this.pictures.length < MOST_PICTURES) this.addPicture(file);
    }
    this.refresh();
    this.text.focus();
  }

  whyNot(file) {
    const { words, image_max_mb: limit } = this.setup;
    if (!TYPES.includes(file.type)) return words.type;
    if (file.size > limit * 1024 * 1024) return words.too_large.replace("{limit}", limit);
    return "";
  }

  addPicture(file) {
    const url = URL.createObjectURL(file);
    const remove = element("button", { class: "chat-remove", type: "button" }, "×");
    remove.setAttribute("aria-label", this.setup.words.remove);
    const item = element("li", {}, element("img", { src: url, alt: file.name }), remove);
    const picture = { file, item, url };
    remove.onclick = () => {
      this.pictures = this.pictures.filter((other) => other !== picture);
      this.discard(picture);
      this.refresh();
      this.text.focus();
    };
    this.pictures.push(picture);
    this.list.append(item);
  }

  clearPictures() {
    for (const picture of this.pictures) this.discard(picture);
    this.pictures = [];
  }

  discard(picture) {
    picture.item.remove();
    URL.revokeObjectURL(picture.url);
  }
}
