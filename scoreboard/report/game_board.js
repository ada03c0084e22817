const TILE = 34, EDGE = 22, RADIUS = TILE / Math.sqrt(3);

/** The board that the seat of the shown turn saw, what changed since the one before marked; at the end that one too. */
function showBoard(replay, turn) {
  const figure = byId("board"), found = replay.board;
  figure.hidden = !found;
  if (!found) return;
  const at = replay.turns[turn], before = boardBefore(replay, turn);
  const parts = found.turns[turn] ? [boardPicture(found, found.turns[turn], before, "What " + visible(at.seat) + " sees")] : [];
  if (turn === replay.turns.length - 1 && found.last) parts.push(boardPicture(found, found.last, found.turns[turn], "At the end"));
  const sides = found.sides ? [element("p", "small", found.sides + ".")] : [];
  figure.replaceChildren(...parts, ...sides);
}

/** The last board before that turn; of a game in which each seat has a board of its own, the last of that seat. */
function boardBefore(replay, turn) {
  const {turns, private: own} = replay.board, seat = replay.turns[turn].seat;
  return turns.findLast((board, place) => place < turn && board && (!own || replay.turns[place].seat === seat));
}

function boardPicture(found, board, before, words) {
  const cells = board.split("/").map((row) => row.split(" ")), earlier = (before || "").split("/").map((row) => row.split(" "));
  const changed = (row, column) => Boolean(before) && earlier[row][column] !== cells[row][column];
  const drawing = {hex: hexBoard, points: pointBoard, dots: dotBoard}[found.shape] || squareBoard;
  const [width, height, parts] = drawing(found, cells, changed);
  const left = Math.max(EDGE, 8 * Math.max(...found.rows.map((label) => label.length)) + 6);
  const size = [left + width + 6, EDGE + height + EDGE];
  const svg = svgElement("svg", {width: size[0], height: size[1], viewBox: "0 0 " + size.join(" "), role: "img",
    "aria-label": words + ": " + visible(cells.map((row) => row.join(" ")).join(" / "))},
  svgElement("g", {transform: "translate(" + left + " " + EDGE + ")"}, ...parts, ...boardLabels(found, cells, height)));
  return element("div", "", svg, element("p", "small", words));
}

function boardLabels(found, cells, height) {
  const shift = (row) => (found.shape === "hex" ? row * TILE / 2 : 0);
  const across = (column) => (found.shape === "dots" ? TILE / 2 * column : TILE * (column + 0.5));
  const down = (row) => (found.shape === "hex" ? RADIUS + 1.5 * RADIUS * row : across(row));
  const text = (x, y, label, anchor) => svgElement("text", {class: "label", x: x, y: y, dy: "0.35em", "text-anchor": anchor}, visible(label));
  return [...found.columns.map((label, column) => text(across(column), -11, label, "middle")),
    ...found.below.map((label, column) => text(across(column), height + 11, label, "middle")),
    ...found.rows.map((label, row) => text(shift(row) - (found.shape === "hex" ? 11 : 6), down(row), label, "end"))];
}

/** A disc, a glyph, or the mark as it is; nothing on an empty cell. */
function boardPiece(found, mark, x, y) {
  if (mark === ".") return [];
  const text = (name, words) => svgElement("text", {class: name, x: x, y: y, dy: "0.36em", "text-anchor": "middle"}, words);
  if (!Object.hasOwn(found.pieces, mark)) return [text("mark", visible(mark))];
  const [colour, glyph] = found.pieces[mark], disc = svgElement("circle", {class: "piece " + colour, cx: x, cy: y, r: 0.36 * TILE});
  if (!glyph) return [disc];
  return found.sides ? [text("glyph " + colour, glyph + "\ufe0e")] : [disc, text("king", glyph + "\ufe0e")];
}

function squareBoard(found, cells, changed) {
  const [width, height] = [TILE * cells[0].length, TILE * cells.length], parts = [];
  cells.forEach((row, y) => row.forEach((mark, x) => {
    const shade = (found.shape === "checkered" && (x + y) % 2 ? " dark" : "") + (changed(y, x) ? " changed" : "");
    parts.push(svgElement("rect", {class: "cell" + shade, x: TILE * x, y: TILE * y, width: TILE, height: TILE}),
      ...boardPiece(found, mark, TILE * (x + 0.5), TILE * (y + 0.5)));
  }));
  const blocks = (size) => [...Array(size).keys()].filter((at) => at && found.block && at % found.block === 0);
  const lines = [...blocks(cells.length).map((at) => "M0," + TILE * at + "H" + width), ...blocks(cells[0].length).map((at) => "M" + TILE * at + ",0V" + height)];
  if (lines.length) parts.push(svgElement("path", {class: "block", d: lines.join("")}));
  return [width, height, parts];
}

/** The first seat connects top and bottom, the second one left and right. */
function hexBoard(found, cells, changed) {
  const step = 1.5 * RADIUS, slant = TILE / 2 * (cells.length - 1), across = TILE * cells[0].length, height = 2 * RADIUS + step * (cells.length - 1);
  const edge = (colour, x1, y1, x2, y2) => svgElement("line", {class: "edge " + colour, x1: x1, y1: y1, x2: x2, y2: y2});
  const edges = [edge("s0", TILE / 2, -1, across - TILE / 2, -1), edge("s0", slant + TILE / 2, height + 1, slant + across - TILE / 2, height + 1),
    edge("s1", -2, RADIUS, slant - 2, height - RADIUS), edge("s1", across + 2, RADIUS, slant + across + 2, height - RADIUS)];
  const parts = cells.flatMap((row, y) => row.flatMap((mark, x) => {
    const [left, top] = [TILE * (x + 0.5 + y / 2), RADIUS + step * y];
    const corners = [0, 1, 2, 3, 4, 5].map((corner) => [left + RADIUS * Math.sin(corner * Math.PI / 3), top - RADIUS * Math.cos(corner * Math.PI / 3)].join(","));
    return [svgElement("polygon", {class: "cell" + (changed(y, x) ? " changed" : ""), points: corners.join(" ")}), ...boardPiece(found, mark, left, top)];
  }));
  return [slant + across, height, [...edges, ...parts]];
}

function pointBoard(found, cells, changed) {
  const at = (place) => TILE * (place + 0.5), [width, height] = [cells[0].length, cells.length];
  const grid = [...Array(height).keys()].map((row) => [0, row, width - 1, row]).concat([...Array(width).keys()].map((column) => [column, 0, column, height - 1]));
  const parts = (found.lines.length ? found.lines : grid).map(([x1, y1, x2, y2]) => svgElement("line", {class: "grid", x1: at(x1), y1: at(y1), x2: at(x2), y2: at(y2)}));
  cells.forEach((row, y) => row.forEach((mark, x) => {
    if (changed(y, x)) parts.push(svgElement("circle", {class: "changed", cx: at(x), cy: at(y), r: 0.46 * TILE}));
    if (Object.hasOwn(found.pieces, mark)) parts.push(...boardPiece(found, mark, at(x), at(y)));
  }));
  return [TILE * width, TILE * height, parts];
}

/** Rows and columns of dots with the lines and boxes between them. */
function dotBoard(found, cells, changed) {
  const step = TILE / 2, parts = [];
  cells.forEach((row, y) => row.forEach((mark, x) => {
    const shade = changed(y, x) ? " changed" : "";
    if (mark === "+") parts.push(svgElement("circle", {class: "dot", cx: step * x, cy: step * y, r: 3}));
    else if (mark === "-") parts.push(svgElement("line", {class: "side" + shade, x1: step * (x - 1), x2: step * (x + 1), y1: step * y, y2: step * y}));
    else if (mark === "|") parts.push(svgElement("line", {class: "side" + shade, x1: step * x, x2: step * x, y1: step * (y - 1), y2: step * (y + 1)}));
    else parts.push(...boardPiece(found, mark, step * x, step * y));
  }));
  return [step * (cells[0].length - 1), step * (cells.length - 1), parts];
}
