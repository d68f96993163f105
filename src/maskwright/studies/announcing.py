"""What is said of a study before it runs: its arms, what each will spend, and how long it takes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from maskwright.studies.budget import COMPUTE_HEAD, compute_rows
from maskwright.studies.design import PLAN, Design
from maskwright.studies.forecast import find_rate, forecast
from maskwright.studies.loading_time import LoadingTime, time_loading
from maskwright.studies.plan import StudyPlan
from maskwright.studies.report.notes import rate_words
from maskwright.studies.scorers import pretrained_folder
from maskwright.studies.trial import kept_records
from maskwright.support.plurals import count_of
from maskwright.support.reporting import Reporter
from maskwright.support.text_table import format_table


def report_design(plan: StudyPlan, design: Design, folder: Path, reporter: Reporter) -> None:
    """Say what is compared and what every arm will spend, in all currencies."""
    matched = f"matched at {plan.budget}" if plan.budget else "each as long as its settings say"
    arms, seeds = count_of(len(plan.arms), "arm"), count_of(len(plan.seeds), "seed")
    reporter.say(f"{plan.question or plan.name}  ({arms}, {seeds}, {matched}; {folder})")
    # The price of every arm side by side, so that an unfair comparison is seen.
    for line in format_table(compute_rows(design.costs), head=COMPUTE_HEAD, numbers=True):
        reporter.say(line)
    if design.rates:
        reporter.say(rate_words(design.rates))
    reporter.say(
        f"Verdicts are about {plan.measures.main_metric.name}; other metrics are exploratory"
    )
    # The only budget that is not the same amount of work on another day.
    if plan.budget is not None and plan.budget.currency == "minutes":
        reporter.warn(
            "minutes depend on what else this machine does; flops, tokens, images and steps do not"
        )


def report_kept_seeds(
    plan: StudyPlan, asked: Sequence[int], folder: Path, reporter: Reporter
) -> None:
    """Say that seeds which a study was begun with stay, where fewer are asked for now."""
    kept = [str(seed) for seed in plan.seeds if seed not in asked]
    if kept:
        reporter.warn(
            f"The study in {folder} was begun with more seeds, and they stay: {', '.join(kept)}. To"
            f" end with fewer, take them out of {folder / PLAN} and run again with --rebuild."
        )


def report_forecast(plan: StudyPlan, design: Design, folder: Path, reporter: Reporter) -> None:
    """Say how long the missing trials will take here, and what they will write."""
    finished = [trial for trial in kept_records(folder) if trial.state == "done"]
    done = {trial.key for trial in finished}
    # Arms whose weights are missing here take no time.
    missing = [key for key in plan.keys if key not in done and key[0] in design.costs]
    # Scorers share a frozen run, so that each seed pretrains once for arms that pretrain alike.
    if plan.select is not None:
        runs = {
            pretrained_folder(folder, plan.arm(arm), {}, seed): (arm, seed) for arm, seed in missing
        }
        missing = list(runs.values())
        reporter.say("Each frozen run is pretrained once; training the scorers comes on top")
    rate = find_rate(finished, design.settings[plan.baseline])
    # Trials that have ended waited for their pictures; the timed steps did not, and minutes that
    # were asked for stay what they are.
    timed = {arm for arm, _ in missing if design.costs[arm].flops}
    loading = {} if rate.is_whole else _time_arms(design, timed)
    found = forecast(design.costs, design.settings, missing, rate, design.lengths, loading)
    reporter.say(found.format(rate))


def _time_arms(design: Design, arms: Collection[str]) -> dict[str, LoadingTime]:
    """How long the pictures of these arms take; arms of the same data are timed once."""
    timed: dict[Any, LoadingTime] = {}
    found = {}
    for arm in sorted(arms):
        settings = design.settings[arm]
        key = (settings.data, settings.train.batch_size)
        if key not in timed:
            timed[key] = time_loading(settings, design.pictures[arm])
        found[arm] = timed[key]
    return found
