// Small helpers to make elements; every room uses them.

// h("label", { class: "field" }, "Seed", input): attributes, `on...` listeners, then children.
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key in element && typeof value === "boolean") element[key] = value;
    else if (value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

// The same in SVG.
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// A labelled control: the label stands above it and belongs to it.
export function field(label, control, note = "") {
  return h("label", { class: "field" }, h("span", { class: "label" }, label), control, note);
}

export function select(options, value, onchange) {
  const element = h("select", { onchange: () => onchange(element.value) });
  for (const [key, label] of options) element.append(h("option", { value: key }, label));
  element.value = value;
  return element;
}

// A slider with its value beside it; returns { element, input, set }.
export function slider({ label, min, max, step, value, format = String, oninput }) {
  const shown = h("output", {}, format(value));
  // By its own name: a label would belong to the first control inside it, which is the output.
  const input = h("input", { type: "range", min, max, step, value, "aria-label": label });
  input.addEventListener("input", () => {
    shown.textContent = format(Number(input.value));
    oninput(Number(input.value));
  });
  const head = h("span", { class: "label" }, label, shown);
  const set = (number) => {
    input.value = number;
    shown.textContent = format(Number(number));
  };
  return { element: h("div", { class: "field" }, head, input), input, set };
}

// The two sliders that every mask by a policy has.
export const ratioSlider = (oninput) =>
  slider({
    label: "Share hidden",
    min: 0.05,
    max: 0.95,
    step: 0.01,
    value: 0.75,
    format: (value) => `${Math.round(100 * value)} %`,
    oninput,
  });

export const seedSlider = (oninput) =>
  slider({ label: "Seed", min: 0, max: 99, step: 1, value: 0, oninput });

export function download(blob, name) {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
