// Runs: the register as a table, and up to eight runs beside each other.
import { lineChart, short } from "../chart.js";
import { field, h, select } from "../elements.js";
import { repeat } from "../repeat.js";
import { dataTable } from "../table.js";

export const title = "Runs";

const MOST_TOGETHER = 8;
const LIST_SECONDS = 4;
const CURVE_SECONDS = 1.5;
const TABS = { curves: "Curves", sheets: "Sheets", settings: "Settings", masks: "Masks" };

// How far the loss lies below the better of the fills that learn nothing, in percent.
const below = (row) => {
  const loss = row.val_loss ?? row.loss;
  return row.baseline && loss !== null ? 100 * (1 - loss / row.baseline) : null;
};
const COLUMNS = [
  {
    name: "state",
    title: "state",
    show: (row) => h("span", { class: `state ${row.state}`, title: row.why || null }, row.state),
  },
  { name: "data", title: "data", value: (row) => lastPart(row.data), clip: true },
  { name: "model", title: "model", value: (row) => lastPart(row.model), clip: true },
  { name: "policy", title: "policy", clip: true },
  { name: "ratio", title: "ratio", number: true },
  {
    name: "step",
    title: "step",
    number: true,
    text: (row) =>
      row.total_steps && row.state !== "finished"
        ? `${short(row.step)} of ${short(row.total_steps)}`
        : short(row.step),
  },
  { name: "loss", title: "loss", number: true },
  { name: "val_loss", title: "val loss", number: true },
  {
    name: "baseline",
    title: "baseline",
    number: true,
    hint: "the better of the fills that learn nothing",
  },
  {
    name: "below",
    title: "below it",
    number: true,
    value: below,
    text: (row) => percent(below(row)),
    mark: (row) => (below(row) > 0 ? "better" : ""),
    hint: "how far the loss lies below the baseline",
  },
  { name: "knn", title: "k-NN", number: true },
  { name: "knn_test", title: "k-NN test", number: true },
  { name: "psnr_gain", title: "PSNR gain", number: true, hint: "decibels above the smooth fill" },
  { name: "minutes", title: "minutes", number: true },
  {
    name: "started",
    title: "started",
    text: (row) => (row.started || "").slice(0, 16).replace("T", " "),
  },
];

const percent = (value) => (value === null ? "–" : `${value.toFixed(1)}%`);
const lastPart = (text) => (text === null ? null : String(text).split("/").filter(Boolean).at(-1));
const address = (run, file) => `/api/runs/picture?${new URLSearchParams({ run, file })}`;

export function mount(element, { api, params, setParams, fail }) {
  let rows = [];
  let version = "";
  let chosen = (params.get("runs") || "").split("|").filter(Boolean).slice(0, MOST_TOGETHER);
  let tab = TABS[params.get("tab")] ? params.get("tab") : "curves";
  let isGone = false;
  const known = new Map(); // details by run, for sheets and masks

  const count = h("span", { class: "soft small", role: "status" });
  const table = dataTable({
    label: "Runs",
    key: "run",
    columns: COLUMNS,
    sort: { name: "started", isUp: false },
    isChosen: (run) => chosen.includes(run),
    onchoose: choose,
    onshown: (shown) =>
      (count.textContent =
        shown === rows.length ? `${rows.length} runs` : `${shown} of ${rows.length} runs`),
  });
  const search = h("input", {
    type: "search",
    placeholder: "Words, or loss<0.6, policy=random ...",
    oninput: () => table.search(search.value),
  });
  const tabs = h("div", {
    class: "tabs",
    role: "tablist",
    "aria-label": "What is shown of the chosen runs",
  });
  const panel = h("section", {
    class: "panel stack",
    role: "tabpanel",
    "aria-label": "Chosen runs",
  });
  const note = h("p", { class: "soft small" });
  element.append(
    h(
      "div",
      { class: "stack" },
      h("div", { class: "spread" }, h("h1", {}, title), count),
      h(
        "div",
        { class: "row" },
        h("label", { class: "grow" }, h("span", { class: "sr" }, "Search runs"), search),
      ),
      table.element,
      note,
      tabs,
      panel,
    ),
  );

  const curves = curvePanel(api, setParams, params, fail);
  const panels = {
    curves: curves.show,
    sheets: showSheets,
    settings: showSettings,
    masks: showMasks,
  };

  function choose(run, isOn) {
    chosen = isOn
      ? [...chosen.filter((name) => name !== run), run].slice(-MOST_TOGETHER)
      : chosen.filter((name) => name !== run);
    table.mark();
    setParams({ runs: chosen.join("|") });
    showPanel();
  }

  function showPanel() {
    tabs.replaceChildren(
      ...Object.entries(TABS).map(([name, label]) =>
        h(
          "button",
          {
            type: "button",
            role: "tab",
            "aria-selected": String(name === tab),
            onclick: () => {
              tab = name;
              setParams({ tab });
              showPanel();
            },
          },
          label,
        ),
      ),
    );
    curves.stop();
    if (!chosen.length) {
      panel.replaceChildren(
        h(
          "p",
          { class: "empty" },
          rows.length
            ? "Choose runs in the table to see their curves, sheets, settings and masks side by side."
            : "No runs yet.",
        ),
      );
      return;
    }
    Promise.resolve(panels[tab](panel, chosen)).catch(fail);
  }

  async function details(runs) {
    // A run that trains has new sheets all the time.
    const live = new Set(rows.filter((row) => row.state === "running").map((row) => row.run));
    await Promise.all(
      runs.map(async (run) => {
        if (!known.has(run) || live.has(run))
          known.set(run, await api.get(`/api/runs/detail?${new URLSearchParams({ run })}`));
      }),
    );
  }

  async function showSheets(place, runs) {
    await details(runs);
    const epochs = (run) =>
      known.get(run).pictures.samples.map((file) => [Number(file.match(/epoch_(\d+)/)[1]), file]);
    const every = [...new Set(runs.flatMap((run) => epochs(run).map(([epoch]) => epoch)))].sort(
      (a, b) => a - b,
    );
    if (!every.length) {
      place.replaceChildren(
        h(
          "p",
          { class: "empty" },
          "These runs have no sheets yet. They are drawn at some epochs (--sample-every).",
        ),
      );
      return;
    }
    const pictures = runs.map((run) => ({
      run,
      image: h("img", { class: "sheet" }),
      words: h("h2", {}),
    }));
    const said = h("output", {});
    const input = h("input", {
      type: "range",
      min: 0,
      max: every.length - 1,
      step: 1,
      value: every.length - 1,
      "aria-label": "Epoch",
    });
    const draw = () => {
      const epoch = every[Number(input.value)];
      said.textContent = `epoch ${epoch}`;
      input.setAttribute("aria-valuetext", `epoch ${epoch}`);
      for (const { run, image, words } of pictures) {
        // The last sheet at or before this epoch: runs draw them at epochs of their own.
        const found = epochs(run)
          .filter(([at]) => at <= epoch)
          .at(-1);
        image.hidden = !found;
        words.textContent = found ? `${run}, epoch ${found[0]}` : `${run}: nothing yet`;
        if (found && image.dataset.file !== found[1]) {
          image.dataset.file = found[1];
          image.src = address(run, found[1]);
          image.alt = `Reconstructions of ${run} at epoch ${found[0]}`;
        }
      }
    };
    input.addEventListener("input", draw);
    place.replaceChildren(
      h("label", { class: "field" }, h("span", { class: "label" }, "Epoch", said), input),
      h(
        "div",
        { class: "two" },
        ...pictures.map(({ image, words }) => h("div", { class: "stack" }, words, image)),
      ),
    );
    draw();
  }

  async function showMasks(place, runs) {
    await details(runs);
    const cards = runs.map((run) => {
      const detail = known.get(run);
      const facts = Object.entries(detail.masks).map(([name, value]) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, name.replaceAll("_", " ")),
          h("td", { class: "number" }, short(value)),
        ),
      );
      const images = detail.pictures.masks.flatMap((file) => {
        const words = file.endsWith("final.png")
          ? "At the end of the training"
          : "At its beginning";
        return [
          h("p", { class: "soft small" }, words),
          h("img", {
            class: "sheet",
            src: address(run, file),
            alt: `Masks of ${run}, ${words}`,
            loading: "lazy",
          }),
        ];
      });
      return h(
        "div",
        { class: "stack" },
        h("h2", {}, run),
        ...images,
        facts.length
          ? h("table", {}, h("tbody", {}, ...facts))
          : h("p", { class: "soft" }, "No statistics of masks yet."),
      );
    });
    place.replaceChildren(h("div", { class: "two" }, ...cards));
  }

  async function showSettings(place, runs) {
    const query = new URLSearchParams(runs.map((run) => ["run", run]));
    const found = await api.get(`/api/runs/differences?${query}`);
    if (runs.length < 2) {
      place.replaceChildren(
        h("p", { class: "empty" }, "Choose a second run to see in which settings the two differ."),
      );
      return;
    }
    const head = h(
      "tr",
      {},
      h("th", { scope: "col" }, "setting"),
      ...found.rows.map((row) => h("th", { scope: "col" }, row.run)),
    );
    const lines = found.names.map((name) => {
      const cells = found.rows.map((row) => h("td", {}, showValue(row.settings[name])));
      return h("tr", {}, h("th", { scope: "row" }, name), ...cells);
    });
    const words = found.names.length
      ? `${found.names.length} settings differ, ${found.same} are equal.`
      : "All settings are equal, but for the folder.";
    place.replaceChildren(
      h("p", {}, words),
      h(
        "div",
        { class: "scroll", tabindex: 0, role: "region", "aria-label": "Settings that differ" },
        h("table", {}, h("thead", {}, head), h("tbody", {}, ...lines)),
      ),
    );
  }

  async function load() {
    const found = await api.get(`/api/runs/list?version=${version}`);
    if (isGone || found.rows === null) return;
    const isFirst = !version;
    version = found.version;
    rows = found.rows;
    table.setRows(rows);
    note.textContent = [
      found.rows.length
        ? ""
        : `There is no run below ${found.folder}. maskwright pretrain makes one; --runs names another folder.`,
      ...(found.unread || []).map((line) => `Left out: ${line}.`),
    ]
      .filter(Boolean)
      .join(" ");
    chosen = chosen.filter((run) => rows.some((row) => row.run === run));
    table.mark();
    if (isFirst) {
      // Something to look at: the run that trains, or else the newest.
      if (!chosen.length && rows.length) {
        const newest = [...rows].sort((a, b) =>
          String(b.started || "").localeCompare(String(a.started || "")),
        );
        chosen = [(newest.find((row) => row.state === "running") || newest[0]).run];
        table.mark();
      }
      showPanel();
    }
  }

  const stop = repeat(load, LIST_SECONDS, fail);
  return () => {
    isGone = true;
    stop();
    curves.close();
  };
}

// The curves of the chosen runs, read on as they grow.
function curvePanel(api, setParams, params, fail) {
  const chart = lineChart({ label: "Curves of the chosen runs", xLabel: "step" });
  const store = new Map(); // run -> { position, curves, names, last }
  let metric = params.get("metric") || "loss";
  let axis = params.get("axis") || "step";
  let runs = [];
  let end = () => {};
  const isLog = h("input", { type: "checkbox", onchange: () => draw() });
  const metrics = h("select", {
    onchange: () => {
      metric = metrics.value;
      setParams({ metric });
      store.clear();
      read().catch(fail);
    },
  });
  const axes = select(
    [
      ["step", "steps"],
      ["images", "pictures seen"],
      ["minutes", "minutes"],
    ],
    axis,
    (value) => {
      axis = value;
      setParams({ axis });
      draw();
    },
  );
  const controls = h(
    "div",
    { class: "row" },
    field("Curve", metrics),
    field("Over", axes),
    h("label", { class: "check" }, isLog, "Log scale"),
  );
  const levels = new Map(); // run -> baselines

  async function read() {
    const names = [metric, `val_${metric}`];
    const asked = runs.map((run) => ({ run, position: store.get(run)?.position || "" }));
    if (!asked.length) return;
    const found = (await api.post("/api/runs/curves", { runs: asked, names })).runs;
    let isNew = false;
    found.forEach((part, at) => {
      const run = asked[at].run;
      if (part.whole || !store.has(run)) store.set(run, { curves: {}, names: new Set(), last: {} });
      const kept = store.get(run);
      kept.position = part.position;
      for (const name of part.names) kept.names.add(name);
      for (const [name, points] of Object.entries(part.curves)) {
        (kept.curves[name] ||= []).push(...points);
        isNew = true;
      }
      if (part.last.step) kept.last = part.last;
      if (part.whole) isNew = true;
    });
    if (isNew) draw();
  }

  function draw() {
    const names = [...new Set(runs.flatMap((run) => [...(store.get(run)?.names || [])]))];
    if (!names.includes(metric)) names.unshift(metric);
    if (metrics.options.length !== names.length) {
      metrics.replaceChildren(
        ...names.map((name) => h("option", { value: name }, name.replaceAll("_", " "))),
      );
      metrics.value = metric;
    }
    const series = [];
    runs.forEach((run, color) => {
      const kept = store.get(run);
      for (const name of [metric, `val_${metric}`]) {
        const points = kept?.curves[name];
        if (points)
          series.push({
            name: name === metric ? run : `${run}, held out`,
            color,
            dash: name !== metric,
            points: scaled(points, kept.last),
          });
      }
    });
    // Baselines say something of one run alone, and of losses.
    const shown =
      metric.endsWith("loss") && runs.length === 1 ? Object.entries(levels.get(runs[0]) || {}) : [];
    chart.draw({
      title: metric.replaceAll("_", " "),
      xLabel: { step: "step", images: "pictures seen", minutes: "minutes" }[axis],
      series,
      levels: shown.map(([name, value]) => ({ name: name.replaceAll("_", " "), value })),
      log: isLog.checked,
      empty: `No run has written ${metric} yet`,
    });
  }

  // Steps as pictures seen or as minutes, by what a step of this run takes in the mean.
  function scaled(points, last) {
    const factor = {
      step: 1,
      images: last.images / last.step,
      minutes: last.seconds / last.step / 60,
    }[axis];
    return Number.isFinite(factor) && factor !== 1
      ? points.map(([x, y]) => [x * factor, y])
      : points;
  }

  async function show(place, chosen) {
    runs = [...chosen];
    place.replaceChildren(controls, chart.element);
    draw();
    end();
    end = repeat(read, CURVE_SECONDS, fail);
    for (const run of runs) {
      if (levels.has(run)) continue;
      levels.set(run, {});
      api.get(`/api/runs/detail?${new URLSearchParams({ run })}`).then((detail) => {
        levels.set(run, detail.baselines);
        draw();
      }, fail);
    }
  }

  const stop = () => {
    end();
    end = () => {};
  };
  return {
    show,
    stop,
    close: () => {
      stop();
      chart.close();
    },
  };
}

function showValue(value) {
  if (value === null || value === undefined) return "none";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
