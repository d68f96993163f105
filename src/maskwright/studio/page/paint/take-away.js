// Taking it away: a link that restores the state, the command that repeats it, and four files.
import { download, h } from "../elements.js";
import { pack } from "./mask.js";

export function writeLink(room) {
  const { policy } = room;
  room.setParams({
    model: room.models[0],
    beside: room.models[1],
    picture: room.picture,
    mask: policy ? null : pack(String(room.mask)),
    policy: policy?.policy,
    ratio: policy?.ratio,
    seed: policy?.seed,
  });
}

export function copyLink(room) {
  writeLink(room);
  const lasts = room.picture.startsWith("u")
    ? " It works as long as this studio runs and keeps the picture."
    : "";
  copy(room, location.href, `The link is copied.${lasts}`);
}

export async function copy(room, text, message) {
  try {
    await navigator.clipboard.writeText(text);
    room.say(message);
  } catch {
    room.fail(new Error(`The browser does not let the studio copy. Here it is: ${text}`));
  }
}

function askSheet(room) {
  if (!room.mask.isMixed || !room.picture)
    throw new Error("Hide some patches and leave some visible first.");
  return room.api.post("/api/paint/sheet", {
    models: room.chosen,
    picture: room.picture,
    mask: String(room.mask),
    ...room.policy,
  });
}

function showSheet(room, made) {
  room.commandText.textContent = made.command;
  room.commandBox.hidden = false;
}

export async function showCommand(room) {
  const made = await askSheet(room);
  showSheet(room, made);
  const files = [
    made.command.includes("-mask.png") && "the mask",
    made.needs_picture && "the picture",
  ].filter(Boolean);
  if (files.length)
    room.say(`Run it where ${files.join(" and ")} of Download lie${files.length > 1 ? "" : "s"}.`);
}

export async function saveFiles(room) {
  room.say("Drawing the sheet ...");
  const made = await askSheet(room);
  showSheet(room, made);
  const picture = await room.api.blobOf(
    `/api/paint/picture?model=${room.models[0]}&picture=${room.picture}`,
  );
  const numbers = { ...made.numbers, command: made.command };
  download(toBlob(made.sheet), `${made.stem}-sheet.png`);
  download(await maskFile(room, made.mask), `${made.stem}-mask.png`);
  download(picture, `${made.stem}-picture.png`);
  download(
    new Blob([JSON.stringify(numbers, null, 2)], { type: "application/json" }),
    `${made.stem}.json`,
  );
  room.say("Four files are downloaded.");
}

// White is hidden; a whole square of pixels for each patch.
function maskFile(room, bits) {
  const { rows, cols, patch_size: side } = room.shapes[0];
  const canvas = h("canvas", { width: cols * side, height: rows * side });
  const pen = canvas.getContext("2d");
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = "#fff";
  for (let at = 0; at < rows * cols; at++)
    if (bits[at] === "1")
      pen.fillRect((at % cols) * side, Math.floor(at / cols) * side, side, side);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

// A data address as a file; fetching it would be a request that the page may not make.
function toBlob(address) {
  const [head, data] = address.split(",");
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  return new Blob([bytes], { type: head.match(/data:(.*);/)[1] });
}
