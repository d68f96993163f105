"""Findings about the settings of a run: its learning rate, its length, and what the model sees."""

from __future__ import annotations

from collections.abc import Iterator

from maskwright.support.plurals import count_of
from maskwright.training.optimizers import find_optimizer
from maskwright.workflows.health.evidence import Evidence
from maskwright.workflows.health.finding import Finding, Level
from maskwright.workflows.health.record import RunRecord
from maskwright.workflows.settings.choices import pictures_per_step

# Without a warm-up, or with a shorter one than this, high rates do harm sooner.
SHORT_WARMUP = 0.01
SOONER = 3.0
# Rates this many times lower than usual than may be higher: they only waste time.
LOWER = 4.0


def find_rate(evidence: Evidence, limit: float) -> Iterator[Finding]:
    """A learning rate far from the one that the optimizer's rule gives for this batch."""
    train = evidence.record.settings.train
    rate, usual = train.lr or 0.0, usual_rate(evidence.record)
    is_short = train.warmup < SHORT_WARMUP
    if rate == 0:
        yield _far_off(evidence.record, "it is 0, so the weights never move.", "broken")
    elif rate > usual * (limit / SOONER if is_short else limit):
        without = ", and there is no warm-up" if is_short else ""
        text = f"{rate:.1e} is {rate / usual:.0f} times the usual{without}."
        yield _far_off(evidence.record, text, "note")
    # Weights that were trained before are meant to move less.
    elif rate * LOWER * limit < usual and not train.init:
        text = f"{rate:.1e} is {usual / rate:,.0f} times lower than usual: the weights hardly move."
        yield _far_off(evidence.record, text, "note")


def usual_rate(record: RunRecord) -> float:
    """The learning rate that the rule of the run's optimizer gives for its batch."""
    optimizer = find_optimizer(str(record.settings.train.optimizer))
    return optimizer.rate(pictures_per_step(record.settings))


def _far_off(record: RunRecord, text: str, level: Level) -> Finding:
    """A finding about the rate, with the usual one as the way out."""
    train, usual = record.settings.train, usual_rate(record)
    pictures = pictures_per_step(record.settings)
    return Finding(
        name="learning rate",
        level=level,
        text=text,
        advice=f"By the rule of {train.optimizer} for {pictures} pictures a step it is"
        f" {usual:.1e}, reached over the first 5 % of the training.",
        command=record.repeat(f"--lr {usual:.2g}", "--warmup 0.05"),
        numbers={"rate": train.lr or 0.0, "usual": usual, "warmup": train.warmup},
    )


def find_length(evidence: Evidence, limit: float) -> Iterator[Finding]:
    """Too few pictures seen for the number of weights."""
    record = evidence.record
    weights = int(record.status.get("parameters", 0))
    seen = record.last("images", 0)
    if not weights or not record.num_steps:
        return
    share = seen / weights
    if share < limit:
        # As many steps as the limit asks for, at the same batch.
        wanted = round(record.num_steps * limit / max(share, 1e-9), -2)
        epochs = seen / max(1, int(record.status.get("pictures", 1)))
        passes = count_of(float(f"{epochs:.2g}"), "epoch")
        yield Finding(
            name="length",
            level="note",
            text=f"{count_of(record.num_steps, 'step')} showed {seen:,.0f} pictures ({passes}) to"
            f" {weights:,} weights, {share:.2g} for each.",
            advice="Published trainings show 6 to 18 for each (He et al. 2022). Train longer, or"
            " take a smaller model.",
            command=record.repeat(f"--steps {wanted:.0f}"),
            numbers={"seen": seen, "weights": weights, "per_weight": share, "epochs": epochs},
        )


def find_visible(evidence: Evidence, limit: float) -> Iterator[Finding]:
    """Too few visible patches to know the rest from."""
    record = evidence.record
    visible = record.last("num_visible")
    masked = record.last("masked")
    if not visible < limit:
        return
    total = visible / max(1e-9, 1 - masked)
    # Where the grid is coarse no ratio helps; where it is fine the ratio is what is wrong.
    is_coarse = total < 4 * limit
    patch = record.settings.model.patch_size or 2
    finer = f"--patch-size {max(1, patch // 2)}"
    yield Finding(
        name="visible patches",
        level="note",
        text=f"of {total:.0f} patches only {visible:.0f} are visible, too few to tell the others"
        " from.",
        advice="Take smaller patches." if is_coarse else "Mask less: 75 % is usual.",
        command=record.repeat(finer if is_coarse else "--ratio 0.75"),
        numbers={"visible": visible, "patches": total},
    )
