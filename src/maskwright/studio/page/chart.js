// Charts of lines and of intervals in SVG: readable in both themes, by keyboard and as a table.
import { h, svg } from "./elements.js";

export const COLORS = 8; // --series-0 to --series-7 in charts.css

// Numbers for people: four digits, without zeros at the end.
export function short(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(1).replace("e+", "e");
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(4)));
}

// Round numbers that cut a span into about `count` parts.
export function ticks(low, high, count) {
  const span = high - low || Math.abs(high) || 1;
  const rough = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough) * power;
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9; at++) {
    found.push(Number((at * step).toPrecision(12)));
  }
  return found;
}

function logTicks(low, high) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power++) {
    for (const factor of [1, 2, 5]) {
      const value = factor * 10 ** power;
      if (value >= low && value <= high) found.push(Number(value.toPrecision(6)));
    }
  }
  return found.length > 1 ? found : ticks(low, high, 4);
}

// A chart of lines. draw({ title, xLabel, series: [{ name, color, dash, points: [[x, y]] }],
// levels: [{ name, value }], log, empty }) replaces what is shown; the place under the pointer stays.
export function lineChart({ label, xLabel, height = 260 }) {
  const drawing = svg("svg", { role: "img", "aria-label": label });
  const readout = h("p", { class: "readout", "aria-live": "polite" });
  const table = h("div", {
    class: "scroll",
    tabindex: 0,
    role: "region",
    "aria-label": "Numbers of the curves",
  });
  const stage = h(
    "div",
    {
      class: "stage",
      tabindex: 0,
      role: "group",
      "aria-label": `${label}: arrow keys read values`,
    },
    drawing,
  );
  const legend = h("ul", { class: "legend" });
  const title = h("figcaption", {}, label);
  const numbers = h("details", { class: "numbers" }, h("summary", {}, "Numbers"), table);
  const element = h("figure", { class: "chart" }, title, stage, readout, legend, numbers);
  let data = { series: [], levels: [], log: false };
  let scale = null;
  let cursor = null; // the x that is read out

  function draw(next = data) {
    data = next;
    if (data.title) title.textContent = data.title;
    xLabel = data.xLabel || xLabel;
    const width = Math.max(240, stage.clientWidth || 600);
    const points = data.series.flatMap((line) => line.points);
    drawing.replaceChildren();
    drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
    drawing.setAttribute("height", height);
    scale = null;
    if (!points.length) {
      drawing.append(text(width / 2, height / 2, data.empty || "Nothing to draw yet", "middle"));
      legend.replaceChildren();
      table.replaceChildren();
      return;
    }
    scale = makeScale(points, data, width, height);
    drawAxes(drawing, scale, xLabel);
    for (const level of data.levels || []) drawLevel(drawing, scale, level);
    for (const line of data.series) drawing.append(drawLine(scale, line));
    drawLegend();
    drawTable();
    if (cursor !== null) read(cursor);
  }

  function drawLegend() {
    legend.replaceChildren(
      ...data.series.map((line) =>
        h(
          "li",
          {},
          swatch(line),
          h("span", {}, line.name),
          h("b", {}, short(line.points.at(-1)?.[1])),
        ),
      ),
    );
  }

  function drawTable() {
    const head = h(
      "tr",
      {},
      ...["curve", "first", "least", "most", "last", `last ${xLabel}`].map((name) =>
        h("th", { scope: "col" }, name),
      ),
    );
    const rows = data.series.map((line) => {
      const values = line.points.map((point) => point[1]);
      const cells = [
        values[0],
        least(values),
        most(values),
        values.at(-1),
        line.points.at(-1)?.[0],
      ];
      return h(
        "tr",
        {},
        h("th", { scope: "row" }, line.name),
        ...cells.map((value) => h("td", { class: "number" }, short(value))),
      );
    });
    table.replaceChildren(h("table", {}, h("thead", {}, head), h("tbody", {}, ...rows)));
  }

  // Say what all lines are at an x, and mark it.
  function read(x) {
    if (!scale) return;
    cursor = x;
    drawing.querySelector(".cursor")?.remove();
    const mark = svg("g", { class: "cursor" });
    const said = [];
    for (const line of data.series) {
      const point = nearest(line.points, x);
      if (!point) continue;
      mark.append(
        svg("circle", {
          cx: scale.x(point[0]),
          cy: scale.y(point[1]),
          r: 4,
          class: `dot series-${line.color % COLORS}`,
        }),
      );
      said.push(`${line.name} ${short(point[1])}`);
    }
    const at = scale.x(Math.min(scale.high, Math.max(scale.low, x)));
    mark.prepend(svg("line", { x1: at, x2: at, y1: scale.top, y2: scale.bottom }));
    drawing.append(mark);
    readout.textContent = `${xLabel} ${short(x)}: ${said.join(", ")}`;
  }

  stage.addEventListener("pointermove", (event) => {
    if (!scale) return;
    const box = drawing.getBoundingClientRect();
    const x = scale.back(((event.clientX - box.left) / box.width) * scale.width);
    const near = data.series
      .map((line) => nearest(line.points, x)?.[0])
      .filter((value) => value !== undefined);
    if (near.length)
      read(near.reduce((best, value) => (Math.abs(value - x) < Math.abs(best - x) ? value : best)));
  });
  stage.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    if (!(event.key in steps) || !scale) return;
    event.preventDefault();
    const every = [
      ...new Set(data.series.flatMap((line) => line.points.map((point) => point[0]))),
    ].sort((a, b) => a - b);
    let at = cursor === null ? every.length : every.findIndex((value) => value >= cursor);
    if (at < 0) at = every.length - 1;
    at = Math.min(every.length - 1, Math.max(0, at + steps[event.key] * (event.shiftKey ? 10 : 1)));
    read(every[at]);
  });
  const watcher = new ResizeObserver(() => draw());
  watcher.observe(stage);
  return { element, draw, close: () => watcher.disconnect() };
}

// Intervals of numbers in rows: [{ name, value, low, high, note }], with a line at `middle`.
export function intervalChart({ label, rows, middle, low, high, format = short }) {
  const values = rows.flatMap((row) => [row.low, row.high]);
  const from = low ?? Math.min(middle, ...values);
  const to = high ?? Math.max(middle, ...values);
  const place = (value) => `${(100 * (value - from)) / (to - from || 1)}%`;
  const items = rows.map((row) => {
    const bar = svg("svg", {
      class: "interval",
      role: "img",
      "aria-label": `${format(row.value)}, 95% interval ${format(row.low)} to ${format(row.high)}`,
    });
    bar.append(
      svg("line", { class: "middle", x1: place(middle), x2: place(middle), y1: "0", y2: "100%" }),
      svg("line", { class: "span", x1: place(row.low), x2: place(row.high), y1: "50%", y2: "50%" }),
      svg("circle", { class: "value", cx: place(row.value), cy: "50%", r: 5 }),
    );
    const words = h(
      "span",
      { class: "soft small" },
      `${format(row.value)} [${format(row.low)}, ${format(row.high)}]`,
    );
    return h(
      "li",
      {},
      h("div", { class: "spread" }, h("b", {}, row.name), words),
      bar,
      row.note ? h("p", { class: "small" }, row.note) : null,
    );
  });
  return h(
    "figure",
    { class: "chart" },
    h("figcaption", {}, label),
    h("ul", { class: "intervals" }, ...items),
  );
}

function makeScale(points, data, width, height) {
  let low = Infinity,
    high = -Infinity,
    least = Infinity,
    most = -Infinity;
  for (const [x, y] of points) {
    if (x < low) low = x;
    if (x > high) high = x;
    if (y < least) least = y;
    if (y > most) most = y;
  }
  for (const level of data.levels || []) {
    least = Math.min(least, level.value);
    most = Math.max(most, level.value);
  }
  const isLog = data.log && least > 0;
  const change = isLog ? Math.log10 : Number;
  const pad = (change(most) - change(least)) * 0.06 || Math.abs(change(most)) * 0.1 || 1;
  const bottomValue = change(least) - pad,
    topValue = change(most) + pad;
  const left = 52,
    right = 12,
    top = 10,
    bottom = height - 38;
  const span = high - low || 1;
  return {
    width,
    low,
    high,
    top,
    bottom,
    left,
    isLog,
    right: width - right,
    x: (value) => left + ((value - low) / span) * (width - left - right),
    y: (value) =>
      bottom - ((change(value) - bottomValue) / (topValue - bottomValue)) * (bottom - top),
    back: (pixel) => low + ((pixel - left) / (width - left - right)) * span,
    yTicks: isLog ? logTicks(10 ** bottomValue, 10 ** topValue) : ticks(bottomValue, topValue, 5),
    xTicks: ticks(low, high, Math.max(2, Math.floor(width / 110))),
  };
}

function drawAxes(drawing, scale, xLabel) {
  for (const value of scale.yTicks) {
    const y = scale.y(value);
    drawing.append(
      svg("line", { class: "grid", x1: scale.left, x2: scale.right, y1: y, y2: y }),
      text(scale.left - 8, y + 4, short(value), "end"),
    );
  }
  for (const value of scale.xTicks)
    drawing.append(text(scale.x(value), scale.bottom + 17, short(value), "middle"));
  drawing.append(text(scale.right, scale.bottom + 33, xLabel, "end"));
}

function drawLevel(drawing, scale, level) {
  const y = scale.y(level.value);
  drawing.append(
    svg("line", { class: "level", x1: scale.left, x2: scale.right, y1: y, y2: y }),
    text(scale.right, y - 4, level.name, "end"),
  );
}

function drawLine(scale, line) {
  const path = line.points.map(([x, y]) => `${scale.x(x).toFixed(1)},${scale.y(y).toFixed(1)}`);
  const name = `line series-${line.color % COLORS}${line.dash ? " dash" : ""}`;
  // A single point would be no line at all.
  if (path.length === 1) {
    const [x, y] = path[0].split(",");
    return svg("circle", { cx: x, cy: y, r: 3.5, class: `dot series-${line.color % COLORS}` });
  }
  return svg("polyline", { points: path.join(" "), class: name });
}

function swatch(line) {
  const drawing = svg("svg", { width: 22, height: 10, "aria-hidden": "true" });
  drawing.append(
    svg("line", {
      x1: 1,
      x2: 21,
      y1: 5,
      y2: 5,
      class: `line series-${line.color % COLORS}${line.dash ? " dash" : ""}`,
    }),
  );
  return drawing;
}

function text(x, y, words, anchor) {
  return svg("text", { x, y, "text-anchor": anchor }, words);
}

// The point with the nearest x, by halving: points are sorted.
function nearest(points, x) {
  let from = 0,
    to = points.length - 1;
  if (to < 0) return null;
  while (to - from > 1) {
    const middle = (from + to) >> 1;
    if (points[middle][0] < x) from = middle;
    else to = middle;
  }
  return Math.abs(points[from][0] - x) <= Math.abs(points[to][0] - x) ? points[from] : points[to];
}

const least = (values) => values.reduce((best, value) => Math.min(best, value), Infinity);
const most = (values) => values.reduce((best, value) => Math.max(best, value), -Infinity);
