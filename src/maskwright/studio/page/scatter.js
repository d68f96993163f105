// A map of many points on a canvas: zoom, lasso, and a way through it by keyboard.
import { h } from "./elements.js";

const REACH = 18; // pixels around a pointer in which a point is found
const MOST_ZOOM = 60;
const MOST_ROUND = 20000; // more points are squares, which are drawn in a third of the time

// draw({ x, y, color }): numbers in [-1000, 1000], and the number of a color for each point.
export function scatter({ label, onpick, onhover, onlasso }) {
  const canvas = h("canvas", { tabindex: 0, role: "application", "aria-label": label });
  const tip = h("div", { class: "tip", hidden: true });
  const element = h("div", { class: "map" }, canvas, tip);
  const context = canvas.getContext("2d");
  let points = { x: [], y: [], color: [] };
  let chosen = new Set();
  let hidden = new Set(); // colors that are left out
  let current = -1;
  let hovered = -1;
  let view = { x: 0, y: 0, zoom: 1 };
  let mode = "lasso";
  let loop = null; // corners of the lasso that is drawn
  let drag = null;
  let waits = false;

  const size = () => ({ width: canvas.clientWidth, height: canvas.clientHeight });
  const unit = () => (Math.min(size().width, size().height) / 2 - 16) / 1000;
  const place = (at) => {
    const { width, height } = size(),
      scale = unit() * view.zoom;
    return [
      width / 2 + (points.x[at] - view.x) * scale,
      height / 2 - (points.y[at] - view.y) * scale,
    ];
  };

  // At the next frame, and once for many changes.
  function draw() {
    if (waits) return;
    waits = true;
    requestAnimationFrame(() => {
      waits = false;
      paint();
    });
  }

  function paint() {
    const { width, height } = size();
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const style = getComputedStyle(canvas);
    const colors = Array.from({ length: 8 }, (_, number) =>
      style.getPropertyValue(`--series-${number}`).trim(),
    );
    const radius =
      Math.max(1.6, Math.min(5, 90 / Math.sqrt(points.x.length + 1))) *
      Math.min(2, Math.sqrt(view.zoom));
    context.fillStyle = style.getPropertyValue("--ground");
    context.fillRect(0, 0, width, height);
    for (let at = 0; at < points.x.length; at++) {
      if (hidden.has(points.color[at])) continue;
      const [x, y] = place(at);
      if (x < -9 || y < -9 || x > width + 9 || y > height + 9) continue;
      const number = points.color[at];
      context.globalAlpha = chosen.size && !chosen.has(at) ? 0.22 : 0.85;
      context.fillStyle = number < 0 ? style.getPropertyValue("--line-strong") : colors[number % 8];
      mark(x, y, radius, number);
    }
    context.globalAlpha = 1;
    for (const at of new Set([hovered, current])) {
      if (at < 0) continue;
      const [x, y] = place(at);
      context.strokeStyle = style.getPropertyValue("--ink");
      context.lineWidth = at === current ? 3 : 1.5;
      context.beginPath();
      context.arc(x, y, radius + 4, 0, 7);
      context.stroke();
    }
    if (loop) {
      context.strokeStyle = style.getPropertyValue("--accent");
      context.lineWidth = 2;
      context.beginPath();
      loop.forEach(([x, y], at) => (at ? context.lineTo(x, y) : context.moveTo(x, y)));
      context.closePath();
      context.stroke();
    }
  }

  // Beyond eight classes the shape changes too; colors alone would repeat.
  function mark(x, y, radius, number) {
    if (points.x.length > MOST_ROUND) {
      context.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
      return;
    }
    context.beginPath();
    const shape = Math.floor(Math.max(0, number) / 8) % 3;
    if (shape === 0) context.arc(x, y, radius, 0, 7);
    else if (shape === 1) context.rect(x - radius, y - radius, 2 * radius, 2 * radius);
    else {
      context.moveTo(x, y - 1.4 * radius);
      context.lineTo(x + 1.2 * radius, y + radius);
      context.lineTo(x - 1.2 * radius, y + radius);
    }
    context.fill();
  }

  function find(x, y) {
    let best = -1,
      least = REACH * REACH;
    for (let at = 0; at < points.x.length; at++) {
      if (hidden.has(points.color[at])) continue;
      const [px, py] = place(at);
      const far = (px - x) ** 2 + (py - y) ** 2;
      if (far < least) {
        least = far;
        best = at;
      }
    }
    return best;
  }

  // The nearest point in a direction, within 45 degrees of it.
  function step(dx, dy) {
    const visible = (at) => !hidden.has(points.color[at]);
    if (current < 0 || !visible(current)) return points.x.findIndex((_, at) => visible(at));
    let best = -1,
      least = Infinity;
    for (let at = 0; at < points.x.length; at++) {
      if (at === current || !visible(at)) continue;
      const x = points.x[at] - points.x[current],
        y = points.y[at] - points.y[current];
      const along = x * dx + y * dy,
        aside = Math.abs(x * dy) + Math.abs(y * dx);
      if (along <= 0 || aside > along) continue;
      const far = along + aside;
      if (far < least) {
        least = far;
        best = at;
      }
    }
    return best < 0 ? current : best;
  }

  function zoom(factor, x, y) {
    const { width, height } = size();
    const before = unit() * view.zoom;
    const next = Math.min(MOST_ZOOM, Math.max(1, view.zoom * factor));
    const after = unit() * next;
    // The point under the pointer stays under it.
    view.x += (x - width / 2) * (1 / before - 1 / after);
    view.y -= (y - height / 2) * (1 / before - 1 / after);
    view = next === 1 ? { x: 0, y: 0, zoom: 1 } : { ...view, zoom: next };
    draw();
  }

  function hover(at, x, y) {
    if (at === hovered && at < 0) return;
    hovered = at;
    tip.hidden = at < 0;
    if (at >= 0) {
      const show = (words) => {
        if (hovered === at) tip.textContent = words;
      };
      tip.textContent = "…";
      tip.style.left = `${Math.min(x + 14, size().width - 130)}px`;
      tip.style.top = `${y + 14}px`;
      onhover(at, show);
    }
    draw();
  }

  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    const [x, y] = at(event);
    drag = { x, y, view: { ...view }, isMoved: false };
    if (mode === "lasso" && !event.altKey) loop = [[x, y]];
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = at(event);
    if (!drag) {
      hover(find(x, y), x, y);
      return;
    }
    drag.isMoved ||= Math.hypot(x - drag.x, y - drag.y) > 5;
    if (loop) loop.push([x, y]);
    else {
      const scale = unit() * view.zoom;
      view.x = drag.view.x - (x - drag.x) / scale;
      view.y = drag.view.y + (y - drag.y) / scale;
    }
    draw();
  });
  canvas.addEventListener("pointerup", (event) => {
    const [x, y] = at(event);
    const done = drag,
      corners = loop;
    drag = loop = null;
    if (done && !done.isMoved) pick(find(x, y));
    else if (corners) choose(inside(corners));
    draw();
  });
  canvas.addEventListener("pointercancel", () => {
    drag = loop = null;
    draw();
  });
  canvas.addEventListener("pointerleave", () => hover(-1));
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      zoom(Math.exp(-event.deltaY / 300), ...at(event));
    },
    { passive: false },
  );
  canvas.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const { width, height } = size();
    if (event.key in moves) move(step(...moves[event.key]));
    else if (event.key === "Enter" && current >= 0) pick(current);
    else if (event.key === "+" || event.key === "=") zoom(1.5, width / 2, height / 2);
    else if (event.key === "-") zoom(1 / 1.5, width / 2, height / 2);
    else if (event.key === "Escape") choose([]);
    else return;
    event.preventDefault();
  });

  function move(next) {
    if (next < 0) return;
    current = next;
    const [x, y] = place(next);
    hover(next, x, y);
  }

  function pick(found) {
    if (found < 0) return;
    current = found;
    onpick(found);
    draw();
  }

  function choose(found) {
    chosen = new Set(found);
    onlasso([...chosen]);
    draw();
  }

  function inside(corners) {
    const path = new Path2D();
    corners.forEach(([x, y], number) => (number ? path.lineTo(x, y) : path.moveTo(x, y)));
    path.closePath();
    // In pixels of the page, whatever the screen's.
    context.setTransform(1, 0, 0, 1, 0, 0);
    const found = [];
    for (let number = 0; number < points.x.length; number++) {
      if (!hidden.has(points.color[number]) && context.isPointInPath(path, ...place(number)))
        found.push(number);
    }
    return found;
  }

  const watcher = new ResizeObserver(draw);
  watcher.observe(canvas);
  // The colors follow the theme.
  const themes = new MutationObserver(draw);
  themes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  return {
    element,
    draw: (next) => {
      points = next;
      chosen = new Set();
      current = hovered = -1;
      view = { x: 0, y: 0, zoom: 1 };
      tip.hidden = true;
      draw();
    },
    hide: (colors) => {
      hidden = new Set(colors);
      draw();
    },
    focusOn: (number) => {
      current = number;
      draw();
    },
    setMode: (next) => (mode = next),
    zoom: (factor) => zoom(factor, size().width / 2, size().height / 2),
    close: () => {
      watcher.disconnect();
      themes.disconnect();
    },
  };
}
