// The board: which leaderboard is shown, and the games behind a number. Tables come as text that the page itself brought.

const board = {tables: {}, behind: {}, places: [], agents: [], boards: {}, label: ""};

function showLeaderboard(key) {
  if (!Object.hasOwn(board.tables, key)) return false;
  byId("show").value = key;
  byId("shown").innerHTML = board.tables[key];
  byId("shown").querySelectorAll(".scroll").forEach(watchWidth);
  return true;
}

/** [name, place, episodes] of the episodes of an agent, or of two against each other, in the environments of a leaderboard. */
function gamesBehind(agents, key) {
  const places = board.boards[key] || [];
  return Object.entries(board.behind).flatMap(([name, episodes]) => {
    const [place, one, other] = name.split("|").map(Number);
    const met = agents.length === 1 ? one === agents[0] || other === agents[0]
      : agents.includes(one) && agents.includes(other);
    return places.includes(place) && met ? [[name, place, episodes]] : [];
  });
}

function showBehind(agents, key) {
  const names = agents.map((agent) => board.agents[agent]);
  if (names.includes(undefined)) return;
  const behind = gamesBehind(agents, key);
  const found = behind.flatMap(([, place, episodes]) => episodes.map((episode) => [place, ...episode]));
  const played = behind.reduce((sum, [name]) => sum + board.played[name], 0);
  byId("behind-about").textContent = visible(names.join(" against ")) + ": " + found.length + " of " + played + " episodes are named here"
    + (found.length ? "; those with a link can be watched below." : ".");
  byId("behind-games").replaceChildren(...found.slice(0, 300).map(([place, id, earned]) => {
    const watched = state.replays.find((replay) => replay.id === id);
    const link = Object.assign(document.createElement("a"), {href: "#episode=" + encodeURIComponent(id), textContent: visible(id)});
    return element("tr", "", element("td", "", watched ? link : visible(id)), element("td", "", visible(board.places[place])),
      element("td", "", visible(earned.map(([agent, reward]) => board.agents[agent] + " " + signed(reward)).join(", "))));
  }));
  byId("behind-command").textContent = "sparring replay " + board.label + " --agent '" + names[0].replaceAll("'", "'\\''") + "' --last 1000";
  byId("behind").hidden = false;
  byId("behind").scrollIntoView({behavior: "instant"});
}

function followBoard() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const key = wanted.get("on") || wanted.get("board");
  if (key) showLeaderboard(key);
  if (wanted.has("games")) showBehind(wanted.get("games").split(",").map(Number), key || "all");
  else if (key) byId("behind").hidden = true;
}

/** What "Back" and links lead to; the address without anything is the board over everything. */
function followHistory() {
  if (location.hash) return followBoard();
  showLeaderboard("all");
  byId("behind").hidden = true;
}

async function startBoard() {
  Object.assign(board, await unpack(byId("board-tables").textContent));
  byId("show").addEventListener("change", () => {
    history.pushState(null, "", "#board=" + encodeURIComponent(byId("show").value));
    followBoard();
  });
  addEventListener("hashchange", followHistory);
  followBoard();
}
