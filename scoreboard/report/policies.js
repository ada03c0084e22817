// Policies: the states that match a filter, some at a time.

const STATES_AT_ONCE = 40;

async function startPolicies() {
  const packed = byId("packed-policies");
  if (!packed) return;
  const tables = await unpack(packed.textContent);
  document.querySelectorAll(".policy-table").forEach((place, index) => buildPolicies(place, tables[index]));
}

function buildPolicies(place, table) {
  const filter = Object.assign(element("input"), {type: "search", placeholder: "Filter by card, betting, action …"});
  filter.setAttribute("aria-label", "Filter the states of " + table.env_id);
  const known = table.labels.includes("equilibrium") ? [["equilibrium", "farthest from the equilibrium first"]] : [];
  const order = choice("Order", [["", "as played"], ...known, ["change", "changed most first"]]);
  const body = element("tbody");
  const head = ["What the seat knows", "Action", ...table.labels].map((name) => {
    const cell = element("th", "", visible(name));
    cell.scope = "col";
    return cell;
  });
  const count = element("p", "small");
  const more = element("button", "more", "show more");
  more.type = "button";
  const scroll = element("div", "scroll tall", element("table", "policies", element("thead", "", element("tr", "", ...head)), body));
  for (const [name, value] of [["tabindex", "0"], ["role", "group"], ["aria-label", "Policies in " + table.env_id]]) scroll.setAttribute(name, value);
  let room = STATES_AT_ONCE;
  const draw = () => {
    const found = chosenStates(table, filter.value, order.querySelector("select").value);
    body.replaceChildren(...found.slice(0, room).map(stateRow));
    count.textContent = (found.length === table.rows.length ? "" : found.length + " of ") + table.rows.length + " states" + sharedStates(table);
    more.hidden = found.length <= room;
  };
  filter.addEventListener("input", () => { room = STATES_AT_ONCE; draw(); });
  order.addEventListener("change", draw);
  more.addEventListener("click", () => { room += STATES_AT_ONCE; draw(); });
  place.append(element("div", "choices", filter, order), count, scroll, more);
  watchWidth(scroll);
  draw();
}

function sharedStates(table) {
  const all = table.rows.reduce((sum, row) => sum + row.states, 0);
  return all > table.rows.length ? "; they stand for " + all + ", as some differ in nothing that is shown" : "";
}

function chosenStates(table, text, order) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = table.rows.filter((row) => words.every((word) => (row.words + " " + row.actions.join(" ")).toLowerCase().includes(word)));
  if (!order) return found;
  const last = table.labels.includes("equilibrium") ? table.labels.indexOf("equilibrium") - 1 : table.labels.length - 1;
  const played = table.labels.indexOf("last") >= 0 ? table.labels.indexOf("last") : last;
  const other = order === "equilibrium" ? table.labels.indexOf("equilibrium") : 0;
  const distance = (row) => row.actions.reduce((sum, _, place) => sum + Math.abs((row.distributions[played][place] || 0) - (row.distributions[other][place] || 0)), 0);
  return [...found].sort((one, two) => distance(two) - distance(one));
}

function stateRow(row) {
  const name = element("th", "", visible(row.words));
  name.scope = "row";
  const lines = (content) => element("td", "p", ...content.map((part) => element("div", "", ...part)));
  return element("tr", "first", name, lines(row.actions.map((action) => [visible(action)])),
    ...row.distributions.map((distribution) => lines(distribution.map((share) => (share === null ? ["–"] : [bar(share), share.toFixed(3)])))));
}
