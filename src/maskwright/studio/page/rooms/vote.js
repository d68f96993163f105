// Vote: two fills of the same masked picture; which is better? Models are named after the end alone.
import { intervalChart } from "../chart.js";
import { download, field, h, select } from "../elements.js";

export const title = "Vote";

const KEYS = {
  ArrowLeft: "left",
  1: "left",
  ArrowRight: "right",
  2: "right",
  ArrowDown: "tie",
  0: "tie",
  3: "tie",
  Backspace: "back",
};
const percent = (value) => `${Math.round(100 * value)}%`;
const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

export function mount(element, { api, studio, params, setParams, fail, say }) {
  let vote = params.get("vote");
  let onkey = null;
  const place = h("div", { class: "narrow stack" });
  element.append(place);
  const listen = (event) => {
    const isTyping = /^(input|select|textarea)$/i.test(event.target.tagName);
    if (onkey && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) onkey(event);
  };
  addEventListener("keydown", listen);

  // One page of the room at a time.
  function show(...children) {
    onkey = null;
    place.replaceChildren(...children.flat().filter(Boolean));
  }
  const go = (next) => {
    vote = next;
    setParams({ vote, new: null });
    return open();
  };
  const guard = (work) => () => Promise.resolve(work()).catch(fail);

  async function list() {
    const { votes } = await api.get("/api/vote/list");
    show(
      h(
        "div",
        { class: "spread" },
        h("h1", {}, title),
        h(
          "button",
          { type: "button", class: "primary", onclick: guard(() => form("")) },
          "New vote",
        ),
      ),
      h(
        "p",
        { class: "soft" },
        "People see the same masked picture filled in twice, and say which fill is better. Which model made which is hidden until the vote ends.",
      ),
      votes.length
        ? h("ul", { class: "cards" }, ...votes.map(card))
        : h("p", { class: "panel empty" }, "No vote yet."),
    );
  }

  function card(item) {
    const words = `${plural(item.pictures, "picture")}, ${plural(item.raters, "rater")}, ${plural(item.votes, "vote")}`;
    return h(
      "li",
      { class: "panel spread" },
      h(
        "div",
        {},
        h("h2", {}, item.title),
        h(
          "span",
          { class: `state small soft ${item.is_open ? "running" : "finished"}` },
          `${item.is_open ? "open" : "ended"}, ${words}`,
        ),
      ),
      h(
        "button",
        {
          type: "button",
          onclick: guard(() => go(item.vote)),
          "aria-label": `${item.is_open ? "Vote" : "Results"}: ${item.title}`,
        },
        item.is_open ? "Vote" : "Results",
      ),
    );
  }

  async function form(study) {
    const choices = await api.get("/api/vote/choices");
    const free = choices.studies.filter((item) => !item.has_vote);
    if (choices.studies.some((item) => item.study === study && item.has_vote))
      say("There is a vote about this study already");
    const name = h("input", { type: "text", value: "Which fill looks right?", maxlength: 120 });
    const about = select(
      [["", "models of this studio"], ...free.map((item) => [item.study, `arms of ${item.study}`])],
      free.some((item) => item.study === study) ? study : "",
      draw,
    );
    const seeds = h("select", {});
    const seedField = field("Seed of the arms", seeds);
    const models = studio.models.map((model, at) =>
      h(
        "label",
        { class: "check" },
        h("input", { type: "checkbox", value: model.id, checked: at < 2 }),
        model.label,
      ),
    );
    const modelField = h(
      "fieldset",
      { class: "options wide" },
      h("legend", { class: "label" }, "Models (two to eight)"),
      ...models,
    );
    const data = select(
      choices.data.map((path, at) => [String(at), path.split("/").filter(Boolean).at(-1)]),
      "0",
      () => {},
    );
    const count = h("input", { type: "number", min: 2, max: 200, value: 20 });
    const policy = h("input", { type: "text", value: "random" });
    const ratio = h("input", { type: "number", min: 0.05, max: 0.95, step: 0.05, value: 0.75 });
    const seed = h("input", { type: "number", min: 0, value: 0 });
    const most = h("input", { type: "number", min: 1, value: 60 });
    const original = h("input", { type: "checkbox" });
    const make = h("button", { type: "submit", class: "primary" }, "Make the vote");
    function draw() {
      const found = free.find((item) => item.study === about.value);
      seeds.replaceChildren(
        ...(found?.seeds || []).map((number) => h("option", {}, String(number))),
      );
      seedField.hidden = !found;
      modelField.hidden = Boolean(found);
    }
    draw();
    async function submit(event) {
      event.preventDefault();
      make.disabled = true;
      make.textContent = "Filling in the pictures ...";
      try {
        const body = {
          title: name.value,
          data: Number(data.value || 0),
          count: Number(count.value),
          policy: policy.value,
          ratio: Number(ratio.value),
          seed: Number(seed.value),
          per_rater: Number(most.value),
          show_original: original.checked,
          models: models
            .map((label) => label.firstChild)
            .filter((box) => box.checked)
            .map((box) => box.value),
        };
        if (about.value)
          Object.assign(body, { study: about.value, study_seed: Number(seeds.value) });
        await go((await api.post("/api/vote/make", body)).vote);
      } catch (error) {
        make.disabled = false;
        make.textContent = "Make the vote";
        fail(error);
      }
    }
    show(
      h("div", { class: "spread" }, h("h1", {}, "New vote"), back()),
      choices.data.length
        ? null
        : h(
            "p",
            { class: "panel" },
            "The studio has no pictures to vote about: start it with --data PHOTOS.",
          ),
      h(
        "form",
        { class: "panel form", onsubmit: submit },
        h("div", { class: "wide" }, field("Title, which raters see (name no model)", name)),
        field("About", about),
        seedField,
        modelField,
        field("Pictures of", data),
        field("How many pictures", count),
        field("Masked by", policy),
        field("Ratio", ratio),
        field("Seed", seed),
        field("Questions per rater, at most", most),
        h(
          "label",
          { class: "check wide" },
          original,
          "Show the whole picture too, and ask which fill is nearer to it",
        ),
        h(
          "p",
          { class: "soft small wide" },
          "Pictures that none of the runs was trained on are taken first.",
        ),
        h("div", { class: "wide" }, make),
      ),
    );
    name.focus();
  }

  const back = () =>
    h(
      "button",
      {
        type: "button",
        onclick: guard(() => {
          vote = null;
          setParams({ vote: null, new: null });
          return list();
        }),
      },
      "All votes",
    );

  async function open() {
    const state = await api.get(`/api/vote/${vote}/state`);
    if (!state.is_open) return results();
    const secret = recall();
    if (!secret) return join(state);
    return ask(state, { secret }).catch((error) => {
      forget();
      fail(error);
      return join(state);
    });
  }

  function join(state) {
    const name = h("input", { type: "text", maxlength: 60, autocomplete: "off" });
    async function submit(event) {
      event.preventDefault();
      const { secret } = await api.post(`/api/vote/${vote}/join`, { name: name.value });
      keep(secret);
      await ask(state, { secret });
    }
    show(
      h("div", { class: "spread" }, h("h1", {}, state.title), back()),
      h(
        "form",
        { class: "panel stack", onsubmit: (event) => submit(event).catch(fail) },
        h(
          "p",
          {},
          `${plural(state.questions, "question")}. Each shows one masked picture, filled in twice. Say which fill is better, or that you can't tell. Every answer counts, also a quick one.`,
        ),
        h(
          "p",
          { class: "soft" },
          h("kbd", {}, "←"),
          " left, ",
          h("kbd", {}, "→"),
          " right, ",
          h("kbd", {}, "↓"),
          " can't tell, ",
          h("kbd", {}, "⌫"),
          " back; or touch.",
        ),
        field("Your name or initials", name),
        h("div", { class: "row" }, h("button", { type: "submit", class: "primary" }, "Begin")),
      ),
      ending(state),
    );
    name.focus();
  }

  // The next question, after an answer or a step back.
  async function ask(state, body) {
    const { question } = await api.post(`/api/vote/${vote}/ask`, body);
    if (!question) return thank(await api.get(`/api/vote/${vote}/state`));
    const parts = state.show_original
      ? ["left", "right", "masked", "original"]
      : ["left", "right", "masked"];
    const images = Object.fromEntries(
      parts.map((part) => [
        part,
        h("img", { src: `/api/vote/${vote}/picture/${question.token}/${part}`, alt: "" }),
      ]),
    );
    // All at once: whoever sees one side first may prefer it.
    await Promise.all(Object.values(images).map((image) => image.decode()));
    let isSent = false;
    const answer = (choice) => {
      if (isSent) return;
      if (choice === "back" && question.number === 1) return;
      isSent = true;
      const next = choice === "back" ? { back: true } : { token: question.token, answer: choice };
      ask(state, { secret: body.secret, ...next }).catch((error) => {
        isSent = false;
        fail(error);
      });
    };
    const side = (part, words, key) =>
      h(
        "button",
        { type: "button", onclick: () => answer(part), "aria-label": `${words} is better` },
        images[part],
        h("span", {}, `${words} `, h("kbd", { "aria-hidden": "true" }, key)),
      );
    show(
      h(
        "div",
        { class: "spread" },
        h("h1", {}, state.title),
        h(
          "span",
          { class: "soft", role: "status" },
          `Question ${question.number} of ${question.total}`,
        ),
      ),
      h("progress", { max: question.total, value: question.number - 1, "aria-label": "Answered" }),
      h(
        "p",
        {},
        state.show_original
          ? "Which fill is nearer to the picture?"
          : "Which fill looks more like a real picture?",
      ),
      h("div", { class: "ballot" }, side("left", "Left", "←"), side("right", "Right", "→")),
      h(
        "div",
        { class: "row" },
        h(
          "button",
          { type: "button", class: "grow", onclick: () => answer("tie") },
          "Can't tell ",
          h("kbd", { "aria-hidden": "true" }, "↓"),
        ),
        h(
          "button",
          { type: "button", disabled: question.number === 1, onclick: () => answer("back") },
          "Back ",
          h("kbd", { "aria-hidden": "true" }, "⌫"),
        ),
      ),
      h(
        "div",
        { class: "hint" },
        h("figure", {}, images.masked, "What was visible"),
        state.show_original ? h("figure", {}, images.original, "The picture") : null,
      ),
    );
    onkey = (event) => {
      if (!(event.key in KEYS)) return;
      event.preventDefault();
      answer(KEYS[event.key]);
    };
  }

  function thank(state) {
    show(
      h("div", { class: "spread" }, h("h1", {}, "Thank you"), back()),
      h(
        "p",
        { class: "panel", role: "status" },
        `All your answers are kept. ${state.finished} of ${plural(state.raters, "rater")} ${state.finished === 1 ? "has" : "have"} answered everything, ${plural(state.votes, "vote")} so far.`,
      ),
      ending(state),
    );
    place.querySelector("summary")?.focus();
  }

  function ending(state) {
    const close = guard(async () => {
      await api.post(`/api/vote/${vote}/close`, {});
      say("The vote has ended");
      await results();
    });
    return h(
      "details",
      { class: "panel stack" },
      h("summary", {}, "End the vote"),
      h(
        "p",
        {},
        `No more answers are taken then, and the results with the models' names become public. So far: ${plural(state.votes, "vote")} by ${plural(state.raters, "rater")}.`,
      ),
      h(
        "button",
        { type: "button", onclick: close, disabled: !state.votes },
        "End it and show the results",
      ),
    );
  }

  async function results() {
    const found = await api.get(`/api/vote/${vote}/results`);
    const pairs = found.pairs.map((pair) => ({
      name: `${pair.first} against ${pair.second}`,
      ...pair.rate,
      note: `${pair.verdict} (${plural(pair.ties, "tie")}, p after Holm ${pair.holm < 0.001 ? "< 0.001" : pair.holm.toFixed(3)})`,
    }));
    const scores = Object.entries(found.scores)
      .sort((a, b) => b[1].value - a[1].value)
      .map(([name, score]) => ({ name, ...score }));
    const agreement = found.agreement
      ? `Raters agree with Krippendorff's alpha ${found.agreement.alpha.value.toFixed(2)} [${found.agreement.alpha.low.toFixed(2)}, ${found.agreement.alpha.high.toFixed(2)}] on ${plural(found.agreement.items, "question")} that several answered; ${percent(found.agreement.same)} of their answers are the same.`
      : "No question was answered by two raters in different ways, so agreement cannot be measured.";
    const save = guard(async () =>
      download(await api.blobOf(`/api/vote/${vote}/votes.csv`), "votes.csv"),
    );
    show(
      h(
        "div",
        { class: "spread" },
        h("h1", {}, found.title),
        h(
          "div",
          { class: "row" },
          h("button", { type: "button", onclick: save }, "Votes as CSV"),
          back(),
        ),
      ),
      h(
        "p",
        { class: "soft" },
        `${plural(found.votes, "vote")} by ${plural(found.raters, "rater")} on ${plural(found.pictures, "picture")}, masked by ${found.policy} ${found.ratio}; ${found.ties}.`,
      ),
      h(
        "section",
        { class: "panel" },
        intervalChart({
          label: "How often the first was preferred, with 95% intervals",
          rows: pairs,
          middle: 0.5,
          low: 0,
          high: 1,
          format: percent,
        }),
      ),
      scores.length
        ? h(
            "section",
            { class: "panel" },
            intervalChart({
              label: "Scores by Bradley and Terry: log odds of being preferred to the average",
              rows: scores,
              middle: 0,
              format: (value) => value.toFixed(2),
            }),
          )
        : null,
      h(
        "section",
        { class: "panel stack" },
        h("h2", {}, "Raters"),
        h("p", {}, agreement),
        found.left
          ? h(
              "p",
              { class: "soft" },
              `The left side was preferred in ${percent(found.left.value)} [${percent(found.left.low)}, ${percent(found.left.high)}] of votes; without a habit it is half.`,
            )
          : null,
      ),
      h(
        "details",
        { class: "panel" },
        h("summary", {}, "In words"),
        h("ul", { class: "answer" }, ...found.lines.map((line) => h("li", {}, line))),
      ),
    );
  }

  const keep = (secret) => {
    try {
      localStorage.setItem(`vote-${vote}`, secret);
    } catch {
      /* then it is for this visit */
    }
  };
  const forget = () => {
    try {
      localStorage.removeItem(`vote-${vote}`);
    } catch {
      /* nothing was kept */
    }
  };
  const recall = () => {
    try {
      return localStorage.getItem(`vote-${vote}`);
    } catch {
      return null;
    }
  };

  const first = params.has("new") ? form(params.get("new")) : vote ? open() : list();
  first.catch((error) => {
    fail(error);
    vote = null;
    setParams({ vote: null });
    list().catch(fail);
  });
  return () => removeEventListener("keydown", listen);
}
