// Keeps the screen as of now: asks for the part that changes and is answered as soon as it
// does. On the page with the keypad, keys type without loading the page. Nothing here is
// needed: without a script the page reloads itself and each key is a form.

const ASK_AGAIN_MS = 2000;
const HOME = "/";

let version = document.getElementById("now")?.dataset.version;

function show(part) {
  const old = document.getElementById("now");
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  old.replaceWith(part);
  if (focused) document.getElementById(focused)?.focus();
  version = part.dataset.version;
  const root = document.documentElement;
  if (root.lang !== part.lang) location.replace(HOME); // the frame speaks the old language
}

function tellSilence() {
  const part = document.getElementById("now");
  if (part.querySelector(".silent")) return;
  const words = document.createElement("p");
  words.className = "silent";
  words.setAttribute("role", "alert");
  words.textContent = part.dataset.silent;
  part.prepend(words);
  version = ""; // whatever comes next is news
}

async function follow() {
  let wasSilent = false;
  for (;;) {
    try {
      const answer = await fetch(`/now?seen=${version}`);
      if (answer.status === 204 && !wasSilent) continue;
      if (!answer.ok) throw new Error(answer.statusText);
      if (wasSilent) return location.replace(HOME); // an agent begun anew has another token
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      show(document.importNode(fresh.getElementById("now"), true));
    } catch {
      tellSilence();
      wasSilent = true;
      await new Promise((done) => setTimeout(done, ASK_AGAIN_MS));
    }
  }
}

function typeByHand(page) {
  const field = document.getElementById("digits");
  const idle = () => location.replace(HOME);
  const idleMs = Number(page.dataset.idleS) * 1000;
  let timer = setTimeout(idle, idleMs);
  const write = (digits) => {
    clearTimeout(timer);
    timer = setTimeout(idle, idleMs);
    field.value = digits.replace(/\D/g, "").slice(0, 20).replace(/(.{4})(?=.)/g, "$1 ");
  };
  field.addEventListener("input", () => write(field.value));
  page.querySelector(".keys").addEventListener("click", (event) => {
    const key = event.target.closest("button");
    if (!key) return;
    event.preventDefault();
    write(key.value === "del" ? field.value.trim().slice(0, -1) : field.value + key.value);
  });
  field.focus();
}

if (version !== undefined) follow();
else if (document.getElementById("code")) typeByHand(document.getElementById("code"));
