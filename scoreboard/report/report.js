const byId = (id) => document.getElementById(id);

/** An element with text and children; whatever agents wrote only ever becomes a text node. */
function element(tag, className, ...content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

function svgElement(name, attributes, ...content) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
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
const percent = (share) => (share > 0.9995 || share < 0.0005 ? String(Math.round(100 * share)) : (100 * share).toFixed(share < 0.1 || share > 0.9 ? 1 : 0)) + " %";

async function unpack(base64) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

/** A bar as long as a probability. */
function bar(share) {
  const track = element("i", "track", element("i", "fill"));
  track.firstChild.style.width = 100 * share + "%";
  return track;
}

/** A choice with its label in front. */
function choice(label, options) {
  const select = element("select", "", ...options.map(([value, text]) => Object.assign(element("option", "", text), {value})));
  return element("label", "", label + " ", select);
}

/** Says above a table that is wider than its place that it can be scrolled, and shades the side where more stands. */
function watchWidth(place) {
  const hint = element("p", "hint", "scroll sideways for more →");
  place.before(hint);
  const look = () => {
    const hidden = place.scrollWidth - place.clientWidth;
    hint.hidden = hidden <= 1;
    place.classList.toggle("more-left", place.scrollLeft > 1);
    place.classList.toggle("more-right", hidden - place.scrollLeft > 1);
  };
  const observer = new ResizeObserver(look);
  [place, ...place.children].forEach((one) => observer.observe(one));
  place.addEventListener("scroll", look, {passive: true});
}

// Charts: a cursor at the nearest update, and every line's value there.

function nearest(points, x) {
  return points.reduce((best, point) => (Math.abs(point[2] - x) < Math.abs(best[2] - x) ? point : best));
}

function watchChart(svg) {
  const lines = JSON.parse(svg.dataset.lines);
  const drawn = svg.querySelectorAll(".series");
  const cursor = svg.appendChild(svgElement("line", {class: "cursor", visibility: "hidden"}));
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const view = svg.viewBox.baseVal;
    const shown = lines.filter((line, place) => !drawn[place].matches(".run-off, .line-off"));
    if (!shown.length) return;
    const at = nearest(shown.flatMap((line) => line.points), (event.clientX - box.left) / box.width * view.width);
    for (const [name, value] of [["x1", at[2]], ["x2", at[2]], ["y1", 0], ["y2", view.height - 24]]) {
      cursor.setAttribute(name, value);
    }
    cursor.setAttribute("visibility", "visible");
    showTip(event, at, shown, svg.dataset.x);
  });
  svg.addEventListener("pointerleave", () => {
    cursor.setAttribute("visibility", "hidden");
    byId("tip").hidden = true;
  });
}

function showTip(event, at, lines, axis) {
  const tip = byId("tip");
  const rows = lines.map((line) => {
    const point = nearest(line.points, at[2]);
    return point[0] === at[0] ? element("p", "", element("span", "", line.label), number(point[1])) : "";
  });
  tip.replaceChildren(element("p", "when", axis + " " + number(at[0])), ...rows);
  tip.hidden = false;
  const right = event.pageX + 16 + tip.offsetWidth < document.documentElement.clientWidth;
  tip.style.left = (right ? event.pageX + 16 : Math.max(4, event.pageX - 16 - tip.offsetWidth)) + "px";
  tip.style.top = event.pageY + 14 + "px";
}

/** A name in a legend hides and shows its line; the name of a run hides and shows that run's lines in all charts. */
function watchToggle(button) {
  button.addEventListener("click", () => {
    const {hides, value} = button.dataset;
    const on = button.getAttribute("aria-pressed") !== "true";
    for (const twin of document.querySelectorAll("button.toggle[data-hides='" + hides + "'][data-value='" + value + "']")) {
      twin.setAttribute("aria-pressed", String(on));
    }
    for (const line of document.querySelectorAll(".series[data-" + hides + "='" + value + "']")) {
      line.classList.toggle(hides + "-off", !on);
    }
  });
}
