"""Which splits of labeled data are learned from and tested on."""

from __future__ import annotations

from maskwright.support.errors import MaskwrightError
from maskwright.workflows.loading.labeled_settings import LabeledSettings

# Names of splits as data sets have them, the best first.
TEST_NAMES = ("test", "val", "valid", "validation")
TRAIN_NAMES = ("train", "training", "trainval")


def split_names(settings: LabeledSettings, known: tuple[str, ...]) -> tuple[str, str] | None:
    """The splits to learn from and to test on, or None to cut the whole.

    Raises MaskwrightError where both would be the same.
    """
    if settings.test_split is not None and settings.test_split == settings.train_split:
        raise MaskwrightError(
            f"--train-split and --test-split both name '{settings.test_split}', and a test on what"
            " was learned from says nothing; name two."
        )
    # What the person names counts; the rest is found by its name.
    test = settings.test_split or _first_known(TEST_NAMES, known, besides=settings.train_split)
    train = settings.train_split or _first_known(TRAIN_NAMES, known, besides=test)
    # A named test split must not be taken from what is learned from.
    if train is None and settings.test_split is not None:
        raise MaskwrightError(
            f"'{settings.data}' has no split named train beside '{settings.test_split}' (it has"
            f" {', '.join(known) or 'none'}); say which to fit on by --train-split."
        )
    return None if train is None or test is None else (train, test)


def _first_known(names: tuple[str, ...], known: tuple[str, ...], besides: str | None) -> str | None:
    """The first of the names that the data has, other than the one that is taken already."""
    for name in names:
        if name in known and name != besides:
            return name
    return None
