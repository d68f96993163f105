"""What --val and --test-size ask for: pictures that are held out, set apart, or other data."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import torch

from maskwright.data.classes import same_classes, shared_classes
from maskwright.data.store.packed import PackedStore
from maskwright.data.store.splits import TEST_SEED, default_count, set_test_apart
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.workflows.settings.data_settings import DataSettings

# Decibels and losses of pictures differ so much that the 95 % interval of a mean over fewer than
# these is wider than what is to be seen: 1 dB for a deviation of 3 dB.
FEW_HELD = 30


def read_val(val: str | None) -> float | int | str | None:
    """What --val says: a share below 1, a count, the path of other data, or None for the usual.

    Raises MaskwrightError for anything else.
    """
    # A folder may be called `0.1`: what exists is other data.
    if val is None or Path(val).exists():
        return val
    try:
        number = float(val)
    except ValueError:
        return val  # a name such as torchvision:STL10
    if 0 <= number < 1:
        return number
    # `500` is a count; `1.5` is neither.
    if number == int(number) and number > 0:
        return int(number)
    raise MaskwrightError(
        f"--val is a share such as 0.1, a count such as 500, or other data; got '{val}'."
    )


def count_held(val: float | int | str | None, available: int) -> int:
    """How many of the pictures at hand are held out.

    val: as `read_val` gives it.

    Raises MaskwrightError where that is asked for and cannot be.
    """
    if val is None:
        return default_count(available)
    if isinstance(val, str) or val == 0:
        return 0
    count = val if isinstance(val, int) else round(val * available)
    if 0 < count < available:
        return count
    left = "none to hold out" if count < 1 else "none to train on"
    raise MaskwrightError(
        f"--val {val:g} of {available:,} pictures leaves {left}; give another share such as 0.1,"
        " a smaller count, other data, or --val 0."
    )


def warn_of_few_held(settings: DataSettings, found: int, reporter: Reporter) -> None:
    """Say before anything is decoded that too few pictures are held out to trust what is measured.

    found: pictures of the data. `--val 0` and other data are the person's own decision.
    """
    val = read_val(settings.val)
    if isinstance(val, str) or val == 0:
        return
    available = _count_available(settings, found)
    if available < 2 or (held := count_held(val, available)) >= FEW_HELD:
        return
    if held:
        what = f"Only {held} of {available:,} pictures are held out, so losses are rough"
    else:
        what = f"None of {available:,} pictures is held out, so losses are of pictures trained on"
    larger = _larger_share(available)
    if round(larger * available) > held:
        reporter.warn(f"{what}. --val {larger:g} holds more out, --val OTHER takes other pictures.")
    else:
        # A larger share would leave too few of so few to train on.
        reporter.warn(f"{what}. --val OTHER takes other pictures.")


def count_trained(settings: DataSettings, found: int) -> int:
    """How many pictures are left to train on, before any is decoded.

    found: pictures of the data.
    """
    available = _count_available(settings, found)
    return available - count_held(read_val(settings.val), available)


def _count_available(settings: DataSettings, found: int) -> int:
    """How many pictures are left after the test part and the limit."""
    left = found - round((settings.test_size or 0) * found)
    return min(left, settings.limit or left)


def _larger_share(available: int) -> float:
    """A share that holds enough out, and leaves most to train on."""
    return min(0.2, math.ceil(100 * FEW_HELD / available) / 100)


def check_held(
    val: str | None, held: PackedStore | None, available: int, reporter: Reporter
) -> None:
    """Say that nothing could be held out because all pictures are equal.

    Raises MaskwrightError where --val asked for it.
    """
    if held is not None:
        return
    reason = f"All {available:,} pictures show the same picture, so none is held out"
    if val is not None:
        raise MaskwrightError(f"{reason}: --val {val} cannot be met; give other data or --val 0.")
    reporter.warn(f"{reason}.")


def set_apart(
    store: PackedStore, test_size: float | None, reporter: Reporter
) -> tuple[PackedStore, PackedStore | None]:
    """What may be trained on, and the test part.

    The test part is the same for every seed and every arm; labels only spread it over the classes.
    """
    if not test_size:
        return store, None
    # A class with few pictures is cut too: labels must not decide what a training sees.
    # A fixed seed: every training of these pictures leaves the same part alone.
    parts = set_test_apart(store, TEST_SEED, test_size, spare_classes=False)
    if parts.held is None:
        raise MaskwrightError(
            f"--test-size {test_size:g} of {len(store):,} pictures leaves none for the test; give a"
            " larger share or more pictures."
        )
    reporter.say(
        f"{len(parts.held):,} pictures set apart for a test after the training (--test-size"
        f" {test_size:g})"
    )
    return parts.train, parts.held


def fit_classes(train: PackedStore, held: PackedStore, val: str, reporter: Reporter) -> PackedStore:
    """Other held-out data under the class numbers of train.

    Where k-NN could not be measured, it comes without labels, and that is said.
    """
    _warn_of_common(train, held, val, reporter)
    if train.labels is None:
        return held
    # Class numbers follow the order of names, which may differ.
    if held.labels is not None and shared_classes(train, held):
        return same_classes(train, held)
    lack = "has no labels" if held.labels is None else "names none of the classes trained on"
    reporter.say(f"'{val}' {lack}, so k-NN is not measured while training.")
    return dataclasses.replace(held, labels=None, classes=None)


def _warn_of_common(train: PackedStore, held: PackedStore, val: str, reporter: Reporter) -> None:
    """Warn of held-out pictures that are also trained on."""
    # Streams keep no pixels to compare.
    if train.content is None or held.content is None:
        return
    common = int(torch.isin(held.content, train.content).sum())
    if common:
        reporter.warn(
            f"{common:,} of the {len(held):,} pictures of '{val}' are also trained on (equal"
            " pixels), so its loss flatters."
        )
