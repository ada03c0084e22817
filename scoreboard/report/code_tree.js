const MARKS = {
  chosen: "M-4.5,0.5L-1.5,3.5L4.5,-3.5", ran: "M-4.5,0.5L-1.5,3.5L4.5,-3.5", rejected: "M0,-5L0,1.5M0,4.4L0,5",
  failed: "M-3.5,-3.5L3.5,3.5M3.5,-3.5L-3.5,3.5", illegal: "M-4,0L4,0",
};
const MEANINGS = {chosen: "ran and voted for the answer", ran: "ran", rejected: "ran, but was rejected", failed: "failed", illegal: "no program"};

/** The tree of programs of a replay, the program of the shown turn marked; nothing where there is no tree. */
function showTree(replay, turn) {
  const figure = byId("tree");
  const tree = replay.tree;
  figure.hidden = !tree;
  if (!tree) return;
  const held = figure.contains(document.activeElement);
  const current = tree.nodes.find((node) => node.turn === turn);
  figure.replaceChildren(treeCaption(tree), element("div", "scroll", treeDrawing(replay, tree, current)), treeVotes(tree));
  const focused = figure.querySelector("[tabindex='0']");
  if (held && focused) focused.focus({preventScroll: true});
}

function treeCaption(tree) {
  const caption = element("figcaption", "", tree.nodes.length === 1 ? "1 program" : tree.nodes.length + " programs");
  const shown = Object.keys(MARKS).filter((mark) => tree.nodes.some((node) => node.mark === mark));
  const keys = shown.map((mark) => element("li", "",
    svgElement("svg", {width: 20, height: 20, viewBox: "-10 -10 20 20", "aria-hidden": "true"}, ...treeMark(mark)), MEANINGS[mark]));
  return element("div", "about", caption, element("ul", "legend", ...keys));
}

function treeMark(mark) {
  return [svgElement("circle", {r: 8, class: "node " + mark}), svgElement("path", {d: MARKS[mark], class: "mark " + mark})];
}

function treeDrawing(replay, tree, current) {
  const size = {width: tree.width, height: tree.height, viewBox: "0 0 " + tree.width + " " + tree.height};
  const drawing = svgElement("svg", {...size, class: "tree", role: "group", "aria-label": "Tree of programs"});
  const at = new Map(tree.nodes.map((node) => [node.id, node]));
  for (const node of tree.nodes) {
    const [x, y] = node.parent === null ? tree.root : [at.get(node.parent).x, at.get(node.parent).y];
    drawing.append(svgElement("path", {class: "stem", d: "M" + x + "," + y + "L" + node.x + "," + node.y}));
  }
  const [x, y] = tree.root;
  drawing.append(svgElement("rect", {x: x - 5, y: y - 5, width: 10, height: 10, class: "task"}, svgElement("title", {}, "the task")));
  drawing.append(...tree.nodes.map((node) => treeNode(replay, tree, node, current)));
  return drawing;
}

function treeNode(replay, tree, node, current) {
  const label = visible(node.label);
  const tabbed = node === current || (!current && node === tree.nodes[0]);
  const drawn = svgElement("g", {transform: "translate(" + node.x + "," + node.y + ")", role: "button", "data-node": node.id,
    tabindex: tabbed ? 0 : -1, "aria-label": label, "aria-current": String(node === current)}, svgElement("title", {}, label));
  if (node === current) drawn.append(svgElement("circle", {r: 12, class: "current"}));
  drawn.append(...treeMark(node.mark));
  drawn.addEventListener("click", () => show(replay, node.turn));
  drawn.addEventListener("keydown", (event) => onTreeKey(event, replay, tree, node));
  return drawn;
}

/** Enter opens a program, up and down lead to its parent and its first child; left and right step as everywhere. */
function onTreeKey(event, replay, tree, node) {
  const parent = tree.nodes.find((one) => one.id === node.parent);
  const child = tree.nodes.find((one) => one.parent === node.id);
  const next = {Enter: node, " ": node, ArrowUp: parent, ArrowDown: child}[event.key];
  if (!next || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  event.stopPropagation();
  show(replay, next.turn);
}

function treeVotes(tree) {
  if (!tree.answers.length) return element("p", "votes", tree.abstained ? "No program ran: it abstained." : "");
  const rows = tree.answers.map((answer) => element("li", answer.chosen ? "chosen" : "",
    element("code", "", visible(answer.text) || "(nothing)"),
    element("span", "count", (answer.voters.length === 1 ? "1 vote" : answer.voters.length + " votes") + (answer.chosen ? ", the answer" : "")),
    element("span", "from", "from " + answer.voters.join(", "))));
  return element("ul", "votes", ...rows);
}
