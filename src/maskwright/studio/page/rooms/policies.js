import { h } from "../elements.js";

export const title = "Policies";

export function mount(element) {
  element.append(h("h1", {}, title));
}
