// What models made of the picture: a board for each, its view, and the table of numbers.
import { h } from "../elements.js";
import { Board, color } from "./board.js";

export const VIEWS = [
  ["composite", "Composite"],
  ["prediction", "Prediction"],
  ["error", "Error"],
  ["original", "Original"],
  ["slider", "Slider"],
  ["attention", "Attention"],
];

// One model's answer beside the painting; `room` holds what all boards share.
export class Result {
  constructor(room, label) {
    this.room = room;
    this.model = null;
    this.composite = this.error = null;
    this.layers = null;
    this.title = h("h2", {}, label);
    this.score = h("span", { class: "soft small score" });
    this.board = new Board(label, (pen, board) => this.draw(pen, board), {
      begin: (place) => this.point(place),
      move: (place) => this.point(place),
    });
    this.element = h(
      "figure",
      { class: "paint-stage" },
      h("figcaption", { class: "spread" }, this.title, this.score),
      this.board.canvas,
    );
  }

  setModel(shape, label) {
    this.model = shape;
    this.composite = this.error = this.layers = null;
    this.title.textContent = label;
    this.score.textContent = "";
    this.board.setGrid(shape.rows, shape.cols);
    this.board.canvas.setAttribute("aria-label", `What ${label} fills in`);
    this.board.paint();
  }

  show(composite, error, scores) {
    this.composite = composite;
    this.error = error;
    this.score.textContent = `PSNR ${format(scores.psnr, 1)} dB  SSIM ${format(scores.ssim, 2)}`;
    this.board.paint();
  }

  // Nothing is hidden or nothing is visible: there is nothing to fill in.
  empty() {
    this.composite = this.error = null;
    this.score.textContent = "";
    this.board.paint();
  }

  point(place) {
    const { room, board } = this;
    if (room.view === "slider") room.setDivider(place.col / board.cols);
    if (room.view === "attention") room.setPatch(Math.floor(place.row), Math.floor(place.col));
  }

  draw(pen, board) {
    const { room } = this;
    const original = room.original;
    const filled = this.composite || original;
    const isHidden = (at) => room.mask.cells[at] === 1;
    if (room.view === "composite") board.image(pen, filled);
    if (room.view === "original") board.image(pen, original);
    if (room.view === "error") {
      if (this.error) board.image(pen, this.error);
      else this.cover(pen, board);
    }
    if (room.view === "prediction") {
      board.image(pen, filled);
      board.hatch(pen, (at) => !this.composite || !isHidden(at));
    }
    if (room.view === "slider") {
      board.image(pen, original, 0, room.divider);
      board.image(pen, filled, room.divider, 1);
      pen.fillStyle = color("--accent");
      pen.fillRect(room.divider * board.canvas.width - 1.5, 0, 3, board.canvas.height);
    }
    if (room.view === "attention") this.drawAttention(pen, board, original);
  }

  cover(pen, board) {
    pen.fillStyle = "#000004"; // the color of no error
    pen.fillRect(0, 0, board.canvas.width, board.canvas.height);
  }

  drawAttention(pen, board, original) {
    board.image(pen, original);
    if (!this.layers || !this.room.patch) return;
    const weights = this.layers[Math.min(this.room.layer, this.layers.length - 1)];
    const most = Math.max(...weights);
    weights.forEach((weight, at) => {
      // What gets no attention goes dark.
      pen.fillStyle = `rgb(8 12 20 / ${(0.85 * (1 - weight / most)).toFixed(3)})`;
      pen.fillRect(...board.box(at));
    });
    board.frameCell(pen, this.room.patch.row, this.room.patch.col);
  }
}

export function format(value, digits) {
  return value === null || value === undefined ? "–" : value.toFixed(digits);
}

// Rows are { name, psnr, ssim, high_frequency }; the best of each column is bold.
export function scoreTable(rows) {
  const columns = [
    ["psnr", "PSNR (dB)", 2, 1],
    ["ssim", "SSIM", 3, 1],
    ["high_frequency", "HF error", 4, -1],
  ];
  const best = Object.fromEntries(
    columns.map(([key, , , sign]) => [
      key,
      Math.max(...rows.map((row) => sign * (row[key] ?? NaN))),
    ]),
  );
  const head = h(
    "tr",
    {},
    h("th", { scope: "col" }, "Filled by"),
    ...columns.map(([, label]) => h("th", { class: "number", scope: "col" }, label)),
  );
  const lines = rows.map((row) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, row.name),
      ...columns.map(([key, , digits, sign]) =>
        h(
          "td",
          { class: sign * row[key] === best[key] ? "number best" : "number" },
          format(row[key], digits),
        ),
      ),
    ),
  );
  return h("table", {}, h("thead", {}, head), h("tbody", {}, lines));
}
