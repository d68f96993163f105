"""Which values mean black and white: one range for all pictures of a source.

It is stated, or measured over a sample.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from maskwright.support.errors import MaskwrightError

Kind = Literal["integers", "floats"]
KINDS: tuple[Kind, ...] = ("integers", "floats")
_KNOWN_BITS = (8, 10, 12, 14, 16)  # of cameras, scanners and microscopes
# Floats above 1 and below this have overshot [0, 1]; read as [0, 255] they would be nearly black.
_LARGEST_UNIT = 2.0
HOW_TO_STATE = (
    'state what means black and white: --value-range LOW,HIGH (value_range="LOW,HIGH" in Python), '
    "for example --value-range=-1000,400"
)


@dataclass(frozen=True)
class ValueRange:
    """The values that mean black and white.

    low: black.
    high: white.
    clip: whether values beyond are cut off; otherwise they are refused.
    """

    low: float
    high: float
    clip: bool = False

    def to_bytes(self, values: np.ndarray) -> np.ndarray:
        """Scale to uint8, rounding.

        Raises ValueError for NaN, and for values outside the range unless they are cut off.
        """
        if values.dtype == np.uint8 and (self.low, self.high) == (0, 255):
            return values
        levels = 255 / (self.high - self.low)
        scaled = (values.astype(np.float32) - self.low) * levels
        if np.isnan(scaled).any():
            raise ValueError("it holds NaN")
        if self.clip:
            np.clip(scaled, 0, 255, out=scaled)
        # Half a level beyond is rounded back into the range.
        elif scaled.min() <= -0.5 or scaled.max() >= 255.5:
            raise ValueError(
                f"its values run from {values.min():g} to {values.max():g}, outside the"
                f" {self.low:g} to {self.high:g} of the other pictures; --value-range LOW,HIGH"
                " states the range of all"
            )
        return np.rint(scaled).astype(np.uint8)

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True, kw_only=True)
class ValueRanges:
    """The ranges of a source's values; those of 8 bits are always 0 to 255.

    integers: the range of whole numbers of more than 8 bits; None where it is not known.
    floats: the range of floats; None where it is not known.
    """

    integers: ValueRange | None = None
    floats: ValueRange | None = None

    def of(self, dtype: np.dtype) -> ValueRange:
        """The range for values of a type; raises ValueError where it is not known."""
        if dtype == np.uint8:
            return ValueRange(0, 255)
        if dtype == np.bool_:
            return ValueRange(0, 1)
        known: ValueRange | None = getattr(self, kind_of(dtype))
        if known is None:
            raise ValueError(
                f"it holds {dtype} values, unlike the files that the range was measured on;"
                f" {HOW_TO_STATE}"
            )
        return known

    def filled_by(self, other: ValueRanges) -> ValueRanges:
        """These ranges, and those of the other where these are not known."""
        return ValueRanges(
            integers=self.integers or other.integers, floats=self.floats or other.floats
        )

    def __bool__(self) -> bool:
        return self.integers is not None or self.floats is not None

    def __str__(self) -> str:
        """The text that `parse` reads back, as a run keeps it."""
        parts = []
        for kind in KINDS:
            known: ValueRange | None = getattr(self, kind)
            if known is not None:
                strict = "" if known.clip else ",strict"
                # Ten digits bring every float32 back as it was.
                bounds = f"{known.low:.10g},{known.high:.10g}"
                parts.append(f"{kind}={bounds}{strict}")
        return ";".join(parts)

    @classmethod
    def parse(cls, text: str) -> ValueRanges:
        """Read `LOW,HIGH`, which cuts values beyond off, or what a run keeps.

        A run keeps for example `integers=0,4095,strict;floats=0,1,strict`.
        """
        ranges: dict[str, ValueRange] = {}
        for part in text.split(";"):
            kind, equals, numbers = part.strip().rpartition("=")
            if equals and kind not in KINDS:
                raise _unknown(text)
            # Without a kind, the range holds for both.
            for named in (kind,) if equals else KINDS:
                ranges[named] = _parse_range(numbers, text)
        return cls(**ranges)


UNKNOWN = ValueRanges()
FULL = ValueRanges(integers=ValueRange(0, 65535), floats=ValueRange(0, 1))
"""For a single picture, on which nothing can be measured: all of 16 bits, and floats in [0, 1]."""


def widest(several: Iterable[ValueRanges]) -> ValueRanges:
    """The ranges that hold all of these."""
    union: dict[str, ValueRange] = {}
    for ranges in several:
        for kind in KINDS:
            current: ValueRange | None = getattr(ranges, kind)
            if current is None:
                continue
            before = union.get(kind, current)
            low = min(current.low, before.low)
            high = max(current.high, before.high)
            union[kind] = ValueRange(low, high, current.clip)
    return ValueRanges(**union)


def kind_of(dtype: np.dtype) -> Kind:
    """Whether values of a type are whole numbers or floats; raises ValueError for no numbers."""
    if dtype.kind not in "buif":
        raise ValueError(f"it holds {dtype} values; pictures are numbers")
    return "floats" if dtype.kind == "f" else "integers"


def measure_range(arrays: Iterable[np.ndarray], name: str) -> ValueRange:
    """Find the range that arrays of pictures live in.

    uint8 and bool are plain. Other integers take the smallest of 8, 10, 12, 14 and 16 bits that
    holds the largest value; floats take the first of [0, 1], [-1, 1] and [0, 255] that holds all
    values. Raises MaskwrightError when none does.
    """
    low, high = np.inf, -np.inf
    kind: Kind = "integers"
    for array in arrays:
        if array.dtype == np.uint8:
            low = min(low, 0)
            high = max(high, 255)
        elif array.dtype.kind in "buif" and array.size:
            low = np.fmin(low, array.min())
            high = np.fmax(high, array.max())
            if array.dtype.kind == "f":
                kind = "floats"  # one array of floats makes all of them floats
            if np.isnan(array).any():
                raise MaskwrightError(
                    f"{name} holds NaN; replace it before use, for example with numpy.nan_to_num."
                )
        else:
            raise MaskwrightError(
                f"{name} holds {array.dtype} values of shape {array.shape}; pictures are numbers."
            )
    return fit_range(float(low), float(high), kind, name)


def fit_range(low: float, high: float, kind: Kind, name: str) -> ValueRange:
    """The smallest usual range that holds values from low to high.

    Raises MaskwrightError when none does.
    """
    if kind == "integers":
        known = [(0, 2**bits - 1) for bits in _KNOWN_BITS]
        if high <= 1:
            known.insert(0, (0, 1))  # masks
    else:
        known = [(0, 1), (-1, 1)]
        if high > _LARGEST_UNIT:
            known.append((0, 255))
    for bottom, top in known:
        if bottom <= low and high <= top:
            return ValueRange(bottom, top)
    raise MaskwrightError(
        f"The values of {name} run from {low:g} to {high:g}, which is no usual range;"
        f" {HOW_TO_STATE}."
    )


def _parse_range(numbers: str, text: str) -> ValueRange:
    """Read `LOW,HIGH` or `LOW,HIGH,strict`; `text` is all that was given, for messages."""
    parts = [part.strip() for part in numbers.split(",")]
    strict = parts[2:] == ["strict"]
    try:
        bounds = parts[:2] if strict else parts
        low, high = map(float, bounds)
    except ValueError as error:
        raise _unknown(text) from error
    if not -np.inf < low < high < np.inf:
        raise MaskwrightError(
            f"A value range goes from what means black up to what means white; got '{text}'."
        )
    return ValueRange(low, high, clip=not strict)


def _unknown(text: str) -> MaskwrightError:
    return MaskwrightError(
        f"A value range is LOW,HIGH, for example 0,4095 or -1000,400; got '{text}'."
    )
