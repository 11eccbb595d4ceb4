// Keeps the bench as of now and sends its forms without leaving the page.
// Without it every form works too: the page comes back where it was.

function show(name, html) {
  const place = document.querySelector(`[data-live="${CSS.escape(name)}"]`);
  if (place && place.innerHTML !== html) place.innerHTML = html;
}

function say(words) {
  const place = document.querySelector("[data-said]");
  place.textContent = words;
  place.hidden = !words;
}

const stream = new EventSource("/live");
stream.addEventListener("changed", (event) => {
  const { asof, parts } = JSON.parse(event.data);
  for (const [name, html] of Object.entries(parts)) show(name, html);
  document.querySelector('[data-live="asof"]').textContent = `live, as of ${asof}`;
});
stream.onerror = () => {
  const place = document.querySelector('[data-live="asof"]');
  if (!place.textContent.endsWith("not live now")) place.textContent += ", not live now";
};

async function send(event) {
  event.preventDefault();
  const button = event.submitter;
  const body = new URLSearchParams(new FormData(event.target));
  try {
    const answer = await fetch(button.formAction, { method: "POST", body, redirect: "manual" });
    // A redirect that isn't followed has no status: it was done.
    say(answer.type === "opaqueredirect" || answer.ok ? "" : (await answer.text()).slice(0, 500));
  } catch {
    say("The bench has ended.");
  }
}

for (const form of document.querySelectorAll("form")) form.addEventListener("submit", send);
