// Documents: files are sent one after the other, each with its progress; they may be dropped onto the form.

const form = document.getElementById("upload");
const outcomes = document.getElementById("outcomes");
const waiting = [];
let sending = false;

function line(name) {
  const made = document.createElement("li");
  made.className = "outcome";
  const mark = document.createElement("span");
  const said = document.createElement("span");
  const title = document.createElement("strong");
  const state = document.createElement("span");
  const bar = document.createElement("progress");
  title.textContent = name;
  state.textContent = ` ${form.dataset.sending}`;
  bar.max = 1;
  bar.value = 0;
  bar.setAttribute("aria-label", name);
  said.append(title, state, bar);
  made.append(mark, said);
  outcomes.append(made);
  return { made, state, bar };
}

function refuse(shown, why) {
  shown.made.className = "outcome bad";
  shown.state.textContent = ` ${why}`;
  shown.bar.remove();
}

// What stands in front of the server has words of its own, in HTML.
function why(request) {
  if (request.getResponseHeader("content-type")?.startsWith("text/plain")) return request.responseText;
  return request.status === 413 ? form.dataset.tooLarge : form.dataset.lost;
}

function send(file, shown) {
  return new Promise((done) => {
    const body = new FormData();
    body.set("files", file);
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("x-parley", "1");
    request.setRequestHeader("x-csrf", form.elements.csrf.value);
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) shown.bar.value = event.loaded / event.total;
    });
    request.upload.addEventListener("load", () => {
      shown.bar.removeAttribute("value");
      shown.state.textContent = ` ${form.dataset.reading}`;
    });
    request.addEventListener("load", () => {
      if (request.status === 401) location.reload();
      if ([200, 422].includes(request.status)) shown.made.outerHTML = request.responseText;
      else refuse(shown, why(request));
      done();
    });
    request.addEventListener("error", () => {
      refuse(shown, form.dataset.lost);
      done();
    });
    request.send(body);
  });
}

async function sendAll() {
  if (sending) return;
  sending = true;
  while (waiting.length) {
    const { file, shown } = waiting.shift();
    if (file.size > Number(form.dataset.largest)) refuse(shown, form.dataset.tooLarge);
    else await send(file, shown);
  }
  sending = false;
  await renew();
}

async function renew() {
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("kept");
    if (!answer.ok || !fresh) return;
    document.getElementById("kept").replaceWith(document.adoptNode(fresh));
    fresh.dispatchEvent(new Event("drawn", { bubbles: true }));
  } catch {
    // Away: the list is as it was.
  }
}

function take(files) {
  for (const file of files) waiting.push({ file, shown: line(file.name) });
  sendAll();
}

if (form) {
  const input = form.elements.files;
  form.querySelector(".drop-note").hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    outcomes.replaceChildren();
    take([...input.files]);
    input.value = "";
  });
  // A file that misses the form must not take the place of the page.
  for (const name of ["dragover", "drop"]) {
    document.addEventListener(name, (event) => {
      if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
    });
  }
  form.addEventListener("dragover", () => form.classList.add("over"));
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    form.classList.remove("over");
    if (!sending) outcomes.replaceChildren();
    take([...event.dataTransfer.files]);
  });
}
