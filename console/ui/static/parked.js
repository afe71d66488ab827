// Parked turns: all of the page are chosen at once.

const all = document.getElementById("all");
const each = [...document.querySelectorAll('.turn input[name="turn"]')];

function count() {
  const chosen = each.filter((one) => one.checked).length;
  all.checked = chosen > 0 && chosen === each.length;
  all.indeterminate = chosen > 0 && chosen < each.length;
}

if (all) {
  all.parentElement.hidden = false;
  all.addEventListener("change", () => {
    for (const one of each) one.checked = all.checked;
  });
  for (const one of each) one.addEventListener("change", count);
  count();
}
