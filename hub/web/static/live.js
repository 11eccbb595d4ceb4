// Keeps the page as of now: on each event from the hub it reads the page again and
// swaps the parts marked with data-live that changed. Without it the page reloads itself.

const QUIET_MS_MAX = 20000; // the hub beats every 5 s: after four missed ones it is silent
const SWAP_EVERY_MS = 1000; // people read; more often only flickers

const status = document.querySelector("[data-live-status]");
let heardAt = Date.now();
let wanted = false;
let busy = false;

async function swap() {
  if (busy) return;
  busy = true;
  wanted = false;
  try {
    const answer = await fetch(location.href, { headers: { "X-Standpipe-Live": "1" } });
    if (answer.ok) replaceParts(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    // The stream's own silence is what people are told about.
  }
  setTimeout(() => {
    busy = false;
    if (wanted) swap();
  }, SWAP_EVERY_MS);
}

function replaceParts(fresh) {
  for (const part of fresh.querySelectorAll("[data-live]")) {
    const old = document.querySelector(`[data-live="${part.dataset.live}"]`);
    if (!old || old.innerHTML === part.innerHTML) continue;
    const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
    old.replaceWith(document.importNode(part, true));
    if (focused) document.getElementById(focused)?.focus();
  }
}

function heard() {
  heardAt = Date.now();
  status.textContent = "live,";
  status.classList.remove("stale");
}

const stream = new EventSource("/events");
stream.addEventListener("changed", () => {
  heard();
  wanted = true;
  swap();
});
stream.addEventListener("beat", heard);
stream.addEventListener("open", () => {
  heard();
  wanted = true;
  swap();
});

setInterval(() => {
  if (Date.now() - heardAt < QUIET_MS_MAX) return;
  status.textContent = "not live: the hub is silent;";
  status.classList.add("stale");
}, 2000);
