// A person plays: the page shows what the server says, and sends what the person does.

const MANY = 12, MOST = 200, AGAIN = 3000;
const hasKeyboard = matchMedia("(pointer: fine)").matches;
let now = null, shownKey = "", answered = 0;

/** Ask the server to do something; says what was wrong, and returns it. */
async function act(what) {
  let wrong = "";
  try {
    const answer = await fetch("do", {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(what)});
    if (!answer.ok) wrong = await answer.text();
  } catch {
    wrong = "The server does not answer: nothing was sent.";
  }
  byId("wrong").replaceChildren(visible(wrong));
  byId("wrong").hidden = !wrong;
  return wrong;
}

/** Answer what is asked, once. */
async function choose(action) {
  const number = now.asked.number;
  if (answered === number) return;
  answered = number;
  if (await act({do: "answer", number: number, action: action})) answered = 0;
}

/** Buttons of the actions that hold what is in the filter. */
function showActions() {
  const wanted = byId("filter").value.toLowerCase();
  const found = now.asked.actions.filter((action) => action.toLowerCase().includes(wanted));
  byId("more").hidden = found.length <= MOST;
  byId("more").replaceChildren("The filter finds " + (found.length - MOST) + " more.");
  byId("actions").replaceChildren(...found.slice(0, MOST).map((action) => {
    const button = element("button", "", visible(action));
    button.type = "button";
    button.addEventListener("click", () => choose(action));
    return button;
  }));
}

/** The lines of a text, those marked that were not in the one before; none where most are new. */
function showText(text, before = "") {
  const lines = text.split("\n"), known = new Set(before.split("\n")), fresh = lines.filter((line) => !known.has(line));
  const marked = new Set(2 * fresh.length > lines.length ? [] : fresh);
  byId("text").replaceChildren(...lines.flatMap((line, place) => [
    place ? "\n" : "", marked.has(line) ? element("span", "new", visible(line)) : visible(line)]));
}

function showPicture(found, board, before, words) {
  const figure = byId("board");
  figure.hidden = !(found && board);
  if (figure.hidden) return;
  const sides = found.sides ? [element("p", "small", found.sides + ".")] : [];
  figure.replaceChildren(boardPicture(found, board, before, words), ...sides);
}

function showQuestion(asked, game) {
  const found = asked.board, turns = found ? found.turns : [];
  showText(asked.text, asked.earlier.at(-1));
  byId("earlier").querySelector("div").replaceChildren(...asked.earlier.flatMap((text, place) => [
    element("pre", "", visible(text)), element("p", "did", "You did: " + visible(asked.did[place]))]));
  showPicture(found, turns.at(-1), turns.length > 1 ? turns[0] : "", "What you see" + (turns.length > 1 ? "; what has changed is marked" : ""));
  byId("stand").replaceChildren("Game " + game + ". You are " + visible(asked.seat) + ". " + (asked.open ? "It is your turn."
    : "You did: " + visible(asked.did.at(-1) || "nothing") + ". The others play …"));
  byId("answering").hidden = !asked.open;
  byId("filter").hidden = asked.actions.length <= MANY;
  byId("free").hidden = !asked.free;
  byId("filter").value = byId("written").value = "";
  showActions();
  const place = asked.free ? byId("written") : byId("filter");
  if (!asked.earlier.length) byId("earlier").open = asked.free;
  if (asked.earlier.length && asked.free) byId("text").scrollIntoView({block: "start", behavior: "instant"});
  if (asked.open && hasKeyboard && !place.hidden) place.focus({preventScroll: true});
}

function showEnd(over) {
  const [found, last] = [over.board, over.board && over.board.last];
  showText(over.words);
  showPicture(found, last, found && found.turns[0], "At the end");
  byId("stand").replaceChildren("Game " + over.game + (now.finished ? " was the last one." : " is over."));
  byId("deeds").replaceChildren(...over.actions.map((deed) =>
    element("li", "", visible(deed.agent + " (" + deed.seat + "): " + deed.action) + (deed.legal ? "" : " (illegal)"))));
  byId("replay").querySelector("code").replaceChildren(visible(over.replay));
  if (hasKeyboard && !now.finished) byId("next").focus({preventScroll: true});
}

/** Show a state; what is there already stays as it is, so that nobody is disturbed in the middle of writing. */
function show(state) {
  now = state;
  const {over, asked, begun, finished, ended} = state;
  const key = JSON.stringify([over, asked && [asked.number, asked.open], begun, finished, ended]);
  if (key === shownKey) return;
  shownKey = key;
  byId("consent").hidden = begun;
  byId("game").hidden = !begun || !(over || asked);
  byId("leaving").hidden = ended;
  byId("all").hidden = byId("next").hidden = !over;
  byId("next").hidden ||= finished;
  byId("replay").hidden = !(over && over.replay);
  byId("answering").hidden = Boolean(over);
  byId("earlier").hidden = Boolean(over) || !asked || !asked.earlier.length;
  byId("wrong").hidden = true;
  byId("stand").replaceChildren(begun ? "The others play …" : "");
  if (over) showEnd(over);
  else if (asked) showQuestion(asked, state.game);
  else if (finished) byId("stand").replaceChildren("All games are over.");
  if (ended) byId("stand").replaceChildren("The games have ended.");
  if (ended) byId("consent").hidden = byId("answering").hidden = byId("next").hidden = true;
}

async function follow() {
  let state = null;
  try {
    const answer = await fetch("state?known=" + (now ? now.version : -1), {cache: "no-store"});
    state = await answer.json();
  } catch {
    byId("stand").replaceChildren("The server cannot be reached: the games have ended, or it is asked again soon.");
    byId("answering").hidden = true;
    shownKey = "";
    setTimeout(follow, AGAIN);
    return;
  }
  show(state);
  if (!state.ended) setTimeout(follow);
}

byId("begin").addEventListener("click", () => act({do: "begin"}));
byId("next").addEventListener("click", () => act({do: "next"}));
byId("leave").addEventListener("click", () => act({do: "leave"}));
byId("filter").addEventListener("input", showActions);
byId("filter").addEventListener("keydown", (event) => {
  const buttons = byId("actions").children;
  if (event.key === "Enter" && buttons.length === 1) buttons[0].click();
});
byId("free").addEventListener("submit", (event) => {
  event.preventDefault();
  if (byId("written").value.trim()) choose(byId("written").value);
});
byId("written").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId("free").requestSubmit();
});
/** A digit is an action where actions are numbers, else the place of a button. */
document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, textarea") || event.ctrlKey || event.metaKey || event.altKey || byId("answering").hidden) return;
  const buttons = [...byId("actions").children], areNumbers = buttons.some((button) => /^[0-9]+$/.test(button.textContent));
  const meant = areNumbers ? buttons.find((button) => button.textContent === event.key) : buttons[Number(event.key) - 1];
  if (meant) meant.click();
});
follow();
