// The story into the clipboard, or into a file where the page itself holds all of it.

const story = document.querySelector("#story");
const copy = document.querySelector("#copy");
const save = document.querySelector("#save");

if (copy) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(story.textContent);
    } catch {
      // Not allowed, or not over https: what is selected can be copied by hand.
      getSelection().selectAllChildren(story);
      if (!document.execCommand("copy")) return;
    }
    const words = copy.querySelector("span");
    const before = words.textContent;
    words.textContent = copy.dataset.copied;
    setTimeout(() => (words.textContent = before), 2000);
  });
}

if (save) {
  save.hidden = false;
  save.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([story.textContent], { type: "application/yaml" }));
    link.download = save.dataset.name;
    link.click();
    URL.revokeObjectURL(link.href);
  });
}
