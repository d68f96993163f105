// A canvas that shows a picture with its mask, and says where on the grid a person points.

const MOST_SIDE = 2048;

export function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export function loadImage(address) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error("A picture could not be shown."));
    image.src = address;
  });
}

export class Board {
  // draw(pen, board) paints the content; pointer gets { begin, move, end } with places in patches.
  constructor(label, draw, pointer = {}) {
    this.canvas = document.createElement("canvas");
    this.canvas.className = "board";
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", label);
    this.draw = draw;
    this.pointer = pointer;
    this.rows = this.cols = 1;
    this.watch = new ResizeObserver(() => this.paint());
    this.watch.observe(this.canvas);
    this.listen();
  }

  setGrid(rows, cols) {
    this.rows = rows;
    this.cols = cols;
    this.canvas.style.aspectRatio = `${cols} / ${rows}`;
  }

  // Drawn once a frame, however often it is asked for.
  paint() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      const box = this.canvas.getBoundingClientRect();
      const scale = devicePixelRatio || 1;
      const width = Math.min(MOST_SIDE, Math.round(box.width * scale));
      const height = Math.min(MOST_SIDE, Math.round(box.height * scale));
      if (!width || !height) return;
      if (this.canvas.width !== width || this.canvas.height !== height) {
        this.canvas.width = width;
        this.canvas.height = height;
      }
      const pen = this.canvas.getContext("2d");
      pen.imageSmoothingEnabled = false; // every pixel of a model is a square
      pen.clearRect(0, 0, width, height);
      this.draw(pen, this);
    });
  }

  get cell() {
    return { width: this.canvas.width / this.cols, height: this.canvas.height / this.rows };
  }

  image(pen, picture, left = 0, right = 1) {
    if (!picture) return;
    const [w, h] = [this.canvas.width, this.canvas.height];
    pen.save();
    pen.beginPath();
    pen.rect(left * w, 0, (right - left) * w, h);
    pen.clip();
    pen.drawImage(picture, 0, 0, w, h);
    pen.restore();
  }

  // Left, top, width and height of a patch, in whole pixels so that patches meet without a line.
  box(at) {
    const { width, height } = this.cell;
    const [col, row] = [at % this.cols, Math.floor(at / this.cols)];
    const [x, y] = [Math.round(col * width), Math.round(row * height)];
    return [x, y, Math.round((col + 1) * width) - x, Math.round((row + 1) * height) - y];
  }

  // Hatch the patches for which test(index) holds.
  hatch(pen, test) {
    pen.save();
    pen.beginPath();
    for (let at = 0; at < this.rows * this.cols; at++) if (test(at)) pen.rect(...this.box(at));
    pen.clip();
    pen.fillStyle = color("--mask");
    pen.fillRect(0, 0, this.canvas.width, this.canvas.height);
    pen.strokeStyle = color("--mask-line");
    pen.lineWidth = Math.max(1, this.canvas.width / 400);
    const step = Math.max(6, this.canvas.width / 60);
    pen.beginPath();
    for (let x = -this.canvas.height; x < this.canvas.width; x += step) {
      pen.moveTo(x, 0);
      pen.lineTo(x + this.canvas.height, this.canvas.height);
    }
    pen.stroke();
    pen.restore();
  }

  frameCell(pen, row, col, size = 1) {
    const { width, height } = this.cell;
    pen.strokeStyle = color("--accent");
    pen.lineWidth = Math.max(2, this.canvas.width / 200);
    pen.strokeRect(col * width, row * height, size * width, size * height);
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return {
      row: ((event.clientY - box.top) / box.height) * this.rows,
      col: ((event.clientX - box.left) / box.width) * this.cols,
    };
  }

  listen() {
    const { canvas, pointer } = this;
    let isDown = false;
    if (!pointer.begin) return;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      isDown = true;
      canvas.setPointerCapture(event.pointerId);
      pointer.begin(this.place(event), event);
      event.preventDefault();
      canvas.focus({ preventScroll: true });
    });
    canvas.addEventListener("pointermove", (event) => {
      // A fast stroke brings several places in one event.
      const events = event.getCoalescedEvents?.() || [];
      for (const item of events.length ? events : [event]) {
        if (isDown) pointer.move?.(this.place(item), item);
        else pointer.hover?.(this.place(item));
      }
    });
    for (const kind of ["pointerup", "pointercancel"])
      canvas.addEventListener(kind, (event) => {
        if (!isDown) return;
        isDown = false;
        pointer.end?.(this.place(event), event);
      });
    canvas.addEventListener("pointerleave", () => pointer.hover?.(null));
  }

  close() {
    this.watch.disconnect();
    cancelAnimationFrame(this.frame);
  }
}
