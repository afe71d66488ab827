// On a customer's page: times of the planner are the reader's own, and near times are one click away.

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
for (const field of document.querySelectorAll("[data-zone]")) field.value = zone;
for (const name of document.querySelectorAll("[data-zone-name]")) name.textContent = zone;

for (const soon of document.querySelectorAll("[data-soon]")) {
  soon.hidden = false;
  const due = soon.closest("form").elements.due;
  soon.addEventListener("click", (event) => {
    const minutes = Number(event.target.dataset.minutes);
    if (!minutes) return;
    const at = new Date(Date.now() + minutes * 60000);
    // A day or more ahead it is ten in the morning; sooner it is to the minute.
    if (minutes >= 1440) at.setHours(10, 0);
    const two = (number) => String(number).padStart(2, "0");
    due.value = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
  });
}

if (["#edit", "#plan"].includes(location.hash)) {
  const opened = document.querySelector(location.hash);
  if (opened) opened.open = true;
}
