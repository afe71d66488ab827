// A reply that the language model proposes goes into the box, unless something is in there already or speaks
// against it: then it stands beside, and the agent puts it in. Nothing here sends.

const form = document.getElementById("suggest");
const place = document.getElementById("suggested");
const state = document.getElementById("suggesting");
const text = document.getElementById("text");

function put(box) {
  text.value = box.dataset.text;
  text.dispatchEvent(new Event("input", { bubbles: true }));
  box.querySelector("[data-unused]").hidden = true;
  text.focus();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  event.stopPropagation();
  const button = form.querySelector("button");
  if (button.disabled) return;
  button.disabled = true;
  state.textContent = state.dataset.busy;
  try {
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { "x-parley": "1" } });
    if (answer.status === 401) return location.reload();
    const said = await answer.text();
    if (!answer.ok) throw new Error(said);
    place.innerHTML = said;
    state.textContent = "";
    const box = place.querySelector(".suggested");
    if (box.dataset.text && !("doubtful" in box.dataset) && !text.value.trim()) put(box);
  } catch (problem) {
    state.textContent = problem instanceof TypeError ? state.dataset.lost : problem.message;
  } finally {
    button.disabled = false;
  }
});

place.addEventListener("click", (event) => {
  if (event.target.closest("[data-use]")) put(event.target.closest(".suggested"));
});
