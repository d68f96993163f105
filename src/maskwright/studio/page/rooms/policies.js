// Policies: all of them on one picture at one ratio, how often each place is hidden, and schedules.
import { modelField, PicturePicker } from "../chooser.js";
import { field, h, ratioSlider, seedSlider, slider, svg } from "../elements.js";
import { Board } from "../paint/board.js";
import { Live } from "../paint/live.js";

export const title = "Policies";

const EXAMPLES = [
  "0.75",
  "0.5->0.75",
  "cosine(0.5->0.9)",
  "steps(0.5, 0.7, 0.9)",
  "uniform(0.4, 0.9)",
];
const REST = 300; // milliseconds before the slower geometry is measured
const NAMES = {
  edge: "at the edge",
  center: "in the center",
  distance: "distance",
  boundary: "boundary",
  islands: "islands",
};
const MEANING = {
  edge: "share of masks that hide the outermost ring",
  center: "share of masks that hide the middle half",
  distance: "mean distance from a hidden patch to the nearest visible one, in patches",
  boundary: "share of neighbors of which one is hidden and one visible",
  islands: "mean number of connected visible regions",
};

export function mount(element, context) {
  const room = new Policies(context);
  element.append(room.element);
  room.start().catch(context.fail);
  return () => room.close();
}

class Policies {
  constructor(context) {
    Object.assign(this, context);
    this.model = this.picture = "";
    this.shape = this.original = null;
    this.cards = [];
    this.points = [];
    this.masks = new Live(
      (wanted, signal) => this.api.post("/api/policies/masks", wanted, { signal }),
      (answer) => this.receive(answer),
      this.fail,
    );
    this.build();
  }

  build() {
    this.picker = new PicturePicker({
      say: this.say,
      fail: this.fail,
      onpick: (id) => this.setPicture(id).catch(this.fail),
    });
    this.ratio = ratioSlider(() => this.refresh());
    this.seed = seedSlider(() => this.refresh());
    this.modelBox = h("div");
    this.grid = h("div", { class: "policy-cards" });
    this.left = h("p", { class: "soft small" });
    this.element = h(
      "div",
      { class: "policies" },
      h("h1", { class: "sr" }, "All policies on one picture"),
      h(
        "aside",
        { class: "panel stack side", "aria-label": "Model, picture and ratio" },
        this.modelBox,
        this.ratio.element,
        this.seed.element,
        this.picker.element,
      ),
      h(
        "section",
        { class: "stack" },
        this.schedule(),
        h(
          "p",
          { class: "soft small" },
          "Left a mask of the picture; right how often each place is hidden, from white (never) to dark blue (always). Distances are in patches.",
        ),
        this.grid,
        this.left,
      ),
    );
  }

  schedule() {
    this.text = h("input", { type: "text", spellcheck: "false", value: "0.5->0.75" });
    this.text.addEventListener("input", () => this.trace());
    this.time = slider({
      label: "Time in the training",
      min: 0,
      max: 1,
      step: 0.01,
      value: 1,
      format: percent,
      oninput: (value) => this.setTime(value),
    });
    this.chart = svg("svg", {
      viewBox: "0 0 600 130",
      role: "img",
      "aria-label": "The ratio over training",
    });
    this.mistake = h("p", { class: "soft small", role: "status" });
    const examples = EXAMPLES.map((text) =>
      h(
        "button",
        {
          type: "button",
          onclick: () => {
            this.text.value = text;
            this.trace();
          },
        },
        text,
      ),
    );
    return h(
      "div",
      { class: "panel stack" },
      h("h2", {}, "A ratio over training"),
      h(
        "div",
        { class: "schedule" },
        h(
          "div",
          { class: "stack" },
          field("Schedule", this.text),
          h("div", { class: "row examples" }, examples),
          this.time.element,
        ),
        this.chart,
      ),
      this.mistake,
    );
  }

  async start() {
    const { params, studio } = this;
    if (!studio.models.length)
      throw new Error("The studio was started without a model: maskwright studio RUN.");
    const asked = params.get("model");
    this.ratio.set(Number(params.get("ratio")) || 0.75);
    this.seed.set(Number(params.get("seed")) || 0);
    const picture = await this.picker.open(params.get("picture") || "");
    this.picture = picture;
    await this.setModel(
      studio.models.some((model) => model.id === asked) ? asked : studio.models[0].id,
    );
    this.picker.picked = picture;
    this.picker.show();
    await this.trace();
  }

  close() {
    this.picker.close();
    this.masks.stop();
    clearTimeout(this.resting);
    this.measuring = null;
    this.cards.forEach((card) => card.close());
  }

  async setModel(id) {
    this.model = id;
    this.shape = await this.api.get(`/api/paint/model?model=${id}`);
    this.modelBox.replaceChildren(
      modelField("Model (its grid and its attention)", this.studio.models, id, (other) =>
        this.setModel(other).catch(this.fail),
      ),
    );
    this.cards.forEach((card) => card.close());
    this.cards = this.shape.policies.map((policy) => new Card(policy, this.shape, this));
    this.grid.replaceChildren(...this.cards.map((card) => card.element));
    if (this.picture) await this.setPicture(this.picture);
  }

  async setPicture(id) {
    const data = await this.api.blobOf(`/api/paint/picture?model=${this.model}&picture=${id}`);
    this.original = await createImageBitmap(data);
    this.picture = id;
    this.refresh();
  }

  get wanted() {
    return {
      model: this.model,
      picture: this.picture,
      ratio: Number(this.ratio.input.value),
      seed: Number(this.seed.input.value),
    };
  }

  refresh() {
    if (!this.picture) return;
    this.setParams(this.wanted);
    this.masks.ask({ ...this.wanted, policies: this.cards.map((card) => card.policy.name) });
    clearTimeout(this.resting);
    this.measuring = null;
    this.resting = setTimeout(() => this.measure(), REST);
  }

  receive(answer) {
    answer.masks.forEach((made, at) => this.cards[at]?.show(made));
    const missing = answer.masks.filter((made) => made.reason);
    this.left.textContent = missing.length
      ? `Left out, because they look at maps that these pictures do not have: ${missing.map((made) => made.policy).join(", ")}.`
      : "";
  }

  // One policy after another, until something is turned again.
  async measure() {
    const mine = (this.measuring = {});
    for (const card of this.cards) {
      if (card.element.hidden) continue;
      try {
        const found = await this.api.post("/api/policies/geometry", {
          ...this.wanted,
          policy: card.policy.name,
        });
        if (this.measuring !== mine) return;
        card.measured(found);
      } catch (error) {
        this.fail(error);
        return;
      }
    }
  }

  async trace() {
    const text = this.text.value.trim();
    try {
      const found = await this.api.get(`/api/policies/schedule?text=${encodeURIComponent(text)}`);
      if (text !== this.text.value.trim()) return;
      this.points = found.points;
      this.mistake.textContent = this.points.some(([, low, high]) => low !== high)
        ? "The band is what is drawn anew at each step."
        : "Move the time to set the ratio of all policies below.";
    } catch (error) {
      // While somebody types, a sentence beside the field is enough.
      this.points = [];
      this.mistake.textContent = error.message;
    }
    this.drawChart();
  }

  setTime(time) {
    const point = this.points[Math.round(time * (this.points.length - 1))];
    if (!point) return;
    this.drawChart();
    const middle = (point[1] + point[2]) / 2;
    this.ratio.set(Math.max(0.05, Math.min(0.95, middle)));
    this.refresh();
  }

  drawChart() {
    const x = (time) => 40 + 550 * time;
    const y = (value) => 102 - 92 * Math.max(0, Math.min(1, value));
    const parts = [];
    for (const value of [0, 0.5, 1]) {
      parts.push(
        svg("line", { class: "chart-axis", x1: x(0), x2: x(1), y1: y(value), y2: y(value) }),
      );
      parts.push(
        svg(
          "text",
          { class: "chart-text", x: 32, y: y(value) + 4, "text-anchor": "end" },
          String(value),
        ),
      );
    }
    parts.push(
      svg("text", { class: "chart-text", x: x(0), y: 124 }, "begin"),
      svg("text", { class: "chart-text", x: x(1), y: 124, "text-anchor": "end" }, "end"),
    );
    if (this.points.length) {
      const line = (at) => this.points.map((point) => `${x(point[0])},${y(point[at])}`);
      const band = [...line(1), ...line(2).reverse()].join(" ");
      parts.push(svg("polygon", { class: "chart-band", points: band }));
      const middle = this.points
        .map(([time, low, high]) => `${x(time)},${y((low + high) / 2)}`)
        .join(" ");
      parts.push(svg("polyline", { class: "chart-line", points: middle }));
      const now = Number(this.time.input.value);
      parts.push(svg("line", { class: "chart-now", x1: x(now), x2: x(now), y1: y(0), y2: y(1) }));
    }
    this.chart.replaceChildren(...parts);
  }
}

// One policy: a mask of the picture, how often each place is hidden, and numbers.
class Card {
  constructor(policy, shape, room) {
    this.policy = policy;
    this.room = room;
    this.bits = "";
    this.share = null;
    this.mask = new Board(`A mask of ${policy.name}`, (pen, board) => {
      board.image(pen, room.original);
      board.hatch(pen, (at) => this.bits[at] === "1");
    });
    this.heat = new Board(`How often ${policy.name} hides each place`, (pen, board) =>
      this.drawHeat(pen, board),
    );
    for (const board of [this.mask, this.heat]) board.setGrid(shape.rows, shape.cols);
    this.numbers = h("dl", { class: "policy-numbers" });
    this.fill({});
    this.draws = h("p", { class: "soft small" }, "measuring ...");
    this.link = h("a", {}, "Paint with it");
    this.element = h(
      "article",
      { class: "panel policy-card" },
      h("div", { class: "spread" }, h("h2", {}, policy.name), this.link),
      h("p", { class: "soft small summary" }, policy.summary),
      h("div", { class: "pair" }, this.mask.canvas, this.heat.canvas),
      this.numbers,
      this.draws,
    );
  }

  show(made) {
    this.element.hidden = Boolean(made.reason);
    this.bits = made.mask || "";
    const { model, picture, ratio, seed } = this.room.wanted;
    this.link.href = `#/paint?${new URLSearchParams({ model, picture, policy: this.policy.name, ratio, seed })}`;
    this.mask.paint();
  }

  measured({ numbers, share, draws }) {
    this.share = share;
    this.heat.paint();
    this.draws.textContent = `over ${draws.toLocaleString("en")} masks`;
    this.fill(numbers);
  }

  fill(numbers) {
    const cells = Object.keys(NAMES).map((key) =>
      h(
        "div",
        { title: MEANING[key] },
        h("dt", {}, NAMES[key]),
        h("dd", {}, numbers[key]?.toFixed(2) ?? "–"),
      ),
    );
    this.numbers.replaceChildren(...cells);
  }

  drawHeat(pen, board) {
    if (!this.share) return;
    this.share.forEach((value, at) => {
      // White to deep blue, the same in both themes.
      const part = (from, to) => Math.round(from + (to - from) * value);
      pen.fillStyle = `rgb(${part(247, 8)} ${part(251, 48)} ${part(255, 107)})`;
      pen.fillRect(...board.box(at));
    });
  }

  close() {
    this.mask.close();
    this.heat.close();
  }
}

function percent(value) {
  return `${Math.round(100 * value)} %`;
}
