"""Search: Optuna picks settings inside the plan's ranges, and gives up early on those that lag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskwright.studies.ledger import Ledger
from maskwright.studies.plan import StudyPlan
from maskwright.studies.progress import QuietStream
from maskwright.studies.step_cost import cost_of_step, planned
from maskwright.studies.storage import run_search_trial
from maskwright.studies.trial import QUIET
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_json
from maskwright.support.reporting import Reporter
from maskwright.workflows.loading.pictures import load
from maskwright.workflows.pretrain import complete, pretrain

PROBE = "knn_top1"
"""The column of metrics.jsonl that leads the search."""
SEED = 0


@dataclass(frozen=True)
class SearchResult:
    """What a search ended with.

    settings: the best ones.
    value: what the online probe reached with them on held-out training pictures.
    tried: how many trials there were.
    given_up: how many of them were ended early.
    """

    settings: Mapping[str, Any]
    value: float
    tried: int
    given_up: int


def search_settings(
    plan: StudyPlan, folder: Path, ledger: Ledger, count: int, reporter: Reporter
) -> SearchResult:
    """Try settings until `count` trials of this search have ended, those of earlier calls counted.

    All are trained at the plan's budget. They are judged by k-NN on held-out training pictures,
    never on the test split, so the winner still has to stand in a study of its own.

    Raises MaskwrightError for a plan without ranges or data without
    labels.
    """
    # A plan for arms alone has nothing to search.
    if not plan.ranges:
        raise MaskwrightError(
            "The plan has no ranges to search; add `search: {lr: {low: 1e-4, high: 1e-2, log:"
            " true}}` to it."
        )
    study = ledger.open_search(SEED)
    # Trials that another process runs now are neither counted nor waited for.
    ended = [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]
    for number in range(len(ended), count):
        best = f"best {PROBE} {_best(study):.3f}" if _has_best(study) else ""
        reporter.progress("search", number, count, best)
        run_search_trial(study, lambda trial: _try(plan, folder, trial, reporter))
    reporter.finish()
    return _conclude(study, folder, reporter)


def _try(plan: StudyPlan, folder: Path, trial: Any, reporter: Reporter) -> float | None:
    """Train once with the settings that a trial suggests.

    Returns the last value of the online probe, or None when the training was given up.
    """
    arm = plan.arm(plan.baseline)
    quiet = QuietStream(reporter)
    # The baseline arm with what the trial suggests; the probe runs after every epoch.
    suggested = {name: limits.suggest(name, trial) for name, limits in plan.ranges.items()}
    changes = {**QUIET, "knn_every": 1, **arm.settings, **suggested}
    settings, source = complete(plan.settings(arm, SEED, **changes), None, quiet)
    # Loaded again for every trial: suggested settings may change the pictures' size.
    pictures = load(settings.data, source, SEED, quiet)
    if pictures.held is None or pictures.train.labels is None or pictures.held.labels is None:
        raise MaskwrightError(
            "A search is led by k-NN on held-out pictures with labels; the data has none. Give"
            " labels, or val: 0.2, or val data with the same classes."
        )
    # Suggested settings change what a step costs, so each trial has its own length.
    length, _ = planned(settings, pictures, cost_of_step(settings, pictures), plan.budget)
    lags = False

    def watch(row: dict[str, Any]) -> bool:
        """Report to Optuna; True ends the training."""
        nonlocal lags
        if PROBE in row:
            trial.report(row[PROBE], row["epoch"])
            lags = trial.should_prune()
        return lags

    flat = plan.settings(arm, SEED, **{**changes, **length}).to_flat()
    out = folder / "search" / f"{trial.number:04d}"
    flat |= {"out": out, "overwrite": out.exists(), "checkup": False}
    run = pretrain(**flat, reporter=quiet, watch=watch)
    if run.status["state"] != "finished":
        # Ended by Optuna, or by somebody who wants the whole search to stop.
        if not lags:
            raise KeyboardInterrupt
        return None
    return [row[PROBE] for row in run.metrics if PROBE in row][-1]


def _conclude(study: Any, folder: Path, reporter: Reporter) -> SearchResult:
    """Write search.json and say what was best."""
    trials = study.get_trials(deepcopy=False)
    if not _has_best(study):
        raise MaskwrightError(
            f"None of {len(trials)} trials of the search came to an end; see the log files in"
            f" {folder / 'search'}."
        )
    given_up = sum(trial.state.name == "PRUNED" for trial in trials)
    result = SearchResult(study.best_params, _best(study), len(trials), given_up)
    rows = [
        {
            "number": trial.number,
            "state": trial.state.name.lower(),
            "settings": trial.params,
            "value": trial.value,
        }
        for trial in trials
    ]
    write_json(
        folder / "search.json",
        {
            "probe": f"{PROBE} on held-out training pictures",
            "best": {"settings": dict(result.settings), "value": result.value},
            "trials": rows,
        },
    )
    # In a line that can be copied into a plan.
    words = ", ".join(f"{name} {value}" for name, value in result.settings.items())
    reporter.say(
        f"Best of {result.tried} ({result.given_up} given up early): {words}; {PROBE}"
        f" {result.value:.3f} on held-out training pictures"
    )
    reporter.say(
        f"Written to {folder / 'search.json'}; add these settings to the plan as an arm to see"
        " whether the gain is real"
    )
    return result


def _has_best(study: Any) -> bool:
    return any(trial.state.name == "COMPLETE" for trial in study.get_trials(deepcopy=False))


def _best(study: Any) -> float:
    return float(study.best_value)
