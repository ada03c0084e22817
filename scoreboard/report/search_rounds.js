const SUFFICES = {true: "suffices", false: "does not suffice", null: ""};

/** The rounds of a search as of the shown turn: query, passages and what they prove, verdict, answer; nothing elsewhere. */
function showSearch(replay, turn) {
  const figure = byId("search"), found = replay.search;
  figure.hidden = !found;
  if (!found) return;
  const now = found.steps.findLast((step) => step.turn <= turn) || found.steps[0];
  const items = found.steps.map((step) => searchStep(replay, step, now));
  figure.replaceChildren(searchFacts(found, now), element("ol", "rounds", ...items));
  const list = figure.querySelector("ol");
  bringIntoView(list, list.querySelector("[aria-current='true']"));
}

function searchFacts(found, now) {
  const right = found.answers.length ? found.answers.slice(0, 3).join(" / ") : "none: giving up is right";
  const facts = element("dl", "numbers", fact("Question", visible(found.question)), fact("Right answer, which the agent did not see", visible(right)));
  if (found.kind) facts.append(fact("Kind", visible(found.kind) + ", " + found.hops + (found.hops === 1 ? " hop" : " hops")));
  if (now && now.sufficient !== null) facts.append(fact("What was found before this turn", SUFFICES[now.sufficient]));
  return facts;
}

function searchStep(replay, step, now) {
  const names = {search: "Search", answer: "Answer", give_up: "Gives up", verdict: "Verdict", malformed: "No action"};
  const gained = step.gained ? element("b", "gained", signed(step.gained)) : "";
  const button = element("button", step.kind === "malformed" ? "illegal" : "", element("span", "skill", names[step.kind] || ""),
    element("span", "said", visible(step.said) || (step.kind === "give_up" ? "" : "(empty)")), searchMark(step), gained);
  button.type = "button";
  button.addEventListener("click", () => show(replay, step.turn));
  const item = element("li", step.turn > now.turn ? "later" : "", button);
  if (step.draft || step.probability !== null) item.append(searchVerdict(step));
  if (step.passages.length) item.append(element("ul", "found", ...step.passages.map(searchPassage)));
  else if (step.kind === "search") item.append(element("p", "small", "Nothing was found."));
  item.setAttribute("aria-current", String(step === now));
  return item;
}

function searchMark(step) {
  if (step.sufficient === null) return "";
  const mark = element("span", step.sufficient ? "mark enough" : "mark", step.sufficient ? "✓" : "…");
  mark.title = "What was found before this turn " + SUFFICES[step.sufficient];
  return mark;
}

function searchVerdict(step) {
  const parts = [];
  if (step.draft) parts.push("Answer in mind: ", element("b", "", visible(step.draft)), ". ");
  if (step.probability !== null) parts.push("Verdict: " + percent(Math.min(1, Math.max(0, step.probability))) + " that it may stand.");
  return element("p", "small", ...parts);
}

function searchPassage(passage) {
  const facts = passage.proves.map((proves) => element("li", "", visible(proves)));
  return element("li", "", element("b", "", visible(passage.title)), " ", element("span", "text", visible(passage.text)),
    ...(facts.length ? [element("ul", "chips", ...facts)] : []));
}
