// Two versions side by side: while they are compared, the page keeps up; when it is done, it is drawn anew.

const SOON = 1000; // ms

async function keepUp() {
  const shown = document.getElementById("comparing");
  if (!shown || !["waiting", "running"].includes(shown.dataset.status)) return;
  try {
    const answer = await fetch(`${location.pathname}/state`, { headers: { "x-parley": "1" } });
    if (answer.ok) {
      const part = document.createRange().createContextualFragment(await answer.text());
      const fresh = part.getElementById("comparing");
      if (!["waiting", "running"].includes(fresh.dataset.status)) return location.reload();
      if (fresh.outerHTML !== shown.outerHTML) shown.replaceWith(fresh);
    }
  } catch {
    // Away: asked again.
  }
  setTimeout(keepUp, SOON);
}

setTimeout(keepUp, SOON);
