// Shared by all pages: times are drawn in the reader's own zone and language.
//
//   <time datetime="2026-11-21T12:41:00Z" data-local="time">12:41</time>
//
// data-local is "time" (20:41), "day" (21 Nov), "full" (both) or "short" (the time of today, else the day);
// the server's text stays without script. Whoever adds parts later dispatches "drawn" from them, bubbling.

const FORMATS = {
  time: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  day: { month: "short", day: "numeric" },
  full: { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
};

/** A date as words in the page's language; `format` is a key of FORMATS. */
export function localTime(date, format) {
  return new Intl.DateTimeFormat(document.documentElement.lang, FORMATS[format]).format(date);
}

/** Redraw all `<time data-local>` inside `root`; call it for parts that arrive later. */
export function drawTimes(root) {
  for (const element of root.querySelectorAll("time[data-local]")) {
    const date = new Date(element.dateTime);
    if (Number.isNaN(date.getTime())) continue;
    const wanted = element.dataset.local;
    const today = date.toDateString() === new Date().toDateString();
    element.textContent = localTime(date, wanted === "short" ? (today ? "time" : "day") : wanted);
    element.title = date.toLocaleString(document.documentElement.lang);
  }
}

drawTimes(document);
document.addEventListener("drawn", (event) => drawTimes(event.target));
