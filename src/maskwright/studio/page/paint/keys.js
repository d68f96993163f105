// The keyboard of Paint, as a table: what listens is also what the help shows.
import { h } from "../elements.js";

export const KEYS = [
  ["b", "Brush"],
  ["r", "Rectangle"],
  ["l", "Lasso"],
  ["e", "Hide or show"],
  ["[", "Smaller brush"],
  ["]", "Larger brush"],
  ["i", "Invert"],
  ["x", "Clear"],
  ["Ctrl Z", "Undo"],
  ["Ctrl Shift Z", "Redo"],
  ["n", "Next picture"],
  ["p", "Previous picture"],
  ["m", "Next model"],
  ["v", "Next view"],
  ["s", "Another seed of the policy"],
  ["Arrows", "Move on the picture that you paint"],
  ["Space", "Paint there; with Shift and arrows, a stroke"],
  ["?", "This help"],
];

// actions: by the letters of the table, `undo` and `redo`. Returns what takes the keys away again.
export function listenToKeys(actions) {
  const listen = (event) => {
    const isTyping = event.target.matches?.(
      "input:not([type=range]):not([type=checkbox]), textarea, select",
    );
    if (isTyping || document.querySelector("dialog[open]")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    let action = null;
    if (event.ctrlKey || event.metaKey) {
      if (key === "z") action = event.shiftKey ? actions.redo : actions.undo;
      if (key === "y") action = actions.redo;
    } else if (!event.altKey) {
      action = actions[key];
    }
    if (!action) return;
    event.preventDefault();
    action();
  };
  addEventListener("keydown", listen);
  return () => removeEventListener("keydown", listen);
}

export function helpDialog() {
  const rows = KEYS.map(([key, text]) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, ...key.split(" ").map((part) => h("kbd", {}, part))),
      h("td", {}, text),
    ),
  );
  const dialog = h(
    "dialog",
    { "aria-labelledby": "help-title" },
    h(
      "div",
      { class: "spread" },
      h("h2", { id: "help-title" }, "Keyboard"),
      h("button", { type: "button", onclick: () => dialog.close() }, "Close"),
    ),
    h("table", { class: "keys" }, h("tbody", {}, rows)),
  );
  return dialog;
}
