"use strict";
const byId = (id) => document.getElementById(id);

/** An element with text and children; whatever agents wrote only ever becomes a text node. */
function element(tag, className, ...content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

/** Control characters and direction overrides made visible, so that text looks like what it is. */
function visible(text) {
  return text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff]/gu,
    (c) => "⟨U+" + c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0") + "⟩");
}

function number(value) {
  const size = Math.abs(value);
  const text = size >= 1000 ? value.toLocaleString("en-US", {maximumFractionDigits: 0})
    : size !== 0 && size < 0.001 ? value.toExponential(1) : String(Number(value.toPrecision(4)));
  return text.replace("-", "−");
}

const signed = (value) => (value > 0 ? "+" : "") + number(value);

// Charts: a cursor at the nearest update, and every line's value there.

function nearest(points, x) {
  return points.reduce((best, point) => (Math.abs(point[2] - x) < Math.abs(best[2] - x) ? point : best));
}

function watchChart(svg) {
  const lines = JSON.parse(svg.dataset.lines);
  const cursor = svg.appendChild(svgElement("line", {class: "cursor", visibility: "hidden"}));
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const view = svg.viewBox.baseVal;
    const all = lines.flatMap((line) => line.points);
    const at = nearest(all, (event.clientX - box.left) / box.width * view.width);
    for (const [name, value] of [["x1", at[2]], ["x2", at[2]], ["y1", 0], ["y2", view.height - 24]]) {
      cursor.setAttribute(name, value);
    }
    cursor.setAttribute("visibility", "visible");
    showTip(event, at, lines);
  });
  svg.addEventListener("pointerleave", () => {
    cursor.setAttribute("visibility", "hidden");
    byId("tip").hidden = true;
  });
}

function showTip(event, at, lines) {
  const tip = byId("tip");
  const rows = lines.map((line) => {
    const point = nearest(line.points, at[2]);
    return point[0] === at[0] ? element("p", "", element("span", "", line.label), number(point[1])) : "";
  });
  tip.replaceChildren(element("p", "when", "update " + number(at[0])), ...rows);
  tip.hidden = false;
  const right = event.pageX + 16 + tip.offsetWidth < document.documentElement.clientWidth;
  tip.style.left = (right ? event.pageX + 16 : event.pageX - 16 - tip.offsetWidth) + "px";
  tip.style.top = event.pageY + 14 + "px";
}

// Replays.

async function unpack(base64) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

const state = {replays: [], listed: [], episode: null, turn: 0};
const seatNames = (replay) => Object.keys(replay.seats);
const agentsOf = (replay) => seatNames(replay).map((seat) => replay.seats[seat].agent).join(" – ");
const anyIllegal = (replay) => replay.turns.some((turn) => !turn.legal);
const manyRuns = () => new Set(state.replays.map((replay) => replay.run)).size > 1;

function seatBadge(replay, seat) {
  return element("span", "seat s" + seatNames(replay).indexOf(seat) % 6, visible(seat));
}

function listEpisodes() {
  const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const illegalOnly = byId("only-illegal").checked;
  state.listed = state.replays.filter((replay) => {
    const text = [replay.run, replay.id, replay.env, replay.status, replay.task, agentsOf(replay)].join(" ").toLowerCase();
    return words.every((word) => text.includes(word)) && (!illegalOnly || anyIllegal(replay));
  });
  byId("found").textContent = state.listed.length === state.replays.length
    ? state.listed.length + " episodes" : state.listed.length + " of " + state.replays.length + " episodes";
  byId("episodes").replaceChildren(...state.listed.map(listItem));
  markSelected();
}

function listItem(replay) {
  const scores = seatNames(replay).map((seat) => signed(replay.seats[seat].reward)).join(" / ");
  const remarks = [replay.status === "ok" ? "" : replay.status, anyIllegal(replay) ? "illegal action" : ""].filter(Boolean);
  const sub = [manyRuns() ? replay.run : "", agentsOf(replay), ...remarks].filter(Boolean).join(" · ");
  const item = element("li", "", element("span", "id", visible(replay.id)), element("span", "score", scores),
    element("span", "sub", visible(sub)));
  item.setAttribute("role", "option");
  item.replay = replay;
  item.addEventListener("click", () => show(replay, 0));
  return item;
}

function markSelected() {
  for (const item of byId("episodes").children) {
    const selected = item.replay === state.episode;
    item.setAttribute("aria-selected", String(selected));
    const list = byId("episodes");
    if (selected && (item.offsetTop < list.scrollTop + list.offsetTop || item.offsetTop > list.scrollTop + list.offsetTop + list.clientHeight - 40)) {
      list.scrollTop = item.offsetTop - list.offsetTop - 60;
    }
  }
}

function show(replay, turn, keepAddress) {
  state.episode = replay;
  state.turn = Math.max(0, Math.min(turn, replay.turns.length - 1));
  showEpisode(replay);
  byId("turn").replaceChildren(...(replay.turns.length ? turnContent(replay, replay.turns[state.turn]) : []));
  showPosition(replay);
  showTree(replay, state.turn);
  markSelected();
  if (!keepAddress) {
    const run = manyRuns() ? "&run=" + encodeURIComponent(replay.run) : "";
    history.replaceState(null, "", "#episode=" + encodeURIComponent(replay.id) + "&turn=" + (state.turn + 1) + run);
  }
}

function showEpisode(replay) {
  const kwargs = Object.keys(replay.kwargs).length ? " " + JSON.stringify(replay.kwargs) : "";
  byId("title").textContent = visible(replay.id);
  byId("facts").textContent = visible(
    [replay.env + " v" + replay.version + kwargs, "seed " + replay.seed, replay.status, "hash " + replay.hash.slice(0, 16)].join(" · "));
  byId("seats").replaceChildren(...seatNames(replay).map((seat) => element("li", "", seatBadge(replay, seat),
    visible(replay.seats[seat].agent), element("b", "reward", signed(replay.seats[seat].reward)))));
}

function showPosition(replay) {
  const count = replay.turns.length;
  const last = state.turn >= count - 1;
  byId("slider").max = Math.max(1, count);
  byId("slider").value = state.turn + 1;
  byId("previous").disabled = state.turn === 0;
  byId("next").disabled = last;
  byId("position").textContent = count ? "turn " + (state.turn + 1) + " of " + count : "no turns";
  byId("outcome").textContent = last ? outcome(replay) : "";
  byId("outcome").hidden = !last;
}

function outcome(replay) {
  const parts = seatNames(replay).map((seat) => {
    const {reward, parts: named} = replay.seats[seat];
    return seat + " " + signed(reward) + " (" + Object.entries(named).map(([name, part]) => name + " " + signed(part)).join(", ") + ")";
  });
  const error = replay.error ? " " + replay.error : "";
  return visible("End (" + replay.status + "): " + parts.join("; ") + "." + error);
}

function turnContent(replay, turn) {
  const content = [element("div", "sees", seatBadge(replay, turn.seat), "sees"), element("pre", "", visible(turn.observation))];
  if (turn.legal_actions) {
    content.push(element("h4", "", "Legal actions"), element("ul", "chips", ...turn.legal_actions.map((action) =>
      element("li", action === turn.action ? "taken" : "", visible(action)))));
  }
  const action = element("div", turn.legal ? "action" : "action illegal", element("span", "said", visible(turn.action) || "(empty)"),
    element("span", "verdict", turn.legal ? "legal" : "illegal"));
  content.push(element("h4", "", "Action"), action, turnNumbers(turn));
  return content;
}

function turnNumbers(turn) {
  const fact = (name, ...value) => element("div", "", element("dt", "", name), element("dd", "", ...value));
  const numbers = element("dl", "numbers", fact("Reward until the next turn", signed(turn.reward)));
  if (turn.tokens) numbers.append(fact("Tokens generated", String(turn.tokens)));
  if (turn.logprobs.length) {
    const sum = turn.logprobs.reduce((total, logprob) => total + logprob, 0);
    const chips = turn.logprobs.slice(0, 200).map((logprob) => element("span", "", logprob.toFixed(3).replace("-", "−")));
    numbers.append(fact("Log-probability of the action", number(sum) + " nats, probability " + number(Math.exp(sum))));
    if (turn.logprobs.length > 1) numbers.append(fact("by token", element("div", "tokens", ...chips)));
  }
  return numbers;
}

function step(by) {
  const turn = state.turn + by;
  if (state.episode && turn >= 0 && turn < state.episode.turns.length) show(state.episode, turn);
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
  show(found, Number(wanted.get("turn") || 1) - 1, true);
  byId("replays").scrollIntoView({behavior: "instant"});
  return true;
}

const KEYS = {ArrowLeft: () => step(-1), ArrowRight: () => step(1), ArrowUp: () => stepEpisode(-1), ArrowDown: () => stepEpisode(1)};

function onKey(event) {
  const box = byId("viewer").getBoundingClientRect();
  const inView = box.top < innerHeight && box.bottom > 0;
  const vertical = event.key === "ArrowUp" || event.key === "ArrowDown";
  const busy = event.target.matches("input") || event.altKey || event.ctrlKey || event.metaKey;
  if (!KEYS[event.key] || busy || !inView || (vertical && event.target !== byId("episodes"))) return;
  event.preventDefault();
  KEYS[event.key]();
}

async function startReplays() {
  const packed = byId("packed");
  if (!packed) return;
  state.replays = await unpack(packed.textContent);
  byId("viewer").hidden = false;
  byId("filter").addEventListener("input", listEpisodes);
  byId("only-illegal").addEventListener("change", listEpisodes);
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  byId("slider").addEventListener("input", () => show(state.episode, Number(byId("slider").value) - 1));
  addEventListener("keydown", onKey);
  addEventListener("hashchange", followAddress);
  listEpisodes();
  if (!followAddress() && state.replays.length) show(state.replays[0], 0, true);
}

document.querySelectorAll("svg.chart").forEach(watchChart);
startReplays();
