// Studies: how far each is, what its arms reach, and its report.
import { short } from "../chart.js";
import { h } from "../elements.js";
import { repeat } from "../repeat.js";

export const title = "Studies";

const SECONDS = 3;

export function mount(element, { api, params, setParams, fail }) {
  let chosen = params.get("study");
  let isGone = false;
  let seen = ""; // what the report was last loaded for
  const picks = h("nav", { class: "picks", "aria-label": "Studies" });
  const about = h("div", { class: "stack" });
  const frame = h("iframe", { class: "report", title: "Report of the study", sandbox: "" });
  const reportLink = h("a", { target: "_blank", rel: "noopener" }, "Open the report alone");
  const report = h(
    "section",
    { class: "stack", hidden: true },
    h("div", { class: "spread" }, h("h2", {}, "Report"), reportLink),
    frame,
  );
  const empty = h("p", { class: "panel empty", hidden: true });
  const side = h("div", { class: "side" }, picks, h("div", { class: "stack" }, about, report));
  element.append(h("div", { class: "stack" }, h("h1", {}, title), empty, side));

  async function load() {
    const found = await api.get("/api/studies/list");
    if (isGone) return;
    side.hidden = !found.studies.length;
    empty.hidden = !side.hidden;
    empty.textContent = `There is no study below ${found.folder}. maskwright compare PHOTOS --policies "random; block(size=2)" makes one; --studies names another folder.`;
    if (!found.studies.some((item) => item.study === chosen)) chosen = found.studies[0]?.study;
    drawPicks(found.studies);
    const entry = found.studies.find((item) => item.study === chosen);
    if (!entry || entry.error) return;
    const view = await api.get(`/api/studies/progress?${new URLSearchParams({ study: chosen })}`);
    if (isGone || entry.study !== chosen) return;
    drawStudy(view);
  }

  function drawPicks(studies) {
    const focused = document.activeElement?.dataset?.study;
    picks.replaceChildren(
      ...studies.map((item) => {
        const state = item.error
          ? "cannot be read"
          : item.running
            ? "running"
            : item.waiting
              ? "not finished"
              : item.failed
                ? "finished, some failed"
                : "finished";
        const name =
          item.error || item.failed
            ? "failed"
            : item.running
              ? "running"
              : item.waiting
                ? "waiting"
                : "done";
        return h(
          "button",
          {
            type: "button",
            "data-study": item.study,
            "aria-pressed": String(item.study === chosen),
            onclick: () => pick(item.study),
          },
          h("b", {}, item.name),
          h(
            "span",
            { class: `state small soft ${name}` },
            item.error ? state : `${item.done} of ${item.trials} trials, ${state}`,
          ),
          item.error ? h("span", { class: "small" }, item.error) : null,
        );
      }),
    );
    if (focused) picks.querySelector(`[data-study="${CSS.escape(focused)}"]`)?.focus();
  }

  function pick(study) {
    chosen = study;
    setParams({ study });
    about.replaceChildren();
    load().catch(fail);
  }

  function drawStudy(view) {
    const trials = new Map(view.trials.map((trial) => [`${trial.seed} ${trial.arm}`, trial]));
    const done = view.trials.filter((trial) => trial.state === "done").length;
    const head = h(
      "tr",
      {},
      h("th", { scope: "col" }, "arm"),
      ...view.seeds.map((seed) => h("th", { scope: "col" }, `seed ${seed}`)),
      h("th", { scope: "col", class: "number" }, "mean"),
    );
    const lines = view.arms.map((arm) => {
      const cells = view.seeds.map((seed) => h("td", {}, ...cell(trials.get(`${seed} ${arm}`))));
      const values = view.seeds
        .map((seed) => trials.get(`${seed} ${arm}`)?.value)
        .filter((value) => value !== null && value !== undefined);
      // Over fewer seeds than other arms have, a mean would compare other things.
      const mean =
        values.length === view.seeds.length
          ? values.reduce((sum, value) => sum + value, 0) / values.length
          : null;
      return h(
        "tr",
        {},
        h(
          "th",
          { scope: "row" },
          arm,
          arm === view.baseline ? h("span", { class: "same" }, " (baseline)") : "",
        ),
        ...cells,
        h("td", { class: "number" }, short(mean)),
      );
    });
    about.replaceChildren(
      h(
        "section",
        { class: "panel stack" },
        h("h2", {}, view.name),
        view.question ? h("p", { class: "soft" }, view.question) : null,
        h(
          "label",
          { class: "field" },
          h("span", { class: "label" }, `${done} of ${view.trials.length} trials`),
          h("progress", { max: view.trials.length, value: done }),
        ),
        view.answer.length
          ? h("ul", { class: "answer" }, ...view.answer.map((line) => h("li", {}, line)))
          : null,
        h(
          "div",
          { class: "scroll", tabindex: 0, role: "region", "aria-label": "Arms and seeds" },
          h(
            "table",
            { class: "arms" },
            h("caption", { class: "sr" }, `${view.metric} by arm and seed`),
            h("thead", {}, head),
            h("tbody", {}, ...lines),
          ),
        ),
        h(
          "p",
          { class: "soft small" },
          `Numbers are ${view.metric}, ${view.larger_is_better ? "larger" : "smaller"} is better.`,
        ),
        view.has_plan && done > 1
          ? h(
              "p",
              {},
              h(
                "a",
                { href: `#/vote?new=${encodeURIComponent(chosen)}` },
                "Let people compare these arms",
              ),
            )
          : null,
      ),
    );
    report.hidden = !view.has_report;
    const now = `${chosen} ${done} ${view.answer.join()}`;
    // Loaded again only when there is something new: whoever reads it keeps the place.
    if (view.has_report && now !== seen) {
      seen = now;
      frame.src = reportLink.href = `/api/studies/report?${new URLSearchParams({ study: chosen })}`;
    }
  }

  function cell(trial) {
    if (!trial) return ["–"];
    const minutes = trial.minutes
      ? h("span", { class: "soft small" }, ` ${short(trial.minutes)} min`)
      : "";
    if (trial.state === "done")
      return [h("span", { class: "state done" }, short(trial.value)), minutes];
    if (trial.state === "failed")
      return [
        h("span", { class: "state failed" }, "failed"),
        h("div", { class: "small soft" }, trial.error || ""),
      ];
    if (!trial.total_steps) return [h("span", { class: `state ${trial.state}` }, trial.state)];
    const words = `${trial.state}, step ${short(trial.step)} of ${short(trial.total_steps)}`;
    const loss =
      trial.loss === null ? "" : h("div", { class: "small soft" }, `loss ${short(trial.loss)}`);
    return [
      h("span", { class: `state ${trial.state}` }, words),
      h("progress", {
        class: "meter",
        max: trial.total_steps,
        value: trial.step,
        "aria-label": words,
      }),
      loss,
    ];
  }

  const stop = repeat(load, SECONDS, fail);
  return () => {
    isGone = true;
    stop();
  };
}
