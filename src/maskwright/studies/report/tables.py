"""Tables of text cells, and those of a report's design, compute and failures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from maskwright.studies.record import Compute, StudyRecord

MISSING = "–"
"""Stands in a cell for which there is no number."""
_CURRENCIES = {
    "steps": "steps",
    "images": "images",
    "encoder_tokens": "encoder tokens",
    "decoder_tokens": "decoder tokens",
    "teacher_tokens": "teacher tokens",
    "flops": "TFLOPs",
    "minutes": "minutes",
}


@dataclass(frozen=True)
class Table:
    """Rows of text under a head.

    kinds: a word per row for its color: baseline, better, worse or plain.
    shades: a weight in [0, 1] per cell.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    kinds: Sequence[str] = ()
    shades: Sequence[Sequence[float | None]] = ()

    def to_markdown(self) -> str:
        """The table with pipes."""
        lines = [self.head, ["---"] * len(self.head), *self.rows]
        return "\n".join(_markdown_line(line) for line in lines)


def _markdown_line(cells: Sequence[str]) -> str:
    # A pipe or a new line inside a cell would end it.
    escaped = [cell.replace("|", "\\|").replace("\n", " ") for cell in cells]
    return f"| {' | '.join(escaped)} |"


def design_table(record: StudyRecord) -> Table:
    """The arms with the settings in which they differ, and how many of their trials are done."""
    rows = []
    for arm in record.arms:
        done = len(record.finished(arm.name))
        # Scorers differ in a section of their own.
        scorer = {f"select.{name}": value for name, value in arm.select.items()}
        written = {**arm.settings, **scorer}
        settings = ", ".join(f"{name}: {value}" for name, value in written.items())
        rows.append([arm.name, settings or "as the plan's base", f"{done} of {len(record.seeds)}"])
    return Table(["arm", "settings", "trials done"], rows, _arm_kinds(record))


def kind_of(verdict: str) -> str:
    """The color of a verdict."""
    return verdict if verdict in ("baseline", "better", "worse") else "plain"


def compute_table(record: StudyRecord) -> Table:
    """What a trial of each arm spent in every currency, the mean over its finished trials.

    The currency that the budget matched is marked.
    """
    matched = (record.budget or {}).get("currency")
    # Every arm has a row, also one without a finished trial.
    arms = [arm.name for arm in record.arms]
    # Currencies of which nothing is known have no column.
    shown = []
    for name in _CURRENCIES:
        if any(_amounts(record, arm, name) for arm in arms):
            shown.append(name)
    head = ["arm"]
    for name in shown:
        head.append(f"{_CURRENCIES[name]}{' (matched)' if name == matched else ''}")
    rows = []
    for arm in arms:
        rows.append([arm, *(_format_amount(name, _amounts(record, arm, name)) for name in shown)])
    return Table(head, rows, _arm_kinds(record))


def failure_table(record: StudyRecord) -> Table | None:
    """Trials that failed, with what went wrong, and those that have not finished."""
    missing = [trial for trial in record.trials if trial.state != "done"]
    rows = [[trial.arm, str(trial.seed), trial.state, trial.error or MISSING] for trial in missing]
    # A study that was stopped early has keys that are not even in its queue.
    known = {trial.key for trial in record.trials}
    rows += [
        [arm.name, str(seed), "not begun", MISSING]
        for arm in record.arms
        for seed in record.seeds
        if (arm.name, seed) not in known
    ]
    return Table(["arm", "seed", "state", "what went wrong"], rows) if rows else None


def amount(compute: Compute | None, currency: str) -> float | None:
    """How much of a currency was spent, FLOPs in units of 10^12."""
    if compute is None:
        return None
    # Minutes are kept as seconds; the names of all other currencies here are fields.
    value = compute.amount("minutes") if currency == "minutes" else getattr(compute, currency)
    if value is None:
        return None
    return float(value) / (1e12 if currency == "flops" else 1)


def _arm_kinds(record: StudyRecord) -> list[str]:
    return ["baseline" if arm.name == record.baseline else "plain" for arm in record.arms]


def _amounts(record: StudyRecord, arm: str, currency: str) -> list[float]:
    """What the finished trials of an arm spent, where that is known."""
    spent = [amount(trial.compute, currency) for trial in record.finished(arm)]
    return [value for value in spent if value is not None]


def _format_amount(currency: str, values: Sequence[float]) -> str:
    if not values:
        return MISSING
    mean = float(np.mean(values))
    return f"{mean:.3g}" if currency in ("flops", "minutes") else f"{mean:,.0f}"
