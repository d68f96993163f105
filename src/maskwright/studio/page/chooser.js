// Choosing a model and a picture: from the lists, by dropping a file, or by pasting one.
import * as api from "./api.js";
import { field, h, select } from "./elements.js";

const SHOWN = 12;

export function modelField(label, models, value, onchange, none = "") {
  const options = models.map((model) => [model.id, model.label]);
  return field(label, select(none ? [["", none], ...options] : options, value, onchange));
}

export class PicturePicker {
  constructor({ say, fail, onpick }) {
    Object.assign(this, { say, fail, onpick });
    this.start = 0;
    this.total = 0;
    this.picked = "";
    this.listed = [];
    this.brought = [];
    this.strip = h("div", { class: "thumbnails", role: "group", "aria-label": "Pictures" });
    this.count = h("span", { class: "soft small" });
    this.file = h("input", { type: "file", accept: "image/*", hidden: true });
    this.file.addEventListener("change", () => this.bring(this.file.files));
    const pages = h(
      "div",
      { class: "row" },
      h(
        "button",
        {
          class: "quiet",
          type: "button",
          "aria-label": "Earlier pictures",
          onclick: () => this.turn(-1),
        },
        "‹",
      ),
      h(
        "button",
        {
          class: "quiet",
          type: "button",
          "aria-label": "Later pictures",
          onclick: () => this.turn(1),
        },
        "›",
      ),
    );
    this.pages = pages;
    this.element = h(
      "div",
      { class: "picker stack" },
      h(
        "div",
        { class: "spread" },
        h("h2", {}, "Picture"),
        h("div", { class: "row" }, this.count, pages),
      ),
      this.strip,
      h(
        "button",
        { type: "button", class: "drop", onclick: () => this.file.click() },
        "Open, drop or paste a picture",
      ),
      this.file,
    );
    this.onpaste = (event) => this.bring(event.clipboardData?.files);
    this.ondrag = (event) => {
      event.preventDefault();
      document.body.classList.toggle("dropping", event.type === "dragover");
    };
    this.ondrop = (event) => {
      this.ondrag(event);
      this.bring(event.dataTransfer?.files);
    };
    addEventListener("paste", this.onpaste);
    addEventListener("dragover", this.ondrag);
    addEventListener("dragleave", this.ondrag);
    addEventListener("drop", this.ondrop);
  }

  close() {
    removeEventListener("paste", this.onpaste);
    removeEventListener("dragover", this.ondrag);
    removeEventListener("dragleave", this.ondrag);
    removeEventListener("drop", this.ondrop);
  }

  // Show the page that holds a picture, or the first.
  async open(picture = "") {
    const index = Number(picture.match(/^d0-(\d+)$/)?.[1] || 0);
    this.picked = picture;
    await this.list(index - (index % SHOWN));
    return this.picked || this.listed[0]?.id || "";
  }

  async list(start) {
    const found = await api.get(`/api/pictures?start=${start}&count=${SHOWN}`);
    this.start = start;
    this.total = found.total;
    this.listed = found.pictures;
    this.pages.hidden = this.total <= SHOWN;
    const last = start + this.listed.length;
    this.count.textContent =
      this.total > SHOWN ? `${start + 1}–${last} of ${this.total.toLocaleString("en")}` : "";
    this.show();
  }

  show() {
    this.strip.replaceChildren(
      ...[...this.brought, ...this.listed].map((picture) =>
        h(
          "button",
          {
            type: "button",
            class: "thumbnail",
            title: picture.name,
            "aria-pressed": String(picture.id === this.picked),
            onclick: () => this.pick(picture.id),
          },
          h("img", {
            src: `/api/pictures/${picture.id}/thumbnail`,
            alt: picture.name,
            loading: "lazy",
          }),
        ),
      ),
    );
  }

  pick(id) {
    this.picked = id;
    this.show();
    this.onpick(id);
  }

  turn(by) {
    const start = this.start + by * SHOWN;
    if (start >= 0 && start < this.total) this.list(start).catch(this.fail);
  }

  // The next or the previous picture, over the ends of pages.
  async step(by) {
    const all = [...this.brought, ...this.listed];
    const at = all.findIndex((picture) => picture.id === this.picked) + by;
    if (at >= 0 && at < all.length) return this.pick(all[at].id);
    const start = this.start + by * SHOWN;
    if (start < 0 || start >= this.total) return this.pick(all[by > 0 ? 0 : all.length - 1].id);
    await this.list(start);
    return this.pick(this.listed[by > 0 ? 0 : this.listed.length - 1].id);
  }

  async bring(files) {
    const file = files?.[0];
    if (!file) return;
    this.say(`Reading ${file.name} ...`);
    try {
      const picture = await api.upload("/api/pictures", file, file.name);
      this.brought = [picture, ...this.brought.filter((item) => item.id !== picture.id)].slice(
        0,
        4,
      );
      this.say(picture.note || `${picture.name} is here.`);
      this.pick(picture.id);
    } catch (error) {
      this.say("");
      this.fail(error);
    }
    this.file.value = "";
  }
}
