// Paint: hide patches by hand or by a policy, and see what models fill in while you do.
import { modelField } from "../chooser.js";
import { h } from "../elements.js";
import { color, loadImage } from "../paint/board.js";
import { listenToKeys } from "../paint/keys.js";
import { buildPage, TOOLS } from "../paint/layout.js";
import { Live } from "../paint/live.js";
import { Mask, unpack } from "../paint/mask.js";
import { scoreTable, VIEWS } from "../paint/results.js";
import { writeLink } from "../paint/take-away.js";

export const title = "Paint";

const MOST_STEPS = 200; // of undo
const REST = 250; // milliseconds without a stroke before slower numbers are asked for

export function mount(element, context) {
  const room = new Paint(context);
  element.append(room.element);
  room.start().catch(context.fail);
  return () => room.close();
}

class Paint {
  constructor(context) {
    Object.assign(this, context); // api, studio, params, setParams, say, fail
    this.mask = new Mask(1, 1);
    this.policy = null; // { policy, ratio, seed } while the mask is the policy's own
    this.original = null;
    this.picture = "";
    this.models = ["", ""]; // the second may be empty
    this.shapes = ["", ""];
    this.tool = "brush";
    this.hides = true;
    this.size = 2;
    this.view = "composite";
    this.divider = 0.5;
    this.patch = null;
    this.layer = 99;
    this.past = [];
    this.future = [];
    this.trivial = [];
    this.scores = [];
    this.cursor = null; // of the pointer, in patches
    this.caret = null; // of the keyboard
    this.trail = [];
    this.fills = new Live(
      (wanted, signal) => this.api.post("/api/paint/fill", wanted, { signal }),
      (answer, wanted) => this.receive(answer, wanted),
      this.fail,
      (isBusy) => this.setBusy(isBusy),
    );
    this.masks = new Live(
      (wanted, signal) => this.api.post("/api/paint/policy", wanted, { signal }),
      (answer, wanted) => this.receiveMask(answer, wanted),
      this.fail,
    );
    this.rests = new Live(
      (wanted, signal) => this.api.post("/api/paint/trivial", wanted, { signal }),
      (answer) => this.receiveTrivial(answer),
      this.fail,
    );
    buildPage(this);
  }

  // ---- Beginning and end

  async start() {
    const { params, studio } = this;
    if (!studio.models.length)
      throw new Error("The studio was started without a model: maskwright studio RUN.");
    const known = (id) => (studio.models.some((model) => model.id === id) ? id : "");
    const first = known(params.get("model")) || studio.models[0].id;
    this.view = VIEWS.some(([name]) => name === params.get("view"))
      ? params.get("view")
      : "composite";
    this.keys = listenToKeys(this.actions());
    this.updateTools();
    this.setView(this.view);
    const picture = await this.picker.open(params.get("picture") || "");
    await this.setModel(0, first, false);
    if (known(params.get("beside"))) await this.setModel(1, params.get("beside"), false);
    this.updateModels();
    this.restoreMask(params);
    if (picture) await this.setPicture(picture);
    this.picker.picked = picture;
    this.picker.show();
  }

  // From a link: a policy with its knobs, a painted mask, or a first mask to look at.
  restoreMask(params) {
    const bits = unpack(params.get("mask") || "", this.mask.cells.length);
    if (bits) {
      this.mask.read(bits);
      return;
    }
    const value = {
      policy: params.get("policy") || "random",
      ratio: Number(params.get("ratio")) || 0.75,
      seed: Number(params.get("seed")) || 0,
    };
    this.panel.restore(value);
    this.policy = value;
    this.wantsPolicy = true;
  }

  close() {
    this.keys?.();
    this.picker.close();
    for (const live of [this.fills, this.masks, this.rests]) live.stop();
    clearTimeout(this.resting);
    clearTimeout(this.remembering);
    for (const board of [this.painting, ...this.results.map((result) => result.board)])
      board.close();
  }

  actions() {
    const cycle = (list, now) => list[(list.indexOf(now) + 1) % list.length];
    return {
      b: () => this.setTool("brush"),
      r: () => this.setTool("rectangle"),
      l: () => this.setTool("lasso"),
      e: () => this.setMode(!this.hides),
      "[": () => this.setSize(this.size - 1),
      "]": () => this.setSize(this.size + 1),
      i: () => this.change((mask) => mask.invert()),
      x: () => this.change((mask) => mask.clear()),
      undo: () => this.undo(),
      redo: () => this.redo(),
      n: () => this.picker.step(1).catch(this.fail),
      p: () => this.picker.step(-1).catch(this.fail),
      m: () =>
        this.setModel(
          0,
          cycle(
            this.studio.models.map((model) => model.id),
            this.models[0],
          ),
        ).catch(this.fail),
      v: () =>
        this.setView(
          cycle(
            VIEWS.map(([name]) => name),
            this.view,
          ),
        ),
      s: () => {
        this.panel.seed.set((this.panel.value.seed + 1) % 100);
        this.askPolicy(this.panel.value);
      },
      "?": () => this.help.showModal(),
    };
  }

  // ---- Model and picture

  async setModel(which, id, shows = true) {
    const shape = id ? await this.api.get(`/api/paint/model?model=${id}`) : null;
    const other = this.shapes[1 - which];
    // Under one mask stand models of the same patches.
    const differs =
      shape &&
      other &&
      (shape.rows !== other.rows ||
        shape.cols !== other.cols ||
        shape.patch_size !== other.patch_size);
    if (differs && which === 1) {
      this.updateModels();
      throw new Error(
        `Models side by side need the same patches: ${this.label(id)} has ${shape.rows}x${shape.cols}, the first model ${other.rows}x${other.cols}.`,
      );
    }
    this.models[which] = id;
    this.shapes[which] = shape;
    if (differs) [this.models[1], this.shapes[1]] = ["", null];
    this.patch = null;
    if (which === 0) {
      this.mask = this.mask.onGrid(shape.rows, shape.cols);
      this.past = [];
      this.future = [];
      this.painting.setGrid(shape.rows, shape.cols);
      this.panel.setCards(shape.policies);
    }
    this.results.forEach((result, at) => {
      if (this.shapes[at]) result.setModel(this.shapes[at], this.label(this.models[at]));
      result.element.hidden = !this.shapes[at];
    });
    this.updateModels();
    this.stages.classList.toggle("three", Boolean(this.shapes[1]));
    if (shows && this.picture) await this.setPicture(this.picture);
  }

  label(id) {
    return this.studio.models.find((model) => model.id === id)?.label || id;
  }

  updateModels() {
    const { models } = this.studio;
    const set = (which) => (id) => this.setModel(which, id).catch(this.fail);
    this.modelBox.replaceChildren(
      modelField("Model", models, this.models[0], set(0)),
      modelField(
        "Beside it",
        models.filter((model) => model.id !== this.models[0]),
        this.models[1],
        set(1),
        "none",
      ),
    );
  }

  async setPicture(id) {
    const turn = (this.pictureTurn = (this.pictureTurn || 0) + 1);
    const data = await this.api.blobOf(`/api/paint/picture?model=${this.models[0]}&picture=${id}`);
    const image = await createImageBitmap(data);
    if (turn !== this.pictureTurn) return;
    this.picture = id;
    this.original = image;
    this.patch = null;
    this.results.forEach((result) => {
      result.layers = null;
      result.empty();
    });
    this.trivial = [];
    if (this.view === "attention") this.setMiddlePatch();
    // A policy may look at the picture, so its mask is drawn anew.
    if (this.policy && (this.wantsPolicy || this.mask.isMixed)) this.askPolicy(this.policy, false);
    else this.refresh();
  }

  // ---- Painting

  setTool(tool) {
    this.tool = tool;
    this.updateTools();
  }

  setMode(hides) {
    this.hides = hides;
    this.updateTools();
  }

  setSize(size) {
    this.size = Math.max(1, Math.min(8, size));
    this.sizeSlider.set(this.size);
    this.painting.paint();
  }

  updateTools() {
    TOOLS.forEach(([name], at) =>
      this.toolButtons[at].setAttribute("aria-pressed", String(name === this.tool)),
    );
    this.modeButtons.forEach((button, at) =>
      button.setAttribute("aria-pressed", String((at === 0) === this.hides)),
    );
    this.sizeSlider.element.hidden = this.tool !== "brush";
  }

  begin(place) {
    this.remember();
    this.trail = [place];
    if (this.tool === "brush") {
      this.mask.brush(place.row, place.col, this.size, this.hides ? 1 : 0);
      this.painted();
    }
  }

  move(place) {
    this.cursor = place;
    const last = this.trail[this.trail.length - 1];
    if (this.tool === "rectangle") this.trail = [this.trail[0], place];
    else this.trail.push(place);
    if (this.tool === "brush") {
      this.mask.stroke(last, place, this.size, this.hides ? 1 : 0);
      this.painted();
    } else this.painting.paint();
  }

  end(place) {
    const value = this.hides ? 1 : 0;
    if (this.tool === "rectangle") this.mask.rectangle(this.trail[0], place, value);
    if (this.tool === "lasso") this.mask.lasso(this.trail, value);
    this.trail = [];
    this.painted();
  }

  hover(place) {
    this.cursor = place;
    this.painting.paint();
  }

  // The keyboard on the painting: arrows move a caret, Space paints.
  press(event) {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const step = steps[event.key];
    if (!step && event.key !== " ") return;
    event.preventDefault();
    const { rows, cols } = this.mask;
    this.caret ??= { row: Math.floor(rows / 2), col: Math.floor(cols / 2) };
    if (step) {
      this.caret = {
        row: Math.max(0, Math.min(rows - 1, this.caret.row + step[0])),
        col: Math.max(0, Math.min(cols - 1, this.caret.col + step[1])),
      };
    }
    // The same caret asks for attention, so that this needs no mouse either.
    if (step && this.view === "attention") this.setPatch(this.caret.row, this.caret.col);
    if (!step || event.shiftKey)
      this.change((mask) =>
        mask.brush(this.caret.row + 0.5, this.caret.col + 0.5, this.size, this.hides ? 1 : 0),
      );
    this.painting.paint();
  }

  change(act) {
    this.remember();
    act(this.mask);
    this.painted();
  }

  // The mask is no longer the policy's own.
  painted() {
    this.policy = null;
    this.masks.stop();
    this.refresh();
  }

  remember() {
    this.past.push({ bits: String(this.mask), policy: this.policy });
    if (this.past.length > MOST_STEPS) this.past.shift();
    this.future = [];
  }

  undo() {
    this.travel(this.past, this.future);
  }

  redo() {
    this.travel(this.future, this.past);
  }

  travel(from, to) {
    const step = from.pop();
    if (!step) return;
    to.push({ bits: String(this.mask), policy: this.policy });
    this.masks.stop();
    this.mask.read(step.bits);
    this.policy = step.policy;
    if (step.policy) this.panel.restore(step.policy);
    this.refresh();
  }

  // ---- Asking and showing

  askPolicy(value, remembers = true) {
    if (!this.picture) return;
    this.wantsPolicy = false;
    this.masks.ask({ models: this.models.slice(0, 1), picture: this.picture, ...value, remembers });
  }

  receiveMask(answer, { policy, ratio, seed, picture, remembers }) {
    if (picture !== this.picture || answer.mask.length !== this.mask.cells.length) return;
    if (remembers) this.remember();
    this.mask.read(answer.mask);
    this.policy = { policy, ratio, seed };
    this.refresh();
  }

  get chosen() {
    return this.models.filter(Boolean);
  }

  refresh() {
    const { count, cells, isMixed } = this.mask;
    this.count.textContent = `${count} of ${cells.length} patches (${Math.round((100 * count) / cells.length)} %)`;
    this.undoButton.disabled = !this.past.length;
    this.redoButton.disabled = !this.future.length;
    this.commandBox.hidden = true;
    this.painting.paint();
    clearTimeout(this.resting);
    clearTimeout(this.remembering);
    this.remembering = setTimeout(() => writeLink(this), REST);
    if (!this.picture) return;
    if (!isMixed) {
      this.results.forEach((result) => result.empty());
      this.scores = this.trivial = [];
      const text = count
        ? "Leave at least a patch visible: a model has to see something."
        : "Paint over the picture to hide patches.";
      this.table.replaceChildren(h("p", { class: "soft" }, text));
      return;
    }
    this.paintResults();
    const wanted = { models: this.chosen, picture: this.picture, mask: String(this.mask) };
    this.fills.ask(wanted);
    this.resting = setTimeout(() => this.rests.ask(wanted), REST);
  }

  async receive(answer, wanted) {
    const images = await Promise.all(
      answer.fills.map((fill) => Promise.all([loadImage(fill.composite), loadImage(fill.error)])),
    );
    if (
      wanted.picture !== this.picture ||
      String(wanted.models) !== String(this.chosen) ||
      !this.mask.isMixed
    )
      return;
    answer.fills.forEach((fill, at) => this.results[at].show(...images[at], fill.scores));
    this.scores = answer.fills.map((fill) => ({ name: this.label(fill.model), ...fill.scores }));
    this.showScores();
    // For whoever measures: the mask that is now to be seen.
    this.element.dataset.shown = wanted.mask;
  }

  receiveTrivial(answer) {
    this.trivial = Object.entries(answer.fills).map(([name, scores]) => ({ name, ...scores }));
    if (this.mask.isMixed) this.showScores();
  }

  // A large model takes a second: what is shown meanwhile is of an earlier mask.
  setBusy(isBusy) {
    this.results.forEach((result) => {
      result.element.classList.toggle("busy", isBusy);
      result.element.setAttribute("aria-busy", String(isBusy));
    });
  }

  showScores() {
    this.table.replaceChildren(scoreTable([...this.scores, ...this.trivial]));
  }

  setView(view) {
    this.view = view;
    VIEWS.forEach(([name], at) =>
      this.viewButtons[at].setAttribute("aria-pressed", String(name === view)),
    );
    this.dividerSlider.element.hidden = view !== "slider";
    this.layerSlider.element.hidden = this.attentionNote.hidden = view !== "attention";
    this.errorNote.hidden = view !== "error";
    this.results.forEach((result) =>
      result.board.canvas.classList.toggle("paintable", view === "slider" || view === "attention"),
    );
    if (view === "attention" && !this.patch) this.setMiddlePatch();
    this.paintResults();
    this.setParams({ view: view === "composite" ? null : view });
  }

  setDivider(share) {
    this.divider = Math.max(0, Math.min(1, share));
    this.dividerSlider.set(this.divider);
    this.paintResults();
  }

  setMiddlePatch() {
    this.setPatch(Math.floor(this.mask.rows / 2), Math.floor(this.mask.cols / 2));
  }

  setPatch(row, col) {
    const { rows, cols } = this.mask;
    if (row < 0 || col < 0 || row >= rows || col >= cols || !this.picture) return;
    if (this.patch?.row === row && this.patch?.col === col) return;
    this.patch = { row, col };
    const patch = row * cols + col;
    const wanted = { models: this.chosen, picture: this.picture, patch };
    this.api
      .post("/api/paint/attention", wanted)
      .then((answer) => this.receiveAttention(answer), this.fail);
  }

  receiveAttention(answer) {
    answer.layers.forEach((layers, at) => (this.results[at].layers = layers));
    const most = answer.layers[0].length;
    this.layerSlider.input.max = most;
    this.layer = Math.min(this.layer, most - 1);
    this.layerSlider.set(this.layer + 1);
    this.paintResults();
  }

  paintResults() {
    this.results.forEach((result) => result.board.paint());
  }

  drawPainting(pen, board) {
    board.image(pen, this.original);
    board.hatch(pen, (at) => this.mask.cells[at] === 1);
    const { width, height } = board.cell;
    if (this.tool === "rectangle" && this.trail.length === 2) {
      const [a, b] = this.trail;
      outline(pen, board, () =>
        pen.rect(a.col * width, a.row * height, (b.col - a.col) * width, (b.row - a.row) * height),
      );
    }
    if (this.tool === "lasso" && this.trail.length > 1)
      outline(pen, board, () =>
        this.trail.forEach((point) => pen.lineTo(point.col * width, point.row * height)),
      );
    if (this.tool === "brush" && this.cursor)
      outline(pen, board, () =>
        pen.arc(this.cursor.col * width, this.cursor.row * height, (this.size / 2) * width, 0, 7),
      );
    if (this.caret) board.frameCell(pen, this.caret.row, this.caret.col);
  }
}

function outline(pen, board, shape) {
  pen.beginPath();
  shape();
  pen.lineWidth = Math.max(3, board.canvas.width / 150);
  pen.strokeStyle = "rgb(255 255 255 / 80%)";
  pen.stroke();
  pen.lineWidth = Math.max(1.5, board.canvas.width / 300);
  pen.strokeStyle = color("--accent");
  pen.stroke();
}
