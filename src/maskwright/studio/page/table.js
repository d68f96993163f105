// A table that sorts, searches and lets rows be chosen. A thousand rows stay quick: a browser lays
// out the first two hundred, and the others when they are asked for.
import { short } from "./chart.js";
import { h } from "./elements.js";

const MOST_DRAWN = 200;
const WORDS = new Intl.Collator("en", { numeric: true });
const CONDITION = /^([\w.]+)(!=|<=|>=|=|<|>|~)(.+)$/;

// columns: [{ name, title, number, clip, value(row), text(row), show(row), mark(row), hint }].
// Rows keep their elements while their values stay the same, so that sorting only moves them.
export function dataTable({ label, key, columns, sort, isChosen, onchoose, onshown }) {
  let rows = [];
  let words = "";
  let most = MOST_DRAWN;
  const made = new Map(); // key -> { text, line, box }
  const body = h("tbody");
  const heads = columns.map((column) =>
    head(column.title, column.name, column.number, column.hint),
  );
  const first = head(key, key, false);
  const element = h(
    "div",
    { class: "table-box", tabindex: 0, role: "region", "aria-label": label },
    h("table", {}, h("thead", {}, h("tr", {}, first, ...heads)), body),
  );
  const byName = new Map(columns.map((column) => [column.name, column]));

  function head(text, name, isNumber, hint) {
    const button = h(
      "button",
      {
        type: "button",
        title: hint || null,
        onclick: () => {
          sort = { name, isUp: sort.name === name ? !sort.isUp : !isNumber };
          draw();
        },
      },
      text,
    );
    return h("th", { scope: "col", class: isNumber ? "number" : null, "data-name": name }, button);
  }

  const valueOf = (row, name) => {
    const column = byName.get(name);
    return column?.value ? column.value(row) : row[name];
  };

  function line(row) {
    const text = JSON.stringify(row);
    const kept = made.get(row[key]);
    if (kept?.text === text) return kept.line;
    const box = h("input", { type: "checkbox", onchange: () => onchoose(row[key], box.checked) });
    const cells = columns.map((column) => {
      const shown = column.show
        ? column.show(row)
        : column.text
          ? column.text(row)
          : column.number
            ? short(valueOf(row, column.name))
            : (valueOf(row, column.name) ?? "–");
      const name = [
        column.number ? "number" : "",
        column.clip ? "clip" : "",
        column.mark?.(row) || "",
      ]
        .join(" ")
        .trim();
      return h("td", { class: name || null, title: column.clip ? row[column.name] : null }, shown);
    });
    const drawn = h(
      "tr",
      {},
      h("th", { scope: "row" }, h("label", {}, box, h("span", {}, String(row[key])))),
      ...cells,
    );
    made.set(row[key], { text, line: drawn, box });
    return drawn;
  }

  const searched = (row) =>
    [row[key], ...columns.map((column) => valueOf(row, column.name))].join(" ").toLowerCase();

  // Every word has to be in the row; NAME=VALUE and NAME<VALUE compare a column.
  function fits(row) {
    const text = words && searched(row);
    return words
      .toLowerCase()
      .split(/\s+/)
      .filter(Boolean)
      .every((word) => {
        const match = CONDITION.exec(word);
        if (!match || !(byName.has(match[1]) || match[1] in row)) return text.includes(word);
        return compare(valueOf(row, match[1]), match[2], match[3]);
      });
  }

  function draw() {
    const shown = rows.filter(fits);
    const order = sort.isUp ? 1 : -1;
    shown.sort((a, b) => {
      const x = valueOf(a, sort.name) ?? null,
        y = valueOf(b, sort.name) ?? null;
      // What a run does not have comes last, whichever way.
      if (x === null || y === null) return (x === null) - (y === null);
      return (
        order *
        (typeof x === "number" && typeof y === "number"
          ? x - y
          : WORDS.compare(String(x), String(y)))
      );
    });
    body.replaceChildren(...shown.slice(0, most).map(line));
    const left = shown.length - most;
    if (left > 0)
      body.append(
        h(
          "tr",
          {},
          h(
            "td",
            { colspan: columns.length + 1 },
            h(
              "button",
              {
                type: "button",
                onclick: () => {
                  most = Infinity;
                  draw();
                },
              },
              `Show ${left.toLocaleString("en")} more`,
            ),
          ),
        ),
      );
    for (const item of [first, ...heads]) {
      if (item.dataset.name === sort.name)
        item.setAttribute("aria-sort", sort.isUp ? "ascending" : "descending");
      else item.removeAttribute("aria-sort");
    }
    // A column that no run has says nothing.
    for (const [at, column] of columns.entries()) {
      element.classList.toggle(
        `without-${at}`,
        !rows.some((row) => (valueOf(row, column.name) ?? null) !== null),
      );
    }
    onshown?.(shown.length);
    mark();
  }

  function mark() {
    for (const [name, { line: drawn, box }] of made) {
      box.checked = isChosen(name);
      drawn.classList.toggle("chosen", box.checked);
    }
  }

  return {
    element,
    mark,
    setRows: (next) => {
      rows = next;
      const names = new Set(rows.map((row) => row[key]));
      for (const name of made.keys()) if (!names.has(name)) made.delete(name);
      draw();
    },
    search: (text) => {
      words = text;
      draw();
    },
  };
}

function compare(found, sign, wanted) {
  if (found === null || found === undefined) return sign === "!=";
  const text = String(found).toLowerCase();
  const isNumber = wanted !== "" && !Number.isNaN(Number(wanted)) && !Number.isNaN(Number(found));
  const [x, y] = isNumber ? [Number(found), Number(wanted)] : [text, wanted.toLowerCase()];
  return {
    "=": x === y,
    "!=": x !== y,
    "<": x < y,
    "<=": x <= y,
    ">": x > y,
    ">=": x >= y,
    "~": text.includes(wanted.toLowerCase()),
  }[sign];
}
