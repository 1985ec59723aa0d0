// Keys: `/` to the search, j and k through what is listed, Enter opens, ? shows the help, a/d/e put the focus on what
// an element offers as data-key (of several fields on the first of them). None decides by itself: Enter on the focused button does. They can be switched off,
// since a person who dictates would press them by speaking (WCAG 2.1.4).

const OFF = "toolward-keys-off";

export function keys(document) {
  const choice = document.querySelector("[data-keys-off]");
  if (choice) {
    choice.checked = localStorage.getItem(OFF) === "1";
    choice.addEventListener("change", () => localStorage.setItem(OFF, choice.checked ? "1" : "0"));
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || localStorage.getItem(OFF) === "1") return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    if (act(document, event.key)) event.preventDefault();
  });
}

function act(document, key) {
  if (key === "?") {
    window.location.assign("/help#keys");
    return true;
  }
  if (key === "/") return focus(document.querySelector("[data-search]"));
  if (key === "j" || key === "k") return move(document, key === "j" ? 1 : -1);
  if (!/^[a-z]$/.test(key)) return false;
  return focus(document.querySelector(`[data-key="${key}"]`));
}

function move(document, by) {
  const rows = [...document.querySelectorAll("[data-row] a, a[data-row]")];
  if (!rows.length) return false;
  const at = rows.indexOf(document.activeElement);
  return focus(rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + by, 0), rows.length - 1)]);
}

function focus(element) {
  if (!element) return false;
  element.closest("details")?.setAttribute("open", "");
  const inside = element.querySelector("input:not([type=hidden]), select, textarea");
  (inside ?? element).focus();
  element.scrollIntoView({ block: "nearest" });
  return true;
}
