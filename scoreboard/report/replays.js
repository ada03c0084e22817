// Replays: a list that says what differs, and the whole transcript of one episode.

const TURNS_AT_ONCE = 100;
const TOKENS_AT_ONCE = 400;
const state = {replays: [], listed: [], episode: null, beside: null, turn: 0, shared: new Map()};
const seatNames = (replay) => Object.keys(replay.seats);
const agentsOf = (replay) => seatNames(replay).map((seat) => replay.seats[seat].agent).join(" – ");
const movesOf = (replay) => replay.turns.slice(0, 30).map((turn) => turn.action.slice(0, 40) || "(empty)").join(" · ");
const anyIllegal = (replay) => replay.turns.some((turn) => !turn.legal);
const manyRuns = () => new Set(state.replays.map((replay) => replay.run)).size > 1;

function seatBadge(replay, seat) {
  return element("span", "seat s" + seatNames(replay).indexOf(seat) % 6, visible(seat));
}

/** Whose games are looked for: the agent that was chosen, else the one that learns, else the first. */
function agentLookedFor() {
  const seats = state.replays.flatMap((replay) => Object.values(replay.seats));
  const known = seats.find((seat) => seat.learns) || seats[0];
  return byId("agent").value || (known ? known.agent : "");
}

function rewardOf(replay, agent) {
  return Math.min(...Object.values(replay.seats).filter((seat) => seat.agent === agent).map((seat) => seat.reward));
}

function isLost(replay, agent) {
  const others = Object.values(replay.seats).filter((seat) => seat.agent !== agent).map((seat) => seat.reward);
  const own = rewardOf(replay, agent);
  return Number.isFinite(own) && (others.length ? own < Math.max(...others) : own <= 0 && Object.keys(replay.seats).length === 1);
}

function listEpisodes() {
  const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const [illegalOnly, lostOnly, agent] = [byId("only-illegal").checked, byId("only-lost").checked, byId("agent").value];
  const looked = agentLookedFor();
  byId("loser").textContent = visible(looked);
  state.listed = state.replays.filter((replay) => {
    const text = [replay.run, replay.id, replay.env, replay.status, replay.task, agentsOf(replay), movesOf(replay)].join(" ").toLowerCase();
    return words.every((word) => text.includes(word)) && (!illegalOnly || anyIllegal(replay)) && (!lostOnly || isLost(replay, looked))
      && (!agent || Object.values(replay.seats).some((seat) => seat.agent === agent));
  });
  const keys = {longest: (replay) => -replay.turns.length, lowest: (replay) => rewardOf(replay, looked)};
  const key = keys[byId("order").value];
  if (key) state.listed.sort((one, two) => key(one) - key(two) || 0);
  byId("found").textContent = state.listed.length === state.replays.length
    ? state.listed.length + " episodes" : state.listed.length + " of " + state.replays.length + " episodes";
  const alike = new Set(state.listed.map(agentsOf)).size < 2;
  byId("episodes").replaceChildren(...state.listed.map((replay, place) => listItem(replay, place, alike)));
  markSelected();
}

function listItem(replay, place, alike) {
  const scores = seatNames(replay).map((seat) => signed(replay.seats[seat].reward)).join(" / ");
  const remarks = [replay.status === "ok" ? "" : replay.status, anyIllegal(replay) ? replay.illegal + " action" : ""].filter(Boolean);
  const who = [manyRuns() ? replay.run : "", alike ? "" : agentsOf(replay), ...remarks].filter(Boolean).join(" · ");
  const item = element("li", "", element("span", "id", visible(replay.id)), element("span", "score", scores),
    element("span", "sub", visible(movesOf(replay)) || "no turns"));
  if (who) item.append(element("span", "sub", visible(who)));
  item.setAttribute("role", "option");
  item.id = "option-" + place;
  item.replay = replay;
  item.addEventListener("click", () => show(replay, 0));
  return item;
}

function markSelected() {
  const list = byId("episodes");
  list.removeAttribute("aria-activedescendant");
  for (const item of list.children) {
    const selected = item.replay === state.episode;
    item.setAttribute("aria-selected", String(selected));
    if (!selected) continue;
    list.setAttribute("aria-activedescendant", item.id);
    if (item.offsetTop < list.scrollTop + list.offsetTop || item.offsetTop > list.scrollTop + list.offsetTop + list.clientHeight - 40) {
      list.scrollTop = item.offsetTop - list.offsetTop - 60;
    }
  }
}

function show(replay, turn, keepAddress, scroll) {
  const before = state.episode === replay ? Math.floor(state.turn / TURNS_AT_ONCE) : -1;
  state.episode = replay;
  state.turn = Math.max(0, Math.min(turn, replay.turns.length - 1));
  if (before !== Math.floor(state.turn / TURNS_AT_ONCE)) showEpisode(replay);
  showPosition(replay, scroll);
  showBoard(replay, state.turn);
  showTree(replay, state.turn);
  showAdventure(replay, state.turn);
  showSearch(replay, state.turn);
  showRobot(replay, state.turn);
  markSelected();
  if (!keepAddress) {
    const run = manyRuns() ? "&run=" + encodeURIComponent(replay.run) : "";
    const beside = state.beside ? "&beside=" + encodeURIComponent(state.beside.id) : "";
    keepAddressOf("#episode=" + encodeURIComponent(replay.id) + "&turn=" + (state.turn + 1) + run + beside);
  }
}

/** Steps through episodes replace each other; "Back" leads to what was shown before the first of them. */
function keepAddressOf(address) {
  if (location.hash.startsWith("#episode=")) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
}

function showEpisode(replay) {
  const kwargs = Object.keys(replay.kwargs).length ? " " + JSON.stringify(replay.kwargs) : "";
  byId("title").textContent = visible(replay.id);
  byId("facts").textContent = visible(
    [replay.env + " v" + replay.version + kwargs, "seed " + replay.seed, replay.status, "hash " + replay.hash.slice(0, 16)].join(" · "));
  byId("seats").replaceChildren(...seatNames(replay).map((seat) => {
    const {agent, weights, reward} = replay.seats[seat];
    return element("li", "", seatBadge(replay, seat), visible(agent + (weights === "0" || !weights ? "" : " (weights " + weights + ")")),
      element("b", "reward", signed(reward)));
  }));
  const start = TURNS_AT_ONCE * Math.floor(state.turn / TURNS_AT_ONCE);
  const turns = replay.turns.slice(start, start + TURNS_AT_ONCE);
  byId("transcript").start = start + 1;
  byId("transcript").replaceChildren(...turns.map((turn, place) => transcriptTurn(replay, turn, start + place)));
  byId("end").replaceChildren(...ending(replay));
  offerBeside(replay);
}

function showPosition(replay, scroll) {
  const count = replay.turns.length;
  byId("slider").max = Math.max(1, count);
  byId("slider").value = state.turn + 1;
  byId("previous").disabled = state.turn === 0;
  byId("next").disabled = state.turn >= count - 1;
  byId("position").textContent = count ? "turn " + (state.turn + 1) + " of " + count : "no turns";
  for (const item of byId("transcript").children) {
    const current = Number(item.dataset.turn) === state.turn;
    item.setAttribute("aria-current", String(current));
    if (current && scroll) item.scrollIntoView({block: "nearest", behavior: "instant"});
  }
}

/** What an observation says that not all observations of its environment say: no rules, no list of the actions. */
function gist(replay, turn) {
  const shared = state.shared.get(replay.env);
  const actions = turn.legal_actions || [];
  const isMenu = (line) => actions.length && actions.every((action) => line.includes(action));
  const lines = turn.observation.split("\n").filter((line) => !shared.has(line) && !isMenu(line));
  return lines.join("\n").trim();
}

/** By environment, the lines that stand in every observation. */
function sharedLines(replays) {
  const found = new Map();
  for (const replay of replays) {
    for (const turn of replay.turns) {
      const lines = new Set(turn.observation.split("\n"));
      const before = found.get(replay.env);
      found.set(replay.env, before ? new Set([...before].filter((line) => lines.has(line))) : lines);
    }
  }
  const several = (env) => new Set(replays.filter((one) => one.env === env).flatMap((one) => one.turns.map((turn) => turn.observation))).size > 1;
  return new Map([...found].map(([env, lines]) => [env, several(env) ? lines : new Set()]));
}

function transcriptTurn(replay, turn, place) {
  const short = gist(replay, turn);
  const whole = element("pre", "whole", visible(turn.observation));
  const prompt = element("details", "prompt", element("summary", "", turn.prompt ? "whole observation; the prompt has " + turn.prompt + " tokens" : "whole observation"), whole);
  const content = !turn.observation && turn.blobs.length ? [] : short && short !== turn.observation.trim() ? [element("pre", "gist", visible(short)), prompt] : [element("pre", "gist whole", visible(turn.observation))];
  const item = element("li", "turn", element("div", "sees", element("b", "", "Turn " + (place + 1) + " "), seatBadge(replay, turn.seat),
    visible(replay.seats[turn.seat].agent)), ...content, ...blobs(turn.blobs), ...turn.calls.map((call) => said(turn, call)), ...answer(replay, turn));
  item.dataset.turn = place;
  return item;
}

/** What a model was asked, folded, and what it wrote. */
function said(turn, call) {
  const asked = element("details", "asked", element("summary", "", "what the model was asked"),
    ...call.asked.flatMap(([role, text, cut]) => [element("b", "role", visible(role)), element("pre", "whole", visible(text)), ...rest(cut)]));
  const purpose = turn.calls.length > 1 || call.purpose !== "act" ? call.purpose + " · " + call.model + ": " : "";
  const wrote = element("div", "wrote", element("span", "name", visible(purpose) + "the model wrote"), element("pre", "", visible(call.wrote) || "(nothing)"), ...rest(call.cut));
  return element("div", "call", ...(call.asked.length ? [asked] : []), ...(call.asked.length || call.wrote ? [wrote] : []));
}

const rest = (cut) => (cut ? [element("p", "cut", "and " + number(cut) + " characters more")] : []);

/** What an observation holds beside its text: images and long arrays, by name, size and type. */
function blobs(found) {
  return found.length ? [element("ul", "blobs", ...found.map((one) => element("li", "", visible(one))))] : [];
}

function answer(replay, turn) {
  const content = [];
  if (turn.legal_actions) content.push(element("ul", "chips", ...turn.legal_actions.map((action) => option(turn, action))));
  content.push(element("div", turn.legal ? "action" : "action illegal", element("span", "said", visible(turn.action) || "(empty)"),
    element("span", "verdict", turn.legal ? replay.legal : replay.illegal)));
  if (turn.written.length) content.push(written(turn));
  content.push(turnNumbers(turn));
  return content;
}

/** A legal action, and how likely it was where the record tells. */
function option(turn, action) {
  const item = element("li", action === turn.action ? "taken" : "", visible(action));
  if (turn.distribution && action in turn.distribution) item.append(" ", element("span", "share", percent(turn.distribution[action])));
  return item;
}

/** The tokens that the model wrote: the less likely one was, the darker it stands. */
function written(turn) {
  const tokens = turn.written.slice(0, TOKENS_AT_ONCE).map(([text, logprob, among]) => {
    const share = logprob === null ? null : Math.exp(logprob);
    const token = element("span", "token", visible(text));
    if (share !== null) {
      token.style.setProperty("--surprise", Math.round(45 * (1 - share)) + "%");
      token.title = "probability " + percent(share) + (among ? ", chosen among " + among + " tokens" : "");
      if (share < 0.9995) token.append(element("sub", "", percent(share) + (among ? " of " + among : "")));
    }
    return token;
  });
  const rest = turn.tokens - tokens.length;
  return element("div", "tokens", element("span", "name", "written "), ...tokens, rest > 0 ? " and " + rest + " tokens more" : "");
}

function fact(name, value) {
  return element("div", "", element("dt", "", name), element("dd", "", value));
}

function turnNumbers(turn) {
  const numbers = element("dl", "numbers", fact("Reward until the next turn", signed(turn.reward)));
  if (!turn.tokens) return numbers;
  numbers.append(fact("Tokens written", String(turn.tokens)));
  const logprobs = turn.written.map((token) => token[1]);
  if (turn.tokens === logprobs.length && !logprobs.includes(null)) {
    const sum = logprobs.reduce((total, logprob) => total + logprob, 0);
    numbers.append(fact("Log-probability of the action", number(sum) + " nats, probability " + number(Math.exp(sum))));
  }
  return numbers;
}

/** How it came out, and the last that each seat saw. */
function ending(replay) {
  const seen = seatNames(replay).map((seat) => {
    if (seat in replay.last) {
      return element("div", "last", element("p", "", seatBadge(replay, seat), "saw at the end"),
        ...(replay.last[seat] || !replay.last_blobs[seat].length ? [element("pre", "", visible(replay.last[seat]))] : []), ...blobs(replay.last_blobs[seat]));
    }
    const last = replay.turns.findLast((turn) => turn.seat === seat);
    return last ? element("div", "last", element("p", "", seatBadge(replay, seat), "saw last, before " + visible(last.action.slice(0, 60) || "(empty)")),
      element("pre", "", visible(gist(replay, last) || last.observation))) : "";
  });
  const said = element("p", "", outcome(replay));
  said.id = "outcome";
  return [said, element("h4", "", "Final position"), element("div", "lasts", ...seen)];
}

function outcome(replay) {
  const parts = seatNames(replay).map((seat) => {
    const {reward, parts: named} = replay.seats[seat];
    return seat + " " + signed(reward) + " (" + Object.entries(named).map(([name, part]) => name + " " + signed(part)).join(", ") + ")";
  });
  const error = replay.error ? " " + replay.error : "";
  return visible("End (" + replay.status + "): " + parts.join("; ") + "." + error);
}

function step(by) {
  const turn = state.turn + by;
  if (state.episode && turn >= 0 && turn < state.episode.turns.length) show(state.episode, turn, false, true);
}

function stepEpisode(by) {
  const position = state.listed.indexOf(state.episode) + by;
  if (position >= 0 && position < state.listed.length) show(state.listed[position], 0);
}

function followAddress() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const id = wanted.get("episode");
  const found = state.replays.find((one) => one.id === id && (!wanted.has("run") || one.run === wanted.get("run")));
  if (!found) return false;
  byId("replays").scrollIntoView({behavior: "instant"});
  state.beside = state.replays.find((one) => one.id === wanted.get("beside")) || null;
  show(found, Number(wanted.get("turn") || 1) - 1, true, true);
  return true;
}

const KEYS = {ArrowLeft: () => step(-1), ArrowRight: () => step(1), ArrowUp: () => stepEpisode(-1), ArrowDown: () => stepEpisode(1)};

function onKey(event) {
  const box = byId("viewer").getBoundingClientRect();
  const inView = box.top < innerHeight && box.bottom > 0;
  const vertical = event.key === "ArrowUp" || event.key === "ArrowDown";
  const busy = event.target.matches("input, select, .scroll, .plot") || event.altKey || event.ctrlKey || event.metaKey;
  if (!KEYS[event.key] || busy || !inView || (vertical && event.target !== byId("episodes"))) return;
  event.preventDefault();
  KEYS[event.key]();
}

async function startReplays() {
  const packed = byId("packed");
  if (!packed) return;
  state.replays = await unpack(packed.textContent);
  await loadPictures();
  state.shared = sharedLines(state.replays);
  const agents = [...new Set(state.replays.flatMap((replay) => Object.values(replay.seats).map((seat) => seat.agent)))].sort();
  byId("agent").append(...agents.map((agent) => Object.assign(element("option", "", visible(agent)), {value: agent})));
  byId("viewer").hidden = false;
  byId("filter").addEventListener("input", listEpisodes);
  for (const id of ["only-illegal", "only-lost", "agent", "order"]) byId(id).addEventListener("change", listEpisodes);
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  byId("slider").addEventListener("input", () => show(state.episode, Number(byId("slider").value) - 1, false, true));
  byId("beside").addEventListener("change", () => { chooseBeside(byId("beside").value); show(state.episode, state.turn); });
  addEventListener("keydown", onKey);
  addEventListener("hashchange", followAddress);
  listEpisodes();
  if (!followAddress() && state.replays.length) show(state.replays[0], 0, true);
}
