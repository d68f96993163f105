// A policy with its options, ratio and seed as controls; the line of text stays the truth.
import { field, h, ratioSlider, seedSlider, select, slider } from "../elements.js";

const NUMBERS = { whole: [1, 8, 1], number: [0, 4, 0.05] };

export class PolicyPanel {
  // onchange({ policy, ratio, seed }) is called whenever something is turned.
  constructor(onchange) {
    this.onchange = onchange;
    this.cards = [];
    this.card = null;
    this.values = {};
    this.name = h("div");
    this.summary = h("p", { class: "soft small" });
    this.options = h("div", { class: "stack policy-options" });
    this.text = h("input", { type: "text", spellcheck: "false", autocomplete: "off" });
    this.text.addEventListener("change", () => this.readText());
    this.ratio = ratioSlider(() => this.tell());
    this.seed = seedSlider(() => this.tell());
    this.element = h(
      "div",
      { class: "stack" },
      this.name,
      this.summary,
      this.options,
      this.ratio.element,
      this.seed.element,
      field("As text", this.text),
      h("button", { type: "button", onclick: () => this.tell() }, "Mask by this policy"),
    );
  }

  setCards(cards) {
    this.cards = cards;
    const options = cards.map((card) => [card.name, card.name]);
    this.name.replaceChildren(
      field(
        "Policy",
        select(options, this.card?.name || "random", (name) => {
          this.choose(name);
          this.tell();
        }),
      ),
    );
    this.choose(this.card?.name || "random");
  }

  choose(name, text = name) {
    this.card = this.cards.find((card) => card.name === name) || null;
    this.values = {};
    this.summary.textContent = this.card?.summary || "";
    this.options.replaceChildren(
      ...(this.card?.options || []).map((option) => this.control(option)),
    );
    const chosen = this.name.querySelector("select");
    if (chosen && this.card) chosen.value = name;
    this.text.value = text;
  }

  control(option) {
    const set = (value) => {
      this.values[option.name] = value;
      this.writeText();
      this.tell();
    };
    if (option.kind === "switch") {
      const box = h("input", { type: "checkbox" });
      box.checked = option.default === true;
      box.addEventListener("change", () => set(box.checked ? "True" : "False"));
      return h("label", { class: "row", title: option.help }, box, option.name);
    }
    if (option.kind === "choice") {
      const choices = option.choices.map((word) => [word, word]);
      const first = option.default === null ? [["", "as usual"]] : [];
      const control = select([...first, ...choices], option.default ?? "", (word) =>
        set(word && `'${word}'`),
      );
      return titled(option, field(option.name, control));
    }
    if (NUMBERS[option.kind]) {
      const [min, most, step] = NUMBERS[option.kind];
      const max = Math.max(most, 2 * option.default);
      const control = slider({
        label: option.name,
        min,
        max,
        step,
        value: option.default,
        oninput: set,
      });
      return titled(option, control.element);
    }
    const shown = Array.isArray(option.default) ? `[${option.default}]` : (option.default ?? "");
    const box = h("input", { type: "text", value: shown, spellcheck: "false" });
    box.addEventListener("change", () => set(box.value.trim()));
    return titled(option, field(option.name, box));
  }

  writeText() {
    const given = Object.entries(this.values).filter(([, value]) => value !== "");
    const inside = given.map(([name, value]) => `${name}=${value}`).join(", ");
    this.text.value = inside ? `${this.card.name}(${inside})` : this.card.name;
  }

  // Free text may say more than the controls: sums, policies inside policies.
  readText() {
    const text = this.text.value.trim();
    const name = text.match(/^(\w+)/)?.[1] || "";
    if (name !== this.card?.name && this.cards.some((card) => card.name === text))
      this.choose(text);
    this.text.value = text;
    this.tell();
  }

  get value() {
    return {
      policy: this.text.value.trim() || "random",
      ratio: Number(this.ratio.input.value),
      seed: Number(this.seed.input.value),
    };
  }

  // From a link: the line of text as it was, with the controls of its policy.
  restore({ policy, ratio, seed }) {
    this.choose(policy.match(/^(\w+)/)?.[1] || "random", policy);
    this.ratio.set(ratio);
    this.seed.input.max = Math.max(99, seed);
    this.seed.set(seed);
  }

  tell() {
    this.onchange(this.value);
  }
}

function titled(option, element) {
  element.title = option.help;
  return element;
}
