// What is on the page of Paint: boards, tools and panels, and what each of them calls.
import { PicturePicker } from "../chooser.js";
import { h, slider } from "../elements.js";
import { Board } from "./board.js";
import { helpDialog } from "./keys.js";
import { PolicyPanel } from "./policy-panel.js";
import { Result, VIEWS } from "./results.js";
import { copy, copyLink, saveFiles, showCommand } from "./take-away.js";

export const TOOLS = [
  ["brush", "Brush"],
  ["rectangle", "Rectangle"],
  ["lasso", "Lasso"],
];

export function buildPage(room) {
  room.painting = new Board(
    "The picture that you paint on",
    (pen, board) => room.drawPainting(pen, board),
    {
      begin: (place) => room.begin(place),
      move: (place) => room.move(place),
      end: (place) => room.end(place),
      hover: (place) => room.hover(place),
    },
  );
  const canvas = room.painting.canvas;
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-describedby", "paint-how");
  canvas.classList.add("paintable");
  canvas.addEventListener("keydown", (event) => room.press(event));
  canvas.addEventListener("blur", () => {
    room.caret = null;
    room.painting.paint();
  });
  room.results = [new Result(room, "Model"), new Result(room, "Second model")];
  room.picker = new PicturePicker({
    say: room.say,
    fail: room.fail,
    onpick: (id) => room.setPicture(id).catch(room.fail),
  });
  room.panel = new PolicyPanel((value) => room.askPolicy(value));
  room.help = helpDialog();
  room.count = h("span", { class: "soft small", role: "status" });
  room.modelBox = h("div", { class: "stack" });
  room.stages = h("div", { class: "stages" }, paintStage(room), resultStage(room));
  room.table = h("div", { class: "scroll" });
  room.element = h(
    "div",
    { class: "paint" },
    h("h1", { class: "sr" }, "Paint a mask"),
    h("div", { class: "toolbar panel" }, toolButtons(room), historyButtons(room)),
    h("aside", { class: "stack side" }, sourcePanel(room), policyPanel(room)),
    h(
      "section",
      { class: "stack center" },
      room.stages,
      h("div", { class: "below" }, numberPanel(room), takeAwayPanel(room)),
    ),
    room.help,
  );
}

function paintStage(room) {
  return h(
    "figure",
    { class: "paint-stage" },
    h("figcaption", { class: "spread" }, h("h2", {}, "You hide"), room.count),
    room.painting.canvas,
    h(
      "p",
      { id: "paint-how", class: "soft small" },
      "Drag over the picture, or move with arrows and paint with Space.",
    ),
  );
}

function resultStage(room) {
  return h(
    "div",
    { class: "results stack" },
    h(
      "div",
      { class: "boards" },
      room.results.map((result) => result.element),
    ),
    viewBar(room),
    viewOptions(room),
  );
}

function toolButtons(room) {
  room.toolButtons = TOOLS.map(([name, label]) =>
    h("button", { type: "button", onclick: () => room.setTool(name) }, label),
  );
  room.modeButtons = [
    ["Hide", true],
    ["Show", false],
  ].map(([label, hides]) =>
    h("button", { type: "button", onclick: () => room.setMode(hides) }, label),
  );
  room.sizeSlider = slider({
    label: "Brush",
    min: 1,
    max: 8,
    step: 1,
    value: room.size,
    format: (value) => `${value}`,
    oninput: (value) => room.setSize(value),
  });
  room.sizeSlider.element.classList.add("brush-size");
  return h(
    "div",
    { class: "row" },
    h("div", { class: "segments", role: "group", "aria-label": "Tool" }, room.toolButtons),
    h("div", { class: "segments", role: "group", "aria-label": "Hide or show" }, room.modeButtons),
    room.sizeSlider.element,
  );
}

function historyButtons(room) {
  room.undoButton = h("button", { type: "button", onclick: () => room.undo() }, "Undo");
  room.redoButton = h("button", { type: "button", onclick: () => room.redo() }, "Redo");
  return h(
    "div",
    { class: "row" },
    room.undoButton,
    room.redoButton,
    h("button", { type: "button", onclick: () => room.change((mask) => mask.invert()) }, "Invert"),
    h("button", { type: "button", onclick: () => room.change((mask) => mask.clear()) }, "Clear"),
    h(
      "button",
      {
        type: "button",
        class: "quiet",
        "aria-label": "Keyboard help",
        title: "Keyboard help",
        onclick: () => room.help.showModal(),
      },
      "?",
    ),
  );
}

function sourcePanel(room) {
  return h(
    "section",
    { class: "panel stack", "aria-label": "Model and picture" },
    room.modelBox,
    room.picker.element,
  );
}

function policyPanel(room) {
  return h(
    "details",
    { class: "panel", open: innerWidth > 720 },
    h("summary", {}, h("h2", {}, "Mask by a policy")),
    room.panel.element,
  );
}

function viewBar(room) {
  room.viewButtons = VIEWS.map(([name, label]) =>
    h("button", { type: "button", onclick: () => room.setView(name) }, label),
  );
  return h(
    "div",
    { class: "segments views", role: "group", "aria-label": "View of what was filled in" },
    room.viewButtons,
  );
}

function viewOptions(room) {
  room.dividerSlider = slider({
    label: "Left the original, right what was filled in",
    min: 0,
    max: 1,
    step: 0.01,
    value: 0.5,
    format: (value) => `${Math.round(100 * value)} %`,
    oninput: (value) => room.setDivider(value),
  });
  room.layerSlider = slider({
    label: "Layer of the encoder",
    min: 1,
    max: 12,
    step: 1,
    value: 12,
    oninput: (value) => {
      room.layer = value - 1;
      room.paintResults();
    },
  });
  room.attentionNote = h(
    "p",
    { class: "soft small" },
    "Click a patch, or move to it with arrows on the left, to see what it attends to. Here the model sees the whole picture.",
  );
  room.errorNote = h(
    "p",
    { class: "soft small" },
    "Mean absolute difference over channels: black is 0, light yellow is 0.5 and more.",
  );
  return h(
    "div",
    { class: "stack view-options" },
    room.dividerSlider.element,
    room.layerSlider.element,
    room.attentionNote,
    room.errorNote,
  );
}

function numberPanel(room) {
  return h(
    "section",
    { class: "panel stack", "aria-label": "Numbers" },
    h("h2", {}, "How well it came back"),
    room.table,
    h(
      "p",
      { class: "soft small" },
      "PSNR and the error of edges (HF) over hidden pixels, SSIM of the composite. The last rows learned nothing.",
    ),
  );
}

function takeAwayPanel(room) {
  room.commandText = h("code", { class: "command", tabindex: "0" });
  room.commandBox = h(
    "div",
    { class: "stack", hidden: true },
    room.commandText,
    h(
      "button",
      {
        type: "button",
        onclick: () => copy(room, room.commandText.textContent, "The command is copied."),
      },
      "Copy the command",
    ),
  );
  return h(
    "section",
    { class: "panel stack", "aria-label": "Take it away" },
    h("h2", {}, "Take it away"),
    h(
      "div",
      { class: "row" },
      h(
        "button",
        { type: "button", class: "primary", onclick: () => saveFiles(room).catch(room.fail) },
        "Download",
      ),
      h("button", { type: "button", onclick: () => copyLink(room) }, "Copy link"),
      h("button", { type: "button", onclick: () => showCommand(room).catch(room.fail) }, "Command"),
    ),
    h(
      "p",
      { class: "soft small" },
      "Download gives the sheet, the mask, the picture at the model's size, and the numbers as JSON. Where they lie, the command gives the same again.",
    ),
    room.commandBox,
  );
}
