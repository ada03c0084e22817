const BAND = {label: 12, truth: 25, bar: 28, height: 14, below: 55, row: 60};
const ATTEMPTS = {try: "attempt", repair: "picks up again what was lost", look: "asks whether it is still held"};
const CHECKS = [[true, true], [false, false], [true, false], [false, true]];
const album = {pictures: {}, left_out: 0, unreadable: 0, camera: ""};

async function loadPictures() {
  const packed = byId("packed-pictures");
  if (packed) Object.assign(album, await unpack(packed.textContent));
}

/** The film of a plan that a robot carried out, as of the shown turn; nothing where no robot acts. */
function showRobot(replay, turn) {
  const figure = byId("robot"), film = replay.film;
  figure.hidden = !film;
  if (!film) return;
  const places = [".scroll", ".strip"].map((name) => figure.querySelector(name)).map((one) => one && [one.scrollLeft, one.scrollTop]);
  const action = film.actions.findLast((one) => one.turn <= turn) || film.actions[0];
  const line = element("div", "scroll", stepsDrawing(replay, film, action, figure.clientWidth));
  line.tabIndex = 0;
  figure.replaceChildren(robotFacts(film), line, checksLegend(film), ...filmStrip(replay, film, turn), robotLists(replay, film, action));
  [line, figure.querySelector(".strip")].forEach((one, number) => {
    if (one && places[number]) [one.scrollLeft, one.scrollTop] = places[number];
  });
  bringIntoView(line, line.querySelector(".pursuit.current") || line.querySelector(".now"));
  for (const list of figure.querySelectorAll(".strip, .beside ol")) bringIntoView(list, list.querySelector("[aria-current='true']"));
}

function robotFacts(film) {
  const clauses = film.clauses.map(([clause, before, after]) => element("li", "", element("b", "", after ? "✓" : "✗"),
    visible(clause) + (before && after ? ", from the start" : before ? ", which held at the start" : "")));
  const reached = film.clauses.filter(([, , after]) => after).length;
  const goal = fact("Goal, " + reached + " of " + film.clauses.length + " clauses at the end", "");
  goal.lastChild.append(element("ul", "clauses", ...clauses));
  return element("dl", "numbers", fact("Instruction", visible(film.instruction)), goal, fact("Control steps", number(film.steps)));
}

// The line of control steps.

function stepsDrawing(replay, film, action, room) {
  const inner = Math.max(Math.min(room || 640, 900) - 24, 1.1 * film.steps), scale = inner / Math.max(1, film.steps);
  const at = (step) => 8 + scale * step;
  const pursued = film.actions.flatMap((one) => one.pursued.map((bars) => [bars, one === action]));
  const [width, height] = [inner + 24, BAND.row * Math.max(1, pursued.length) + 22];
  const drawing = svgElement("svg", {width: width, height: height, viewBox: "0 0 " + width + " " + height, class: "steps", role: "group",
    "aria-label": "Subgoals by control step"});
  if (action) drawing.append(svgElement("rect", {class: "now", x: at(action.start), y: 0, width: Math.max(2, at(action.end) - at(action.start)), height: height - 20}));
  for (const one of film.actions) drawing.append(svgElement("line", {class: "until", x1: at(one.end), x2: at(one.end), y1: 0, y2: height - 20}));
  drawing.append(stepsAxis(film, at, height), ...pursued.map(([bars, current], row) => {
    const group = svgElement("g", {class: "pursuit" + (current ? " current" : ""), transform: "translate(0 " + row * BAND.row + ")"});
    group.append(...pursuitDrawing(replay, bars, at, width));
    return group;
  }));
  return drawing;
}

function stepsAxis(film, at, height) {
  const every = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 50000, 100000].find((size) => film.steps / size <= 10) || 500000;
  const ticks = [];
  for (let step = 0; step <= film.steps; step += every) {
    ticks.push(svgElement("line", {x1: at(step), x2: at(step), y1: height - 20, y2: height - 16}),
      svgElement("text", {x: at(step), y: height - 4, "text-anchor": step ? "middle" : "start"}, step ? number(step) : "step 0"));
  }
  return svgElement("g", {class: "axis"}, ...ticks);
}

function pursuitDrawing(replay, bars, at, width) {
  const x = at(bars[0].start), late = x > 0.6 * width, name = bars.find((bar) => bar.kind === "try") || bars[0];
  const label = svgElement("text", {x: late ? Math.max(x, at(bars.at(-1).start + bars.at(-1).steps)) : x, y: BAND.label, "text-anchor": late ? "end" : "start"}, visible(name.subgoal.slice(0, 60)));
  return [label, ...bars.flatMap((bar) => attemptDrawing(replay, bar, at))];
}

/** A bar from its first to its last step, its checks on it, the truth at its end above it, its fault below. */
function attemptDrawing(replay, bar, at) {
  const said = (bar.accepted ? "accepted" : "not accepted") + ", " + (bar.reached ? "reached" : "not reached");
  const title = svgElement("title", {}, visible(bar.subgoal) + ": " + ATTEMPTS[bar.kind] + (bar.kind === "try" ? " " + (bar.number + 1) : "")
    + ", " + number(bar.steps) + " steps, " + said + (bar.fault ? ", fault: " + visible(bar.fault) : ""));
  const start = at(bar.start), end = at(bar.start + bar.steps), middle = BAND.bar + BAND.height / 2;
  const shape = {class: "attempt " + bar.kind + (bar.accepted ? " accepted" : ""), y: BAND.bar, height: BAND.height};
  if (bar.kind === "look") {
    const asked = svgElement("g", {class: "looked"}, title, svgElement("text", {x: start - 5, y: middle, dy: "0.35em", "text-anchor": "middle"}, "?"));
    return [asked, ...bar.checks.map((check, place) => checkDrawing(replay, check, start - 5 + 9 * place, BAND.below - 4))];
  }
  return [svgElement("g", {}, title, svgElement("rect", {...shape, x: start, width: Math.max(2, end - start), rx: 2})),
    ...(bar.fault ? [faultDrawing(bar, at)] : []), ...bar.checks.map((check) => checkDrawing(replay, check, at(check.step), middle)),
    svgElement("text", {class: "truth " + (bar.reached ? "reached" : "failed"), x: end, y: BAND.truth, "text-anchor": "end"}, bar.reached ? "✓" : "✗")];
}

function faultDrawing(bar, at) {
  const x = at(bar.fault_at);
  return svgElement("g", {class: "fault"}, svgElement("title", {}, "fault: " + visible(bar.fault)),
    svgElement("path", {d: "M" + x + "," + (BAND.bar - 4) + "V" + (BAND.below - 9)}), svgElement("text", {x: x, y: BAND.below}, "⚡" + visible(bar.fault.slice(0, 20))));
}

/** Filled: the verifier said yes; hollow: no. Round: that is true; a diamond: it is not. */
function checkMark([said, truth], x, y) {
  const kind = {class: "check " + (said ? "yes" : "no") + (said === truth ? " right" : " wrong")};
  return said === truth ? svgElement("circle", {...kind, cx: x, cy: y, r: 3})
    : svgElement("path", {...kind, d: "M" + x + "," + (y - 5) + "l5,5l-5,5l-5,-5z"});
}

const checkWords = ([said, truth]) => "said " + (said ? "yes" : "no") + (said === truth ? ", which is true" : ", which is false");

function checkDrawing(replay, check, x, y) {
  const pair = [check.said, check.truth], words = "step " + number(check.step) + ": the verifier " + checkWords(pair);
  const mark = svgElement("g", {role: "button", "aria-label": words}, svgElement("title", {}, words), checkMark(pair, x, y));
  mark.addEventListener("click", () => show(replay, check.turn));
  return mark;
}

function checksLegend(film) {
  const checks = film.actions.flatMap((one) => one.pursued).flat().flatMap((bar) => bar.checks);
  const keys = CHECKS.map((pair) => [pair, checks.filter((check) => check.said === pair[0] && check.truth === pair[1]).length]);
  const items = keys.map(([pair, count]) => element("li", "", svgElement("svg", {width: 14, height: 14, viewBox: "-7 -7 14 14", "aria-hidden": "true"}, checkMark(pair, 0, 0)),
    "the verifier " + checkWords(pair), " ", element("b", "", number(count))));
  return element("ul", "legend", ...items, element("li", "", "filled bar: accepted"), element("li", "", "dashed bar: picks up again"), element("li", "", "? asks whether it is still held"), element("li", "", "✓ ✗ the truth at the end"), element("li", "", "⚡ fault"));
}

// The film strip.

function filmStrip(replay, film, turn) {
  if (!film.frames.length) return [];
  const cameras = [...new Set(film.frames.flatMap((frame) => frame.shots.map(([camera]) => camera)))];
  const camera = cameras.includes(album.camera) ? album.camera : cameras[0];
  const now = film.frames.findLast((frame) => frame.turn <= turn);
  const ended = turn >= replay.turns.length - 1 && film.frames.at(-1).turn === replay.turns.length ? film.frames.at(-1) : null;
  const strip = element("ul", "strip", ...film.frames.map((frame) => filmFrame(replay, film, frame, camera, frame === now || frame === ended)));
  strip.setAttribute("aria-label", "Pictures by turn");
  const choices = cameras.length < 2 ? [] : [element("div", "cameras", "Camera ", ...cameras.map((name) => cameraButton(replay, name, name === camera)))];
  const missing = [[album.left_out, "left out: the page stays below 5 MB"], [album.unreadable, "missing or damaged in the store"]].filter(([count]) => count);
  return [...choices, strip, ...missing.map(([count, why]) => element("p", "small", (count === 1 ? "1 picture of this page is " : number(count) + " pictures of this page are ") + why + "."))];
}

function cameraButton(replay, name, pressed) {
  const button = element("button", "", visible(name) || "camera");
  button.type = "button";
  button.setAttribute("aria-pressed", String(pressed));
  button.addEventListener("click", () => {
    album.camera = name;
    showRobot(replay, state.turn);
  });
  return button;
}

const frameWords = (replay, frame) => (frame.turn < replay.turns.length ? "turn " + (frame.turn + 1) : "end") + " · step " + number(frame.step);

function filmFrame(replay, film, frame, camera, current) {
  const shot = frame.shots.find(([name]) => name === camera);
  const enlarge = element("button", "", picture(replay, frame, shot));
  enlarge.addEventListener("click", () => enlarged(replay, frame));
  const lead = element("button", "", frameWords(replay, frame));
  lead.addEventListener("click", () => show(replay, frame.turn));
  for (const button of [enlarge, lead]) button.type = "button";
  const item = element("li", "", enlarge, lead);
  item.setAttribute("aria-current", String(current));
  return item;
}

function picture(replay, frame, shot) {
  const source = shot && album.pictures[shot[1]];
  if (!source) return element("span", "missing", "no picture here");
  const image = element("img");
  image.alt = "camera " + visible(shot[0]) + ", " + frameWords(replay, frame) + (frame.about ? ": " + visible(frame.about) : "");
  image.src = source;
  return image;
}

/** All cameras of a frame, large, until Escape or a click. */
function enlarged(replay, frame) {
  const shots = frame.shots.map((shot) => element("figure", "", picture(replay, frame, shot), element("figcaption", "", visible(shot[0]))));
  const close = element("button", "more", "Close");
  const dialog = element("dialog", "enlarged", element("p", "", frameWords(replay, frame) + (frame.about ? " · " + visible(frame.about) : "")), element("div", "", ...shots), close);
  dialog.setAttribute("aria-label", "Pictures, enlarged");
  dialog.addEventListener("click", (event) => event.target.matches("dialog, img, .more") && dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

// What was said, beside what was done.

function robotLists(replay, film, action) {
  const items = film.actions.map((one) => {
    const button = element("button", one.legal ? "" : "illegal", element("span", "said", visible(one.said) || "(empty)"));
    button.type = "button";
    button.addEventListener("click", () => show(replay, one.turn));
    const item = element("li", "", element("div", "pair", button, element("ul", "", ...actionItems(replay, one))));
    item.setAttribute("aria-current", String(one === action));
    return item;
  });
  return element("div", "carried", element("h4", "", "What the planner said, and what was carried out"), element("ol", "", ...items));
}

function actionItems(replay, action) {
  const others = Object.keys(replay.seats).filter((seat) => action.others.some((one) => one.seat === seat));
  const done = action.pursued.map((bars) => element("li", "", visible(pursuitWords(bars))));
  if (!done.length) done.push(element("li", "", action.legal ? "nothing was carried out" : "not understood: nothing was carried out"));
  return [...others.map((seat) => otherItem(replay, seat, action.others.filter((one) => one.seat === seat))), ...done];
}

/** What another seat said: its words, or how many of its verdicts are true. */
function otherItem(replay, seat, said) {
  const judged = said.filter((one) => one.right !== null);
  const words = judged.length ? judged.length + (judged.length === 1 ? " verdict, " : " verdicts, ") + judged.filter((one) => one.right).length + " of them true"
    : said.map((one) => one.said).join(", ");
  return element("li", "", seatBadge(replay, seat), visible(words));
}

function pursuitWords(bars) {
  const tries = bars.filter((bar) => bar.kind === "try"), last = tries.at(-1) || bars.at(-1);
  const faults = bars.filter((bar) => bar.fault).map((bar) => bar.fault);
  const agreed = last.accepted === last.reached ? (last.reached ? "reached" : "not reached") : last.accepted ? "accepted, but not reached" : "reached, but not accepted";
  const parts = [agreed, tries.length > 1 ? tries.length + " tries" : "", bars.some((bar) => bar.kind === "repair") ? "picked up again" : "", faults.length ? "faults: " + faults.join(", ") : ""];
  return (last.reached ? "✓ " : "✗ ") + last.subgoal + ": " + parts.filter(Boolean).join("; ");
}
