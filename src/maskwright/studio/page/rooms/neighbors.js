// Neighbors: a map of embedded pictures, a lasso, and the nearest of each.
import { short } from "../chart.js";
import { field, h, select, svg } from "../elements.js";
import { scatter } from "../scatter.js";

export const title = "Neighbors";

const METHODS = { pca: "PCA", tsne: "t-SNE", umap: "UMAP" };
const MOST_SHOWN = 60;
const MOST_CLASSES = 24;

export function mount(element, { api, params, setParams, fail, say }) {
  let file = params.get("file");
  let method = params.get("method") || "pca";
  let map = null;
  let hidden = new Set();
  let turn = 0; // counts maps, so that a slow one does not replace a later one
  const names = new Map(); // row -> what is known of a picture

  const plot = scatter({
    label:
      "Map of features. Arrow keys move to the next picture, Enter shows its neighbors, plus and minus zoom.",
    onpick: pick,
    onhover: hover,
    onlasso: lasso,
  });
  const files = h("select");
  const methods = h("select");
  const classes = h("div", { class: "classes", role: "group", "aria-label": "Classes" });
  const facts = h("p", { class: "soft small", role: "status" });
  const side = h("section", {
    class: "panel stack",
    "aria-label": "Pictures",
    "aria-live": "polite",
  });
  const modes = ["lasso", "move"].map((name) =>
    h(
      "button",
      { type: "button", "aria-pressed": String(name === "lasso"), onclick: () => setMode(name) },
      name === "lasso" ? "Lasso" : "Move",
    ),
  );
  const zooms = [
    ["Zoom in", 1.5, "+"],
    ["Zoom out", 1 / 1.5, "−"],
  ].map(([label, factor, sign]) =>
    h("button", { type: "button", "aria-label": label, onclick: () => plot.zoom(factor) }, sign),
  );
  const empty = h("p", { class: "panel empty", hidden: true });
  const room = h(
    "div",
    { class: "side" },
    h(
      "div",
      { class: "stack" },
      h(
        "div",
        { class: "panel stack" },
        h(
          "div",
          { class: "row" },
          h("div", { class: "grow" }, field("Features", files)),
          field("Map by", methods),
          h("div", { class: "segments" }, ...modes),
          h("div", { class: "segments" }, ...zooms),
        ),
        plot.element,
        facts,
        classes,
      ),
    ),
    side,
  );
  element.append(h("div", { class: "stack" }, h("h1", {}, title), empty, room));
  clear();

  function setMode(name) {
    plot.setMode(name);
    modes.forEach((button, at) =>
      button.setAttribute("aria-pressed", String((at === 0) === (name === "lasso"))),
    );
  }

  async function start() {
    const found = await api.get("/api/neighbors/list");
    room.hidden = !found.files.length;
    empty.hidden = !room.hidden;
    empty.textContent =
      "There is no file of features below the folder of runs. Write one with: maskwright embed RUN PHOTOS --out RUN/features.npz";
    if (!found.files.length) return;
    if (!found.files.some((item) => item.file === file)) file = found.files[0].file;
    files.replaceChildren(
      ...found.files.map((item) =>
        h("option", { value: item.file }, `${item.file} (${short(item.bytes / 1e6)} MB)`),
      ),
    );
    files.value = file;
    files.onchange = () => {
      file = files.value;
      setParams({ file });
      clear();
      load().catch(fail);
    };
    if (!found.methods.includes(method)) method = "pca";
    methods.replaceChildren(
      ...Object.entries(METHODS).map(([name, label]) =>
        h(
          "option",
          { value: name, disabled: !found.methods.includes(name) },
          found.methods.includes(name) ? label : `${label} (not installed)`,
        ),
      ),
    );
    methods.value = method;
    methods.onchange = () => {
      method = methods.value;
      setParams({ method });
      load().catch(fail);
    };
    await load();
  }

  async function load() {
    const mine = ++turn;
    facts.textContent =
      method === "pca" ? "Drawing ..." : `${METHODS[method]} takes some seconds ...`;
    const found = await api.get(`/api/neighbors/map?${new URLSearchParams({ file, method })}`);
    if (mine !== turn) return;
    if (map?.file !== file) names.clear();
    map = { ...found, file };
    hidden = new Set();
    plot.draw({
      x: map.x,
      y: map.y,
      color: map.labels.length ? map.labels : new Array(map.count).fill(0),
    });
    const thumbnails = map.shown
      ? ""
      : ` Thumbnails need the pictures: start the studio with --data${map.data ? ` (.../${map.data})` : ""}.`;
    const meaning =
      method === "pca"
        ? "The two directions of largest variance."
        : "Who is near whom means something; distances between groups do not.";
    facts.textContent = `${map.count.toLocaleString("en")} pictures of ${map.width} numbers. ${meaning}${thumbnails}`;
    drawClasses();
  }

  function drawClasses() {
    const shown = map.classes.slice(0, MOST_CLASSES);
    classes.replaceChildren(
      ...shown.map((name, number) => {
        const key = svg("svg", { class: "key", viewBox: "0 0 12 12", "aria-hidden": "true" });
        const shape = Math.floor(number / 8) % 3;
        key.append(
          shape === 0
            ? svg("circle", { cx: 6, cy: 6, r: 5, class: `series-${number % 8}` })
            : shape === 1
              ? svg("rect", { x: 1, y: 1, width: 10, height: 10, class: `series-${number % 8}` })
              : svg("path", { d: "M6 0 12 11H0z", class: `series-${number % 8}` }),
        );
        const button = h("button", { type: "button", "aria-pressed": "true" }, key, name);
        button.onclick = () => {
          if (hidden.has(number)) hidden.delete(number);
          else hidden.add(number);
          button.setAttribute("aria-pressed", String(!hidden.has(number)));
          plot.hide(hidden);
        };
        return button;
      }),
      map.classes.length > MOST_CLASSES
        ? h("span", { class: "soft small" }, `and ${map.classes.length - MOST_CLASSES} more`)
        : "",
    );
  }

  async function know(rows) {
    const missing = rows.filter((row) => !names.has(row));
    if (missing.length) {
      const found = await api.post("/api/neighbors/named", { file, rows: missing });
      for (const item of found.pictures) names.set(item.row, item);
    }
    return rows.map((row) => names.get(row));
  }

  function hover(row, show) {
    // Only where the pointer rests: not a request for every point on the way.
    clearTimeout(hover.timer);
    hover.timer = setTimeout(
      () => know([row]).then(([item]) => show(caption(item)), fail),
      names.has(row) ? 0 : 60,
    );
  }

  async function pick(row) {
    try {
      const found = await api.get(`/api/neighbors/nearest?${new URLSearchParams({ file, row })}`);
      side.replaceChildren(
        h("h2", {}, found.picture.name),
        h("ul", { class: "thumbs" }, thumbnail(found.picture)),
        h("h2", {}, "Nearest pictures"),
        h(
          "p",
          { class: "soft small" },
          "By the cosine of standardized features; 1 is the same direction.",
        ),
        h(
          "ul",
          { class: "thumbs" },
          ...found.nearest.map((item) => thumbnail(item, short(item.similarity))),
        ),
      );
    } catch (error) {
      fail(error);
    }
  }

  async function lasso(rows) {
    if (!rows.length) {
      clear();
      return;
    }
    try {
      const counts = new Map();
      for (const row of rows)
        if (map.labels[row] >= 0)
          counts.set(map.labels[row], (counts.get(map.labels[row]) || 0) + 1);
      const largest = [...counts]
        .sort((a, b) => b[1] - a[1])
        .slice(0, 6)
        .map(([number, count]) => `${map.classes[number]} ${count}`);
      const pictures = await know(rows.slice(0, MOST_SHOWN));
      const more = rows.length > MOST_SHOWN ? `, the first ${MOST_SHOWN} shown` : "";
      side.replaceChildren(
        h(
          "div",
          { class: "spread" },
          h("h2", {}, `${rows.length.toLocaleString("en")} pictures${more}`),
          h("button", { type: "button", onclick: copy }, "Copy names"),
        ),
        largest.length ? h("p", { class: "soft small" }, largest.join(", ")) : null,
        h("ul", { class: "thumbs" }, ...pictures.map((item) => thumbnail(item))),
      );
      async function copy() {
        const all = await know(rows.slice(0, 200));
        await navigator.clipboard.writeText(all.map((item) => item.name).join("\n"));
        say(`${all.length} names copied`);
      }
    } catch (error) {
      fail(error);
    }
  }

  function clear() {
    side.replaceChildren(
      h("h2", {}, "Pictures"),
      h(
        "p",
        { class: "soft" },
        "Draw a loop around points to see their pictures, or click a point to see its nearest ones.",
      ),
    );
  }

  function thumbnail(item, words = "") {
    const image = item.picture
      ? h("img", { src: `/api/pictures/${item.picture}/thumbnail`, alt: "", loading: "lazy" })
      : h("span", { class: "none" });
    const button = h(
      "button",
      {
        type: "button",
        title: item.name,
        onclick: () => {
          plot.focusOn(item.row);
          pick(item.row);
        },
      },
      image,
      h("span", {}, [words, item.label || item.name.split("/").at(-1)].filter(Boolean).join(" ")),
    );
    button.setAttribute("aria-label", `${caption(item)}${words ? `, similarity ${words}` : ""}`);
    return h("li", {}, button);
  }

  start().catch(fail);
  return () => {
    turn++;
    plot.close();
    clearTimeout(hover.timer);
  };
}

const caption = (item) => [item.name, item.label].filter(Boolean).join(", ");
