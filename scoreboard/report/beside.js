// Beside an episode, another one on the same task: turn by turn, what did the other agents do?

const sameTask = (one, other) => one.env === other.env && one.seed === other.seed && JSON.stringify(one.kwargs) === JSON.stringify(other.kwargs);
const others = (replay) => state.replays.filter((other) => other !== replay && sameTask(replay, other));

/** Offer the other episodes on this task; the one that was chosen before stays. */
function offerBeside(replay) {
  const found = others(replay);
  byId("beside-choice").hidden = !found.length;
  const options = found.map((other) => Object.assign(
    element("option", "", visible(other.id + " · " + agentsOf(other))), {value: other.id, selected: other === state.beside}));
  byId("beside").replaceChildren(Object.assign(element("option", "", "nothing"), {value: ""}), ...options);
  if (!found.includes(state.beside)) state.beside = null;
  showBeside();
}

function showBeside() {
  const other = state.beside;
  byId("other").hidden = !other;
  byId("transcripts").classList.toggle("two", Boolean(other));
  if (!other) return byId("other-transcript").replaceChildren();
  const scores = seatNames(other).map((seat) => other.seats[seat].agent + " " + signed(other.seats[seat].reward)).join(", ");
  byId("other-title").textContent = visible(other.id + ": " + scores);
  byId("other-transcript").replaceChildren(...other.turns.slice(0, TURNS_AT_ONCE).map((turn, place) => transcriptTurn(other, turn, place)));
}

function chooseBeside(id) {
  state.beside = others(state.episode).find((other) => other.id === id) || null;
  showBeside();
}
