// Pieces of a page that the server sends as they change: <section data-live="/runs/…/live">.
//
// Each event `put` is HTML that the server has rendered. An element whose id is on the page takes that one's place;
// another is added to the element that its data-into names. The reader's place does not move: what comes below the
// screen is counted on a button. `grow` adds text to an element that is there. An event `end` says that no more will
// come, `go` that the page is to be loaded anew.

export function live(place) {
  const state = place.querySelector(".live-state");
  const source = new EventSource(place.dataset.live);
  const news = button();
  let unseen = 0;

  const tell = (name, words) => {
    if (state && state.dataset.state !== name) {
      state.dataset.state = name;
      state.textContent = words;
    }
  };
  source.addEventListener("open", () => tell("open", "live"));
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) tell("over", "not live any more: load the page again");
    else tell("lost", "reconnecting …");
  });
  source.addEventListener("put", (event) => {
    const before = atEnd();
    const added = put(place, event.data);
    if (!added) return;
    if (before && place.dataset.follow !== undefined) {
      window.scrollTo({ top: document.body.scrollHeight });
    } else {
      unseen += added;
      news.textContent = `${unseen} new ↓`;
      news.hidden = atEnd();
    }
  });
  source.addEventListener("grow", (event) => {
    const before = atEnd();
    const { id, text } = JSON.parse(event.data);
    document.getElementById(id)?.append(text);
    if (before && place.dataset.follow !== undefined) window.scrollTo({ top: document.body.scrollHeight });
  });
  source.addEventListener("said", (event) => say(event.data));
  source.addEventListener("go", () => window.location.reload());
  source.addEventListener("end", () => {
    source.close();
    tell("ended", "ended");
  });
  news.addEventListener("click", () => window.scrollTo({ top: document.body.scrollHeight, behavior: "smooth" }));
  window.addEventListener("scroll", () => {
    if (!atEnd()) return;
    unseen = 0;
    news.hidden = true;
  }, { passive: true });
  window.addEventListener("pagehide", () => source.close());
}

/** How many elements were added. */
function put(place, html) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  let added = 0;
  for (const fresh of [...holder.content.children]) {
    const old = fresh.id ? document.getElementById(fresh.id) : null;
    if (old) {
      if (old.isEqualNode(fresh)) continue; // what somebody is typing there stays
      const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
      old.replaceWith(fresh);
      if (focused) document.getElementById(focused)?.focus();
    } else {
      const into = fresh.dataset.into ? document.querySelector(fresh.dataset.into) : place;
      fresh.classList.add("fresh");
      into?.append(fresh);
      added += 1;
    }
  }
  return added;
}

/** For who does not see the page: one short sentence at a time. */
export function say(words) {
  document.getElementById("said").textContent = words;
}

function atEnd() {
  return window.innerHeight + window.scrollY >= document.body.scrollHeight - 48;
}

function button() {
  const made = document.createElement("button");
  made.className = "news primary";
  made.hidden = true;
  document.body.append(made);
  return made;
}
