// Requests to the studio. Every mistake becomes an Error whose message is a sentence for people.

// Each open page has a name of its own: the server drops what the same page has asked anew.
const page = crypto.randomUUID ? crypto.randomUUID() : String(Math.random()).slice(2);

export class Outdated extends Error {}

export const get = (path, options = {}) => request(path, options);

export const post = (path, body, options = {}) =>
  request(path, {
    ...options,
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

// Send a File or Blob as it is.
export const upload = (path, blob, name = blob.name || "pasted.png") =>
  request(path, {
    method: "POST",
    headers: { "content-type": "application/octet-stream", "x-name": encodeURIComponent(name) },
    body: blob,
  });

// The answer as a Blob, for downloads.
export const blobOf = (path, options = {}) => request(path, options, (answer) => answer.blob());

export async function request(path, options = {}, read = (answer) => answer.json()) {
  const headers = { "x-studio-page": page, ...options.headers };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The studio does not answer. Is it still running where you started it?");
  }
  if (answer.ok) return read(answer);
  if (answer.status === 409) throw new Outdated("outdated");
  let text = `The studio refused this (${answer.status}).`;
  try {
    text = (await answer.json()).error || text;
  } catch {
    // An answer that is not JSON has no sentence of its own.
  }
  throw new Error(text);
}

// Whether an error only says that something newer was asked for.
export const isOutdated = (error) => error instanceof Outdated || error.name === "AbortError";
