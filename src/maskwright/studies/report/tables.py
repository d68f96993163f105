"""The tables of a report: design, verdicts, effects, compute, cross-policy reconstruction, masks
and failures, as plain text cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from maskwright.studies.findings import Finding, compare_p, decimals_for, format_interval
from maskwright.studies.record import Compute, StudyRecord
from maskwright.studies.statistics import Difference, Sample, Values, summarize

RECONSTRUCTION = "psnr "
"""Numbers that begin so say how well hidden pixels were filled in under masks that are the same for
all arms.
"""
_DIFFERENCE_HEAD = ("difference [95% paired t]", "p (Holm)", "seeds agreeing", "detectable")
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
    """A head and rows of text; kinds: a word per row for its color (baseline, better, worse,
    plain); shades: a weight per cell.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    kinds: Sequence[str] = ()
    shades: Sequence[Sequence[float | None]] = ()

    def to_markdown(self) -> str:
        """The table with pipes."""
        lines = [self.head, ["---"] * len(self.head), *self.rows]
        return "\n".join(
            "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |"
            for line in lines
        )


def design_table(record: StudyRecord) -> Table:
    """The arms with the settings in which they differ, and how many of their trials are done."""
    rows = []
    for arm in record.arms:
        done = len(record.finished(arm.name))
        settings = (
            ", ".join(f"{name}: {value}" for name, value in arm.settings.items())
            or "as the plan's base"
        )
        rows.append([arm.name, settings, f"{done} of {len(record.seeds)}"])
    kinds = ["baseline" if arm.name == record.baseline else "plain" for arm in record.arms]
    return Table(["arm", "settings", "trials done"], rows, kinds)


def kind_of(verdict: str) -> str:
    """The color of a verdict."""
    return verdict if verdict in ("baseline", "better", "worse") else "plain"


def verdict_table(finding: Finding) -> Table:
    """Verdict, difference, mean and what they rest on, for each arm under one metric."""
    decimals, finer = finding.decimals, finding.change_decimals
    has_pictures = any(one.over_pictures for one in finding.arms)
    head = [
        "arm",
        "verdict",
        *_DIFFERENCE_HEAD,
        "mean [95% t]",
        "bootstrap",
        "n",
        *(["over test pictures"] if has_pictures else []),
    ]
    rows = []
    for one in finding.arms:
        boot = one.sample.bootstrap
        cells = [one.arm, one.verdict, *_difference_cells(one.difference, finer)]
        cells += [format_interval(one.sample.mean, one.sample.interval, decimals)]
        cells += [
            f"[{boot.low:.{decimals}f}, {boot.high:.{decimals}f}]" if boot else "–",
            str(one.sample.count),
        ]
        if has_pictures:
            seen = one.over_pictures
            cells.append(f"[{seen.low:+.{finer}f}, {seen.high:+.{finer}f}]" if seen else "–")
        rows.append(cells)
    return Table(head, rows, [kind_of(one.verdict) for one in finding.arms])


def effects_table(finding: Finding) -> Table:
    """Main effects and interactions of a factorial plan."""
    decimals = _places([one.sample for one in finding.effects.values()])
    rows = [
        [name, one.verdict, *_difference_cells(one, decimals), str(one.sample.count)]
        for name, one in finding.effects.items()
    ]
    return Table(
        ["effect", "verdict", *_DIFFERENCE_HEAD, "n"],
        rows,
        [kind_of(one.verdict) for one in finding.effects.values()],
    )


def compute_table(record: StudyRecord) -> Table:
    """What a trial of each arm spent in every currency, the mean over its finished trials; the
    matched one is marked.
    """
    matched = (record.budget or {}).get("currency")
    shown = [
        name for name in _CURRENCIES if any(_amounts(record, arm.name, name) for arm in record.arms)
    ]
    head = [
        "arm",
        *(f"{_CURRENCIES[name]}{' (matched)' if name == matched else ''}" for name in shown),
    ]
    rows = [
        [arm.name, *(_format_amount(name, _amounts(record, arm.name, name)) for name in shown)]
        for arm in record.arms
    ]
    return Table(
        head, rows, ["baseline" if arm.name == record.baseline else "plain" for arm in record.arms]
    )


def reconstruction_matrix(record: StudyRecord) -> Table | None:
    """Trained with the arm of the row, filled in under the masks of the column: means over seeds;
    the best of a column is darkest.
    """
    names = list(
        dict.fromkeys(
            name
            for trial in record.finished()
            for name in trial.numbers
            if name.startswith(RECONSTRUCTION)
        )
    )
    arms = [arm.name for arm in record.arms if record.finished(arm.name)]
    if not names or not arms:
        return None
    values = np.array(
        [[_mean(list(record.numbers(name, arm).values())) for name in names] for arm in arms]
    )
    rows = [
        [arm, *("–" if np.isnan(value) else f"{value:.2f}" for value in line)]
        for arm, line in zip(arms, values, strict=True)
    ]
    return Table(
        [
            "trained with",
            *(
                name.removeprefix(RECONSTRUCTION).replace("of masks by", "masks of")
                for name in names
            ),
        ],
        rows,
        shades=_shade_columns(values),
    )


def mask_table(statistics: Mapping[str, Mapping[str, float]]) -> Table | None:
    """Statistics of the masks that each arm trained with: arm -> name -> mean over seeds."""
    names = list(dict.fromkeys(name for numbers in statistics.values() for name in numbers))
    if not names:
        return None
    rows = [
        [arm, *(f"{numbers[name]:.3g}" if name in numbers else "–" for name in names)]
        for arm, numbers in statistics.items()
    ]
    return Table(["arm", *(name.replace("_", " ") for name in names)], rows)


def other_table(
    record: StudyRecord, findings: Sequence[Finding], diagnostics: Mapping[str, Values]
) -> Table | None:
    """Numbers beside the study's metrics, means over seeds with t intervals from three seeds on and
    without verdicts.

    diagnostics: arm -> name -> numbers by seed, joined with what trials carry that is neither a
        metric nor a reconstruction.
    """
    judged = {finding.metric.name for finding in findings}
    names = list(dict.fromkeys(name for trial in record.finished() for name in trial.numbers))
    names = [name for name in names if name not in judged and not name.startswith(RECONSTRUCTION)]
    found = {
        arm.name: (
            {name: record.numbers(name, arm.name) for name in names}
            | dict(diagnostics.get(arm.name, {}))
        )
        for arm in record.arms
    }
    found = {arm: numbers for arm, numbers in found.items() if any(numbers.values())}
    names = list(dict.fromkeys(name for numbers in found.values() for name in numbers))
    if not names:
        return None
    samples = {
        arm: {name: summarize(by_seed) for name, by_seed in numbers.items() if by_seed}
        for arm, numbers in found.items()
    }
    places = {
        name: _places([one[name] for one in samples.values() if name in one]) for name in names
    }
    rows = [
        [
            arm,
            *(
                (
                    format_interval(one[name].mean, one[name].interval, places[name])
                    if name in one
                    else "–"
                )
                for name in names
            ),
        ]
        for arm, one in samples.items()
    ]
    return Table(["arm", *names], rows)


def _places(samples: Sequence[Sample]) -> int:
    return decimals_for([one.deviation for one in samples], [one.mean for one in samples])


def failure_table(record: StudyRecord) -> Table | None:
    """Trials that failed, with what went wrong, and those that have not finished."""
    missing = [trial for trial in record.trials if trial.state != "done"]
    rows = [[trial.arm, str(trial.seed), trial.state, trial.error or "–"] for trial in missing]
    known = {trial.key for trial in record.trials}
    rows += [
        [arm.name, str(seed), "not begun", "–"]
        for arm in record.arms
        for seed in record.seeds
        if (arm.name, seed) not in known
    ]
    return Table(["arm", "seed", "state", "what went wrong"], rows) if rows else None


def amount(compute: Compute | None, currency: str) -> float | None:
    """How much of a currency was spent, FLOPs in units of 10^12."""
    if compute is None:
        return None
    value = compute.amount("minutes") if currency == "minutes" else getattr(compute, currency)
    return None if value is None else float(value) / (1e12 if currency == "flops" else 1)


def _amounts(record: StudyRecord, arm: str, currency: str) -> list[float]:
    found = [amount(trial.compute, currency) for trial in record.finished(arm)]
    return [value for value in found if value is not None]


def _format_amount(currency: str, values: Sequence[float]) -> str:
    if not values:
        return "–"
    mean = _mean(values)
    return f"{mean:.3g}" if currency in ("flops", "minutes") else f"{mean:,.0f}"


def _difference_cells(one: Difference | None, decimals: int) -> list[str]:
    if one is None:
        return ["–"] * 4
    change = one.sample
    return [
        format_interval(change.mean, change.interval, decimals, signed=True),
        "–" if one.holm is None else compare_p(one.holm).removeprefix("= "),
        f"{one.agreeing} of {change.count}",
        "–" if one.detectable is None else f"{one.detectable:.{decimals}f}",
    ]


def _shade_columns(values: np.ndarray) -> list[list[float | None]]:
    """Where each value stands between the least (0) and the largest (1) of its column; the first
    column holds names.
    """
    low = np.nanmin(np.where(np.isnan(values), np.inf, values), axis=0)
    high = np.nanmax(np.where(np.isnan(values), -np.inf, values), axis=0)
    span = np.where(high > low, high - low, 1.0)
    return [
        [None, *(None if np.isnan(value) else round(float(value), 2) for value in line)]
        for line in (values - low) / span
    ]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
