"""The tables of what was measured: verdicts, effects, reconstruction, masks, other numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from maskwright.studies.findings import Finding
from maskwright.studies.metrics import PSNR
from maskwright.studies.number_text import decimals_for, format_interval, format_p
from maskwright.studies.record import StudyRecord
from maskwright.studies.report.tables import MISSING, Table, kind_of
from maskwright.studies.samples import Sample, summarize
from maskwright.studies.statistics import Difference, Values, pair

_DIFFERENCE_HEAD = ("difference [95% paired t]", "p (Holm)", "seeds agreeing", "detectable")


def verdict_table(finding: Finding) -> Table:
    """Verdict, difference, mean and what they rest on, for each arm under one metric."""
    decimals = finding.decimals
    finer = finding.change_decimals
    has_pictures = any(arm.over_pictures for arm in finding.arms)
    has_floors = any(arm.floor for arm in finding.arms)
    head = ["arm", "verdict", *_DIFFERENCE_HEAD, "mean [95% t]", "bootstrap", "n"]
    # Only where random weights were measured, and where answers were kept picture by picture.
    if has_floors:
        head.append("learned")
    if has_pictures:
        head.append("over test pictures")
    rows = []
    for arm in finding.arms:
        # Brackets alone: their mean stands in the column before.
        boot = arm.sample.bootstrap
        pictures = arm.over_pictures
        cells = [
            arm.arm,
            arm.verdict,
            *_difference_cells(arm.difference, finer),
            format_interval(arm.sample.mean, arm.sample.interval, decimals),
            f"[{boot.low:.{decimals}f}, {boot.high:.{decimals}f}]" if boot else MISSING,
            str(arm.sample.count),
        ]
        if has_floors:
            cells.append("yes" if arm.has_learned else "not shown")
        if has_pictures and pictures:
            cells.append(f"[{pictures.low:+.{finer}f}, {pictures.high:+.{finer}f}]")
        elif has_pictures:
            cells.append(MISSING)
        rows.append(cells)
    return Table(head, rows, [kind_of(arm.verdict) for arm in finding.arms])


def effects_table(finding: Finding) -> Table:
    """Main effects and interactions of a factorial plan."""
    effects = finding.effects
    decimals = _decimals([effect.sample for effect in effects.values()])
    rows = [
        [name, effect.verdict, *_difference_cells(effect, decimals), str(effect.sample.count)]
        for name, effect in effects.items()
    ]
    kinds = [kind_of(effect.verdict) for effect in effects.values()]
    return Table(["effect", "verdict", *_DIFFERENCE_HEAD, "n"], rows, kinds)


def reconstruction_matrix(record: StudyRecord) -> Table | None:
    """Trained with the arm of the row, filled in under the masks of the column: mean PSNR.

    The best of a column is darkest.
    """
    # Columns in the order in which trials first have them: common masks, then other arms'.
    headings: dict[str, str] = {}
    for trial in record.finished():
        for name in trial.numbers:
            if (masks := PSNR.masks_of(name)) is not None:
                headings[name] = masks
    arms = [arm.name for arm in record.arms if record.finished(arm.name)]
    if not headings or not arms:
        return None
    means = []
    for arm in arms:
        means.append([_mean_over_seeds(record, name, arm) for name in headings])
    values = np.array(means)  # (arms, masks)
    rows = []
    for arm, line in zip(arms, values, strict=True):
        rows.append([arm, *(MISSING if np.isnan(value) else f"{value:.2f}" for value in line)])
    return Table(["trained with", *headings.values()], rows, shades=_shade_columns(values))


def mask_table(statistics: Mapping[str, Mapping[str, float]]) -> Table | None:
    """Statistics of the masks that each arm trained with: arm -> name -> mean over seeds."""
    # Policies have statistics of their own, so arms may differ in their columns.
    names = list(dict.fromkeys(name for numbers in statistics.values() for name in numbers))
    if not names:
        return None
    rows = []
    for arm, numbers in statistics.items():
        rows.append([arm, *(f"{numbers[n]:.3g}" if n in numbers else MISSING for n in names)])
    return Table(["arm", *(name.replace("_", " ") for name in names)], rows)


def other_table(
    record: StudyRecord, findings: Sequence[Finding], diagnostics: Mapping[str, Values]
) -> Table | None:
    """Numbers beside the study's metrics: means over seeds with t intervals, without verdicts.

    diagnostics: arm -> name -> numbers by seed, joined with what trials carry that is neither a
        metric nor a reconstruction.
    """
    values: dict[str, dict[str, Mapping[int, float]]] = {}
    others = _other_names(record, findings)
    for arm in record.arms:
        numbers: dict[str, Mapping[int, float]] = {
            name: record.numbers(name, arm.name) for name in others
        }
        numbers.update(diagnostics.get(arm.name, {}))
        # An arm without any number has no row.
        if any(numbers.values()):
            values[arm.name] = numbers
    names = list(dict.fromkeys(name for numbers in values.values() for name in numbers))
    if not names:
        return None
    samples = {arm: _summarize_all(numbers) for arm, numbers in values.items()}
    # Every column has its own decimals, the same for all arms.
    decimals = {}
    for name in names:
        column = [of_arm[name] for of_arm in samples.values() if name in of_arm]
        decimals[name] = _decimals(column)
    rows = []
    for arm_name, sample in samples.items():
        rows.append([arm_name, *(_mean_cell(sample.get(name), decimals[name]) for name in names)])
    return Table(["arm", *names], rows)


def difference_table(record: StudyRecord, diagnostics: Mapping[str, Values]) -> Table | None:
    """Diagnostics of each arm minus those of the baseline, paired by seed, with t intervals.

    Nothing is corrected for how many numbers there are: they are leads, not claims.
    """
    base = diagnostics.get(record.baseline, {})
    changes: dict[str, dict[str, Sample]] = {}
    for arm, numbers in diagnostics.items():
        if arm != record.baseline:
            paired = {name: pair(numbers[name], base[name]) for name in numbers if name in base}
            changes[arm] = _summarize_all(paired)
    names = list(dict.fromkeys(name for samples in changes.values() for name in samples))
    if not names:
        return None
    # Numbers stand below each other, because there are many more of them than arms.
    rows = []
    for name in names:
        known = {arm: samples[name] for arm, samples in changes.items() if name in samples}
        decimals = _decimals(list(known.values()))
        rows.append([name, *(_change_cell(known.get(arm), decimals) for arm in changes)])
    return Table([f"minus {record.baseline}", *changes], rows)


def _change_cell(sample: Sample | None, decimals: int) -> str:
    if sample is None:
        return MISSING
    return format_interval(sample.mean, sample.interval, decimals, signed=True)


def _other_names(record: StudyRecord, findings: Sequence[Finding]) -> list[str]:
    """Names of numbers that have no verdict and no place in the matrix."""
    judged = {finding.metric.name for finding in findings}
    names = dict.fromkeys(name for trial in record.finished() for name in trial.numbers)
    return [name for name in names if name not in judged and PSNR.masks_of(name) is None]


def _summarize_all(numbers: Mapping[str, Mapping[int, float]]) -> dict[str, Sample]:
    return {name: summarize(by_seed) for name, by_seed in numbers.items() if by_seed}


def _mean_cell(sample: Sample | None, decimals: int) -> str:
    if sample is None:
        return MISSING
    return format_interval(sample.mean, sample.interval, decimals)


def _difference_cells(difference: Difference | None, decimals: int) -> list[str]:
    """The cells under _DIFFERENCE_HEAD; the baseline has no difference."""
    if difference is None:
        return [MISSING] * len(_DIFFERENCE_HEAD)
    change = difference.sample
    holm = difference.holm
    detectable = difference.detectable
    return [
        format_interval(change.mean, change.interval, decimals, signed=True),
        MISSING if holm is None else format_p(holm).removeprefix("= "),
        f"{difference.agreeing} of {change.count}",
        MISSING if detectable is None else f"{detectable:.{decimals}f}",
    ]


def _decimals(samples: Sequence[Sample]) -> int:
    return decimals_for(
        [sample.deviation for sample in samples], [sample.mean for sample in samples]
    )


def _mean_over_seeds(record: StudyRecord, metric: str, arm: str) -> float:
    """NaN for an arm without that metric."""
    numbers = record.numbers(metric, arm)
    return float(np.mean(list(numbers.values()))) if numbers else float("nan")


def _shade_columns(values: np.ndarray) -> list[list[float | None]]:
    """Where each value (arms, masks) stands between the least (0) and the largest (1) of a column.

    The first column of a table holds names and has no shade.
    """
    # Missing numbers must not be the least or the largest; a column of them stays empty.
    low = np.nanmin(np.where(np.isnan(values), np.inf, values), axis=0)
    high = np.nanmax(np.where(np.isnan(values), -np.inf, values), axis=0)
    # A column of equal values is not divided by zero.
    span = np.where(high > low, high - low, 1.0)
    return [[None, *map(_shade, line)] for line in (values - low) / span]


def _shade(share: float) -> float | None:
    return None if np.isnan(share) else round(float(share), 2)
