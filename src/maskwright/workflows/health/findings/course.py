"""Findings from the course of a training: how it ended, its loss, dropped steps and waiting."""

from __future__ import annotations

import math
from collections.abc import Iterator

from maskwright.evaluation.trend import measure_trend
from maskwright.workflows.health.evidence import Evidence
from maskwright.workflows.health.finding import Finding
from maskwright.workflows.health.record import RunRecord


def find_unfinished(evidence: Evidence, limit: float) -> Iterator[Finding]:
    """A run that failed, was stopped, or still goes on."""
    record = evidence.record
    state = record.status.get("state")
    if state == "failed":
        yield Finding(
            name="end",
            level="broken",
            text=f"the run ended with an error: {record.status.get('error', 'unknown')}",
            advice="A third of the learning rate, with a warm-up, is the usual cure.",
            command=record.repeat(f"--lr {record.lower_rate()}", "--warmup 0.1"),
        )
    elif state in ("stopped", "running"):
        total = record.status.get("total_steps")
        whole = f" of {total:,}" if total else ""
        yield Finding(
            name="end",
            level="fact",
            text=f"the run is {state}; this is about its first {record.num_steps:,} steps{whole}.",
            command="" if state == "running" else _resume(record),
        )


def _resume(record: RunRecord) -> str:
    return f"maskwright pretrain --resume --out {record.path}"


def find_bad_steps(evidence: Evidence, limit: float) -> Iterator[Finding]:
    """Steps that were dropped because the loss or a gradient was not finite."""
    record = evidence.record
    dropped = record.last("skipped_steps", 0)
    share = dropped / max(1, record.num_steps)
    if share > limit:
        yield Finding(
            name="bad steps",
            level="note",
            text=f"{dropped:,.0f} of {record.num_steps:,} steps ({share:.1%}) had a loss or a"
            " gradient that was not finite and were dropped.",
            advice="A lower learning rate or full precision keeps numbers finite.",
            command=record.repeat(f"--lr {record.lower_rate()}", "--precision 32-true"),
            numbers={"dropped": dropped, "share": share},
        )


def find_trend(evidence: Evidence, limit: float) -> Iterator[Finding]:
    """Whether the loss still falls at the end, is flat, or has risen."""
    record = evidence.record
    trend = measure_trend(record.losses)
    if trend is None:
        return
    change = trend.change
    numbers = {"change": change.to_dict(), "first": trend.first, "last": trend.last}
    # Beyond any fluctuation: the mean of an eighth of the rows above the best eighth.
    if trend.last > trend.least * (1 + 10 * limit):
        yield Finding(
            name="loss",
            level="note",
            text=f"the training loss rose again, from {trend.least:.3f} to {trend.last:.3f}.",
            advice="The learning rate is too high for this length.",
            command=record.repeat(f"--lr {record.lower_rate()}"),
            numbers=numbers,
        )
    elif change.high < -limit:
        yield Finding(
            name="loss",
            level="fact",
            text=f"still improving: over the last quarter of the training the loss fell by a"
            f" further {-change.value:.1%}, to {trend.last:.3f}. More steps will help.",
            command=record.repeat(f"--steps {3 * record.num_steps}"),
            numbers=numbers,
        )
    else:
        yield Finding(
            name="loss",
            level="fact",
            text=f"flat at {trend.last:.3f} ({change.value:+.1%} over the last quarter); it began"
            f" at {trend.first:.3f}.",
            numbers=numbers,
        )


def find_overfitting(evidence: Evidence, limit: float) -> Iterator[Finding]:
    """Held-out loss that rises while the training loss falls."""
    record = evidence.record
    held = [row["val_loss"] for row in record.rows if math.isfinite(row.get("val_loss", math.nan))]
    trend = measure_trend(record.losses)
    # A loss that rises in training too is another matter.
    if len(held) < 3 or trend is None or trend.change.low > 0:
        return
    rise = held[-1] / min(held) - 1 if min(held) > 0 else 0.0
    if rise > limit:
        best = held.index(min(held)) + 1
        yield Finding(
            name="overfitting",
            level="note",
            text=f"the held-out loss was best at measurement {best} of {len(held)} and has risen by"
            f" {rise:.0%} since, while the training loss fell: the pictures are being memorized.",
            advice="Train for less, crop more strongly, or start from pretrained weights.",
            command=record.repeat(f"--steps {record.num_steps * best // len(held)}"),
            numbers={"best": min(held), "last": held[-1]},
        )


def find_waiting(evidence: Evidence, limit: float) -> Iterator[Finding]:
    """The share of the training that was spent waiting for pictures."""
    record = evidence.record
    waited = spent = before = 0.0
    for row in record.steps:
        seconds = float(row.get("seconds", 0)) - before
        before += seconds
        waited += float(row.get("data_wait", 0)) * seconds
        spent += seconds
    share = waited / spent if spent > 0 else 0.0
    if share > limit:
        # Streams decode every picture anew; a store has done so once.
        is_stream = record.settings.data.stream
        change = (
            "--no-stream" if is_stream else f"--workers {(record.settings.data.workers or 0) + 2}"
        )
        yield Finding(
            name="data wait",
            level="note",
            text=f"{share:.0%} of the training went by waiting for pictures.",
            advice="Keep decoded pictures in the cache."
            if is_stream
            else "Load with more processes.",
            command=record.repeat(change),
            numbers={"share": share},
        )
