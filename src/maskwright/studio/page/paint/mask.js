// A mask as the page paints it: a bit for each patch, row by row, 1 = hidden.

export class Mask {
  constructor(rows, cols, bits = "") {
    this.rows = rows;
    this.cols = cols;
    this.cells = new Uint8Array(rows * cols);
    if (bits.length === rows * cols) this.read(bits);
  }

  read(bits) {
    for (let at = 0; at < this.cells.length; at++) this.cells[at] = bits[at] === "1" ? 1 : 0;
  }

  toString() {
    return this.cells.join("");
  }

  get count() {
    return this.cells.reduce((sum, cell) => sum + cell, 0);
  }

  // Something is hidden and something is visible: only then a model can fill in.
  get isMixed() {
    return this.count > 0 && this.count < this.cells.length;
  }

  invert() {
    for (let at = 0; at < this.cells.length; at++) this.cells[at] ^= 1;
  }

  clear() {
    this.cells.fill(0);
  }

  set(row, col, value) {
    if (row < 0 || col < 0 || row >= this.rows || col >= this.cols) return;
    this.cells[row * this.cols + col] = value;
  }

  // A round brush; size is its width in patches, places are in patches.
  brush(row, col, size, value) {
    const radius = size / 2;
    // The patch under the pointer is always touched.
    this.set(Math.floor(row), Math.floor(col), value);
    for (let r = Math.floor(row - radius); r <= row + radius; r++)
      for (let c = Math.floor(col - radius); c <= col + radius; c++)
        if ((r + 0.5 - row) ** 2 + (c + 0.5 - col) ** 2 <= radius ** 2) this.set(r, c, value);
  }

  // A stroke from one place to another, without gaps however fast the pointer is.
  stroke(from, to, size, value) {
    const steps = Math.max(1, Math.ceil(2 * Math.hypot(to.row - from.row, to.col - from.col)));
    for (let step = 0; step <= steps; step++) {
      const share = step / steps;
      const row = from.row + share * (to.row - from.row);
      this.brush(row, from.col + share * (to.col - from.col), size, value);
    }
  }

  // All patches that a rectangle touches.
  rectangle(from, to, value) {
    const [top, bottom] = [from.row, to.row].sort((a, b) => a - b);
    const [left, right] = [from.col, to.col].sort((a, b) => a - b);
    for (let row = Math.floor(top); row <= bottom; row++)
      for (let col = Math.floor(left); col <= right; col++) this.set(row, col, value);
  }

  // All patches whose middle lies inside a closed line.
  lasso(points, value) {
    for (let row = 0; row < this.rows; row++)
      for (let col = 0; col < this.cols; col++)
        if (isInside(row + 0.5, col + 0.5, points)) this.set(row, col, value);
  }

  // The same places on another grid.
  onGrid(rows, cols) {
    const other = new Mask(rows, cols);
    for (let row = 0; row < rows; row++)
      for (let col = 0; col < cols; col++) {
        const r = Math.floor(((row + 0.5) / rows) * this.rows);
        const c = Math.floor(((col + 0.5) / cols) * this.cols);
        other.set(row, col, this.cells[r * this.cols + c]);
      }
    return other;
  }
}

function isInside(row, col, points) {
  let inside = false;
  for (let at = 0, last = points.length - 1; at < points.length; last = at++) {
    const [a, b] = [points[at], points[last]];
    const crosses = a.row > row !== b.row > row;
    if (crosses && col < ((b.col - a.col) * (row - a.row)) / (b.row - a.row) + a.col)
      inside = !inside;
  }
  return inside;
}

// Bits as text for links, six to a letter.
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

export function pack(bits) {
  let text = "";
  for (let at = 0; at < bits.length; at += 6)
    text += LETTERS[parseInt(bits.slice(at, at + 6).padEnd(6, "0"), 2)];
  return text;
}

export function unpack(text, count) {
  let bits = "";
  for (const letter of text) {
    const value = LETTERS.indexOf(letter);
    if (value < 0) return "";
    bits += value.toString(2).padStart(6, "0");
  }
  return bits.length >= count && bits.length < count + 6 ? bits.slice(0, count) : "";
}
