// A run that goes on: asks now and then whether there is more, and shows it where nobody is in the middle of reading.

const EVERY = 2000;
const SCROLLED = "sparring scrolled to";

const isReading = () => location.hash.includes("episode=") || document.activeElement.matches("input, select");

function showNews() {
  sessionStorage.setItem(SCROLLED, String(scrollY));
  location.reload();
}

async function look() {
  const line = byId("live");
  try {
    const answer = await fetch("version", {cache: "no-store"});
    const now = await answer.json();
    line.replaceChildren(visible(now.said));
    if (now.version !== line.dataset.version) {
      if (!isReading() && !document.hidden) return showNews();
      const button = element("button", "", "Show what is new");
      button.addEventListener("click", showNews);
      line.append(" ", button);
    }
  } catch {
    line.replaceChildren("The server has ended; this is what it last showed.");
  }
  setTimeout(look, EVERY);
}

function startLive() {
  if (!byId("live")) return;
  const scrolled = sessionStorage.getItem(SCROLLED);
  if (scrolled !== null) scrollTo({top: Number(scrolled), behavior: "instant"});
  sessionStorage.removeItem(SCROLLED);
  setTimeout(look, EVERY);
}

startLive();
