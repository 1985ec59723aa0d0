// The steps of a run that goes on no more: choosing one puts it beside the tree, and the tree stays where it is. The
// addresses are those of the links, so that going back, copying and loading anew do what they do without this.

const tree = document.getElementById("steps");

async function look(address) {
  const answer = await fetch(address, { headers: { accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const found = page.getElementById("step");
  const rows = page.getElementById("steps");
  if (!answer.ok || !found || !rows) throw new Error("not the page that was asked for");
  document.getElementById("step").replaceWith(document.adoptNode(found));
  const chosen = rows.querySelector("[aria-current]")?.id;
  for (const link of tree.querySelectorAll("a[data-row]")) {
    link.toggleAttribute("aria-current", link.id === chosen);
    if (link.id === chosen) link.setAttribute("aria-current", "true");
    link.closest("tr").classList.toggle("chosen", link.id === chosen);
  }
  return found;
}

async function follow(event) {
  const link = event.target.closest("#steps a[data-row], #step a.close");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  try {
    const found = await look(link.href);
    window.history.pushState(null, "", link.href);
    const name = document.getElementById("step-name");
    document.getElementById("said").textContent = `Shown: ${name.textContent.trim()}`;
    if (link.matches(".close")) document.getElementById(link.hash.slice(1))?.focus();
    else if (found.getBoundingClientRect().top > window.innerHeight - 120) found.scrollIntoView();
  } catch {
    window.location.assign(link.href); // the session may be over, or the step on another page
  }
}

if (tree && !document.querySelector("[data-live]")) {
  document.addEventListener("click", follow);
  window.addEventListener("popstate", () => look(window.location.href).catch(() => window.location.reload()));
}
