"""Search: Optuna picks settings inside the plan's ranges and gives up early on those whose online
probe lags behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskwright.studies.budget import planned, price_step
from maskwright.studies.ledger import Ledger
from maskwright.studies.plan import StudyPlan
from maskwright.studies.progress import QuietStream
from maskwright.studies.trial import QUIET
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_json
from maskwright.support.reporting import Reporter
from maskwright.workflows.loading.pictures import load
from maskwright.workflows.pretrain import complete, pretrain

PROBE = "knn_top1"
SEED = 0


@dataclass(frozen=True)
class Found:
    """The best settings of a search, the online probe they reached on held-out training pictures,
    and how many were tried and given up.
    """

    settings: Mapping[str, Any]
    value: float
    tried: int
    given_up: int


def search_settings(
    plan: StudyPlan, folder: Path, ledger: Ledger, count: int, reporter: Reporter
) -> Found:
    """Try settings until `count` trials of this search have ended, all at the plan's budget; those
    of earlier calls count.

    Chosen by k-NN on held-out training pictures, never on the test split, so the winner still has
    to stand in a study of its own. Raises MaskwrightError for a plan without ranges or data without
    labels.
    """
    if not plan.ranges:
        raise MaskwrightError(
            "The plan has no ranges to search; add `search: {lr: {low: 1e-4, high: 1e-2, log:"
            " true}}` to it."
        )
    study = ledger.open_search(SEED)
    ended = [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]
    for number in range(len(ended), count):
        reporter.progress(
            "search", number, count, f"best {PROBE} {_best(study):.3f}" if _has_best(study) else ""
        )
        ledger.run_search_trial(study, lambda trial: _try(plan, folder, trial, reporter))
    reporter.finish()
    return _conclude(study, folder, reporter)


def _try(plan: StudyPlan, folder: Path, trial: Any, reporter: Reporter) -> float | None:
    """Train once with chosen settings; returns the last value of the online probe, or None when it
    was given up.
    """
    chosen = {name: one.suggest(name, trial) for name, one in plan.ranges.items()}
    base = {**QUIET, "knn_every": 1, **plan.arm(plan.baseline).settings, **chosen}
    settings, source = complete(
        plan.settings(plan.arm(plan.baseline), SEED, **base), None, QuietStream(reporter)
    )
    pictures = load(settings.data, source, SEED, QuietStream(reporter))
    if pictures.held is None or pictures.train.labels is None or pictures.held.labels is None:
        raise MaskwrightError(
            "A search is led by k-NN on held-out pictures with labels; the data has none. Give"
            " labels, or val: 0.2, or val data with the same classes."
        )
    length, _ = planned(settings, pictures, price_step(settings, pictures), plan.budget)
    lags = False

    def watch(row: dict[str, Any]) -> bool:
        nonlocal lags
        if PROBE in row:
            trial.report(row[PROBE], row["epoch"])
            lags = trial.should_prune()
        return lags

    given = plan.settings(plan.arm(plan.baseline), SEED, **{**base, **length}).to_flat()
    out = folder / "search" / f"{trial.number:04d}"
    run = pretrain(
        **{**given, "out": out}, overwrite=out.exists(), reporter=QuietStream(reporter), watch=watch
    )
    if run.status["state"] != "finished":
        if not lags:
            raise KeyboardInterrupt
        return None
    return [row[PROBE] for row in run.metrics if PROBE in row][-1]


def _conclude(study: Any, folder: Path, reporter: Reporter) -> Found:
    trials = study.get_trials(deepcopy=False)
    if not _has_best(study):
        raise MaskwrightError(
            f"None of {len(trials)} trials of the search came to an end; see the log files in"
            f" {folder / 'search'}."
        )
    found = Found(
        study.best_params,
        _best(study),
        len(trials),
        sum(trial.state.name == "PRUNED" for trial in trials),
    )
    write_json(
        folder / "search.json",
        {
            "probe": f"{PROBE} on held-out training pictures",
            "best": {"settings": dict(found.settings), "value": found.value},
            "trials": [
                {
                    "number": one.number,
                    "state": one.state.name.lower(),
                    "settings": one.params,
                    "value": one.value,
                }
                for one in trials
            ],
        },
    )
    words = ", ".join(f"{name} {value}" for name, value in found.settings.items())
    reporter.say(
        f"Best of {found.tried} ({found.given_up} given up early): {words}; {PROBE}"
        f" {found.value:.3f} on held-out training pictures"
    )
    reporter.say(
        f"Written to {folder / 'search.json'}; add these settings to the plan as an arm to see"
        " whether the gain is real"
    )
    return found


def _has_best(study: Any) -> bool:
    return any(trial.state.name == "COMPLETE" for trial in study.get_trials(deepcopy=False))


def _best(study: Any) -> float:
    return float(study.best_value)
