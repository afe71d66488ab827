// The marketer's pages. Without this script they work by their buttons; with it they look while one writes.

const token = () => document.querySelector("input[name=csrf]").value;

/** Show the parts that came from the server, in the panel and where a step wants one. */
function show(target, html) {
  target.innerHTML = html;
  for (const place of document.querySelectorAll("[data-show]")) {
    const part = target.querySelector(`[data-part="${place.dataset.show}"]`);
    if (part) place.replaceChildren(part.cloneNode(true));
  }
}

function startWriting(form) {
  const target = document.querySelector("[data-target]");
  let timer, asked = 0;

  async function look() {
    const number = ++asked;
    const answer = await fetch(form.dataset.look, {
      method: "POST",
      body: new FormData(form),
      headers: { "x-parley": "1", "x-csrf": token() },
    });
    // A later question has been asked meanwhile: its answer counts.
    if (answer.ok && number === asked) show(target, await answer.text());
  }

  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(look, 250);
  };
  form.addEventListener("input", soon);
  show(target, target.innerHTML);

  const rows = form.querySelector("[data-rows]");

  /** A row to fill in: the last one, or a copy of it. */
  function freeRow() {
    const last = rows.lastElementChild;
    if (!last.querySelector("select").value) return last;
    const row = last.cloneNode(true);
    for (const field of row.querySelectorAll("select, input")) {
      field.value = "";
      const id = `${field.id.split("-")[0]}-${rows.children.length + 1}`;
      row.querySelector(`label[for="${field.id}"]`).htmlFor = id;
      field.id = id;
    }
    rows.append(row);
    return row;
  }

  rows?.addEventListener("change", () => {
    if (rows.children.length < 20) freeRow();
  });

  let text = form.querySelector("textarea[name^=text_]");
  form.addEventListener("focusin", (event) => {
    if (event.target.name?.startsWith("text_")) text = event.target;
  });
  form.addEventListener("click", (event) => {
    const chip = event.target.closest("[data-tag], [data-insert]");
    if (!chip) return;
    if (chip.dataset.insert) {
      text.setRangeText(chip.dataset.insert, text.selectionStart, text.selectionEnd, "end");
      text.focus();
    } else {
      const row = freeRow();
      row.querySelector("select").value = "tag";
      row.querySelector(".value-of").value = chip.dataset.tag;
      freeRow();
    }
    soon();
  });
}

/** How far a campaign is, anew every two seconds while it runs. */
function follow(place) {
  const began = place.querySelector("#standing").dataset.status;
  const timer = setInterval(async () => {
    if (document.hidden) return;
    const answer = await fetch(place.dataset.follow, { headers: { "x-parley": "1" } });
    if (!answer.ok) return clearInterval(timer);
    place.innerHTML = await answer.text();
    // Its buttons change with its state.
    if (place.querySelector("#standing").dataset.status !== began) location.reload();
  }, 2000);
}

const form = document.querySelector("form[data-look]");
if (form) startWriting(form);
const place = document.querySelector("[data-follow]");
if (place) follow(place);
