// Keeps the bench as of now and sends its forms without leaving the page.
// Without it every form works too: the page comes back where it was.

const LOOK_EVERY_MS = 500; // a lamp that blinks twice a second should be seen

async function look() {
  try {
    const answer = await fetch("/");
    if (answer.ok) swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    document.querySelector('[data-live="asof"]').textContent = "the demo has ended";
  }
}

function swap(fresh) {
  for (const part of fresh.querySelectorAll("[data-live]")) {
    const old = document.querySelector(`[data-live="${CSS.escape(part.dataset.live)}"]`);
    if (old && old.innerHTML !== part.innerHTML) old.innerHTML = part.innerHTML;
  }
}

async function send(event) {
  event.preventDefault();
  const button = event.submitter;
  const body = new URLSearchParams(new FormData(event.target, button));
  const action = button.getAttribute("formaction") || event.target.getAttribute("action");
  const answer = await fetch(action, { method: "POST", body });
  if (!answer.ok) alert((await answer.text()).slice(0, 500));
  await look();
}

for (const form of document.querySelectorAll("form")) form.addEventListener("submit", send);

async function watch() {
  if (!document.hidden) await look();
  setTimeout(watch, LOOK_EVERY_MS);
}
watch();
