// The shell: navigation, messages, and one room at a time.
import * as api from "./api.js";

const place = document.getElementById("room");
const messages = {
  alert: document.getElementById("alert"),
  status: document.getElementById("status"),
};
let studio = null;
let leave = null; // what the present room left to be done when it goes
let turn = 0; // counts rooms, so that one that loads slowly does not replace a later one
let shown = ""; // the address that the present room has

function show(kind, text, seconds) {
  const box = messages[kind];
  box.textContent = text;
  box.hidden = !text;
  clearTimeout(box.timer);
  if (text) box.timer = setTimeout(() => (box.hidden = true), 1000 * seconds);
}

export const say = (text) => show("status", text, 4);

export function fail(error) {
  if (api.isOutdated(error)) return;
  show("alert", error.message || String(error), 12);
}

// #/paint?model=...: the room's name and its parameters.
function readAddress() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return { name: path || studio.rooms[0].name, params: new URLSearchParams(query) };
}

function setParams(values) {
  const { name, params } = readAddress();
  for (const [key, value] of Object.entries(values)) {
    if (value === null || value === undefined || value === "") params.delete(key);
    else params.set(key, value);
  }
  const query = params.toString();
  shown = `#/${name}${query ? "?" + query : ""}`;
  // Without a step in the browser's history: going back leads to another room.
  history.replaceState(null, "", shown);
}

async function enter() {
  if (location.hash === shown && leave) return;
  const { name, params } = readAddress();
  const room = studio.rooms.find((item) => item.name === name) || studio.rooms[0];
  const mine = ++turn;
  shown = location.hash;
  leave?.();
  leave = null;
  for (const link of document.querySelectorAll("#rooms a")) {
    const isHere = link.dataset.room === room.name;
    if (isHere) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    // On a phone the bar is wider than the screen.
    if (isHere) link.scrollIntoView({ block: "nearest", inline: "center" });
  }
  document.title = `${room.title} - maskwright studio`;
  try {
    const module = await import(`./rooms/${room.name}.js`);
    if (mine !== turn) return;
    place.replaceChildren();
    place.className = `room-${room.name}`;
    leave = module.mount(place, { api, studio, params, setParams, say, fail }) || (() => {});
  } catch (error) {
    fail(error);
  }
}

async function start() {
  try {
    studio = await api.get("/api/studio");
  } catch (error) {
    fail(error);
    return;
  }
  const links = studio.rooms.map((room) => {
    const link = document.createElement("a");
    link.href = `#/${room.name}`;
    link.dataset.room = room.name;
    link.textContent = room.title;
    return link;
  });
  document.getElementById("rooms").replaceChildren(...links);
  addEventListener("hashchange", enter);
  await enter();
}

addEventListener("unhandledrejection", (event) => fail(event.reason));
start();
