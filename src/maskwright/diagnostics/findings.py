"""What a diagnostic found out about one encoder: numbers, the tables behind its figure, notes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from maskwright.evaluation.metrics import Interval, paired_difference

Number = float | Interval


@dataclass(frozen=True, kw_only=True)
class Findings:
    """The answers of one diagnostic for one subject.

    diagnostic: its name in the catalog.
    subject: the name of who was asked.
    numbers: what is printed, by name.
    tables: plain lists and mappings that the figure is drawn from.
    control: the sentence that says what the numbers are to be held against.
    protocol: what was done, fit for JSON.
    notes: what a reader should know before trusting them.
    seconds: how long measuring took, without fitting the probe.
    shown: tensors that the figure shows and JSON does not hold.
    """

    diagnostic: str
    subject: str
    numbers: Mapping[str, Number]
    control: str
    protocol: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    shown: Mapping[str, Any] = field(default_factory=dict)

    def __iter__(self) -> Iterator[tuple[str, Number]]:
        """Yield (name, value) like every diagnostic."""
        return iter(self.numbers.items())

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "diagnostic": self.diagnostic,
            "subject": self.subject,
            "numbers": {name: number_to_json(value) for name, value in self.numbers.items()},
            "control": self.control,
            "protocol": dict(self.protocol),
            "tables": dict(self.tables),
            "notes": list(self.notes),
            # Milliseconds are as exact as a clock is worth.
            "seconds": round(self.seconds, 3),
        }


def pair_findings(findings: Sequence[Findings], seed: int = 0) -> dict[str, dict[str, Interval]]:
    """Every number of each subject minus the first one's, by `OTHER - FIRST`.

    The same pictures are drawn for both. Numbers that only one of the two has are left out, as are
    those that were measured on other numbers of pictures.

    findings: of encoders that answered the same pictures, the one to compare with first.
    """
    first, *others = findings
    differences: dict[str, dict[str, Interval]] = {}
    for other in others:
        paired: dict[str, Interval] = {}
        for name, value in other.numbers.items():
            reference = first.numbers.get(name)
            # Plain numbers (a count, a chance, a rank) have no draws to pair.
            if isinstance(value, Interval) and isinstance(reference, Interval):
                difference = paired_difference(value, reference, seed)
                if difference is not None:
                    paired[name] = difference
        if paired:
            differences[f"{other.subject} - {first.subject}"] = paired
    return differences


def format_difference(value: Interval) -> str:
    """A difference as a table shows it, with its sign."""
    if math.isnan(value.value):
        return "-"
    return f"{value.value:+.3f} [{value.low:+.3f}, {value.high:+.3f}]"


def number_to_json(value: Number) -> Any:
    """A plain number, or value, low and high; a number that does not exist is null."""
    # JSON knows neither NaN nor infinity.
    if isinstance(value, Interval):
        return {name: _finite(number) for name, number in value.to_dict().items()}
    return _finite(float(value))


def format_number(value: Number) -> str:
    """A number as a table shows it."""
    if isinstance(value, Interval):
        if math.isnan(value.value):
            return "-"
        return f"{_short(value.value)} [{_short(value.low)}, {_short(value.high)}]"
    return "-" if math.isnan(value) else f"{value:.4g}"


def _short(number: float) -> str:
    """Three decimals, or a power of ten where those would be 0.000."""
    # Below 1e-16 a number is the rounding of float64 and is shown as 0.
    if abs(number) < 1e-16 or abs(number) >= 0.0005:
        return f"{number:.3f}"
    return f"{number:.0e}"


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
