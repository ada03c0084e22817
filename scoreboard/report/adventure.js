const CELL = {width: 124, height: 62}, BOX = {width: 104, height: 30};
const TOWARDS = {north: [0, -1], south: [0, 1], east: [1, 0], west: [-1, 0], northeast: [1, -1], northwest: [-1, -1],
  southeast: [1, 1], southwest: [-1, 1], up: [1, -1], down: [-1, 1], in: [1, 1], out: [-1, -1]};

/** Map, score, inventory, and the plan beside what was done, as of the shown turn; nothing where there is no adventure. */
function showAdventure(replay, turn) {
  const figure = byId("adventure"), found = replay.adventure;
  figure.hidden = !found;
  if (!found) return;
  const now = found.steps.findLast((step) => step.turn <= turn) || found.steps[0];
  const scrolled = figure.querySelector(".scroll");
  const at = scrolled ? [scrolled.scrollLeft, scrolled.scrollTop] : null;
  const parts = [adventureState(found, now)];
  if (found.rooms.length) parts.push(element("div", "scroll", adventureMap(found, now)));
  figure.replaceChildren(...parts, adventureLists(replay, found, now));
  const place = figure.querySelector(".scroll");
  if (place && at) [place.scrollLeft, place.scrollTop] = at;
  if (place) bringIntoView(place, figure.querySelector(".room.here"));
  for (const list of figure.querySelectorAll("ol")) bringIntoView(list, list.querySelector("[aria-current='true']"));
}

/** Scrolls a place, and nothing around it, until a part of it can be seen. */
function bringIntoView(place, part) {
  if (!part) return;
  const outer = place.getBoundingClientRect(), inner = part.getBoundingClientRect();
  if (inner.top < outer.top || inner.bottom > outer.bottom) place.scrollTop += inner.top - outer.top - outer.height / 3;
  if (inner.left < outer.left || inner.right > outer.right) place.scrollLeft += inner.left - outer.left - outer.width / 3;
}

function adventureState(found, now) {
  const facts = element("dl", "numbers", fact("Score", number(now.score) + " of " + number(found.max_score)));
  if (now.room >= 0) facts.append(fact("In", visible(found.rooms[now.room].name)));
  if (now.inventory) facts.append(fact("Carries", visible(now.inventory.join(", ")) || "nothing"));
  facts.append(fact("At the end", number(found.last_score) + " of " + number(found.max_score)));
  return facts;
}

function adventureMap(found, now) {
  const [width, height] = [found.width * CELL.width, found.height * CELL.height];
  const map = svgElement("svg", {width: width, height: height, viewBox: "0 0 " + width + " " + height, class: "map", role: "img", "aria-label": "Map"});
  const center = (room) => [(room.x + 0.5) * CELL.width, (room.y + 0.5) * CELL.height];
  for (const way of found.ways) {
    const [x, y] = center(found.rooms[way.room]), later = way.first > now.turn ? " later" : "";
    const [dx, dy] = TOWARDS[way.direction] || [1, 0];
    const [toX, toY] = way.to >= 0 ? center(found.rooms[way.to]) : [x + dx * (BOX.width / 2 + 9), y + dy * (BOX.height / 2 + 12)];
    map.append(svgElement("path", {class: "way" + (way.to < 0 ? " untried" : "") + later, d: "M" + x + "," + y + "L" + toX + "," + toY},
      svgElement("title", {}, visible(way.direction || "a way") + (way.to < 0 ? ", nobody went there" : ""))));
  }
  map.append(...found.rooms.map((room, place) => adventureRoom(room, center(room), place === now.room, room.first > now.turn)));
  return map;
}

function adventureRoom(room, [x, y], here, later) {
  const name = visible(room.name), short = name.length > 15 ? name.slice(0, 14) + "…" : name;
  return svgElement("g", {class: "room" + (here ? " here" : "") + (later ? " later" : "")},
    svgElement("title", {}, name + (here ? ": the player is here" : later ? ": seen later" : "")),
    svgElement("rect", {x: x - BOX.width / 2, y: y - BOX.height / 2, width: BOX.width, height: BOX.height, rx: 5}),
    svgElement("text", {x: x, y: y, dy: "0.34em", "text-anchor": "middle"}, short));
}

function adventureLists(replay, found, now) {
  const done = element("section", "", element("h4", "", "What was done"), element("ol", "", ...found.steps.map((step) => adventureStep(replay, step, now))));
  const turnOf = new Map(found.steps.filter((step) => step.planned >= 0).map((step) => [step.planned, step.turn]));
  const plan = found.plan.map((command, place) => {
    const state = turnOf.get(place) <= now.turn ? "kept" : "";
    return element("li", state, element("span", "said", visible(command)), element("span", "mark", state ? "✓" : ""));
  });
  const planned = element("section", "", element("h4", "", "The shortest plan, which the agent did not see"), element("ol", "", ...plan));
  return element("div", "beside", ...(plan.length ? [planned] : []), done);
}

function adventureStep(replay, step, now) {
  const gained = step.gained ? element("b", "gained", signed(step.gained)) : "";
  const button = element("button", step.legal ? "" : "illegal", element("span", "said", visible(step.command) || "(empty)"),
    element("span", "skill", visible(step.skill)), gained, element("span", "mark", step.planned >= 0 ? "✓" : ""));
  button.type = "button";
  button.addEventListener("click", () => show(replay, step.turn));
  const item = element("li", step.turn > now.turn ? "later" : "", button);
  item.setAttribute("aria-current", String(step === now));
  return item;
}
