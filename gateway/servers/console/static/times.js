// Keeps "3 min ago" true. The server says it first, in the same words.

const SPANS = [["d", 86400], ["h", 3600], ["min", 60]];

function span(ms, more = 0) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  for (const [unit, size] of SPANS) {
    if (seconds >= 2 * size || (unit === "min" && seconds >= size)) return `${Math.floor(seconds / size + more)} ${unit}`;
  }
  return `${seconds} s`;
}

export function tellTimes(root) {
  setInterval(() => {
    for (const one of root.querySelectorAll("time[datetime]")) {
      const away = Date.now() - Date.parse(one.dateTime);
      const ahead = one.textContent.startsWith("in ");
      const said = ahead ? (away < 0 ? `in ${span(-away, 0.5)}` : "over") : away >= 5000 ? `${span(away)} ago` : "just now";
      if (one.textContent !== said && one.textContent !== "over") one.textContent = said;
    }
  }, 5000);
}
