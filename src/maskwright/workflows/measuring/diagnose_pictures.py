"""The pictures of a diagnosis: labeled ones, and stimuli whose names say what they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from maskwright.data.sources.open import Source, open_source
from maskwright.data.sources.reading import AS_FOUND, Reading
from maskwright.data.store.splits import limited
from maskwright.diagnostics.diagnostic import Diagnostic
from maskwright.diagnostics.stylized import check_classes
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.workflows.loading.labeled import LabeledSettings, LabeledSplit, find_split
from maskwright.workflows.loading.pictures import packed
from maskwright.workflows.loading.split_names import TEST_NAMES
from maskwright.workflows.measuring.store_pictures import StorePictures

EXTRA_PICTURES = {
    "stimuli": "PLACE, pictures named <shape>/<shape>1-<texture>2.png, such as cue-conflict.zip",
    "textures": "PLACE, a folder or archive with one folder per texture",
    "stylized": "PLACE, a folder or archive with one folder per class of the clean pictures",
}
"""What the pictures are that a test wants beside --on, by flag."""

# The folder of cue-conflict pictures in the repository of Geirhos et al. (2019).
STYLE_TRANSFER = "style-transfer/"


def open_both(
    split: LabeledSplit, size: tuple[int, int], channels: int, reporter: Reporter
) -> tuple[StorePictures, StorePictures]:
    """Train and test pictures at one size."""
    labeled = split.open(size, channels, reporter)
    return StorePictures(labeled.train, size), StorePictures(labeled.test, size)


@dataclass(frozen=True)
class Stimuli:
    """Pictures that are only looked at, whose names say what they show.

    source: where they are read from.
    limit: how many at most; None takes all.
    seed: draws which.
    """

    source: Source
    limit: int | None
    seed: int

    def open(self, size: tuple[int, int], channels: int, reporter: Reporter) -> StorePictures:
        """The pictures at one size."""
        store = packed(self.source, size, channels, reporter)
        return StorePictures(limited(store, self.limit, self.seed), size)


def find_stimuli(data: str, limit: int | None, seed: int, reading: Reading = AS_FOUND) -> Stimuli:
    """Open cue-conflict pictures: those below `style-transfer/` alone where there is such a folder,
    as in Geirhos's repository.
    """
    source = open_source(data, reading=reading)
    # Names alone: no picture is decoded here.
    keys = [source.key(index) for index in range(len(source))]
    inside = [key for key in keys if STYLE_TRANSFER in key]
    # Beside it lie edges, silhouettes and the like, whose cues do not disagree.
    if inside and len(inside) < len(keys):
        parent = inside[0].split(STYLE_TRANSFER)[0]
        source = open_source(f"{data.rstrip('/')}/{parent}style-transfer", reading=reading)
    return Stimuli(source, limit, seed)


def find_stylized(
    data: str, limit: int | None, seed: int, reading: Reading, classes: Sequence[str]
) -> Stimuli:
    """Open stylized pictures, their test split alone where there is one.

    classes: those of the clean pictures, which must have all of theirs.
    """
    source = open_source(data, reading=reading)
    test = next((name for name in TEST_NAMES if name in source.splits), None)
    if test is not None:
        source = open_source(data, split=test, reading=reading)
    check_classes(source.classes or (), classes, data)
    return Stimuli(source, limit, seed)


def find_extra_pictures(
    questions: Mapping[str, Diagnostic],
    paths: Mapping[str, str | None],
    split: LabeledSplit,
) -> dict[str, LabeledSplit | Stimuli]:
    """Open the pictures that the questions want beside the test pictures.

    paths: what was given for each of `EXTRA_PICTURES`.
    split: the test pictures, whose limit, seed, value range and classes hold here too.

    Raises MaskwrightError for what is missing, and for what no question wants.
    """
    # What is missing, or given for nothing, is said before any picture is opened.
    flags = _check_wants(questions, paths)
    labeled = split.settings
    extras: dict[str, LabeledSplit | Stimuli] = {}
    for flag in flags:
        settings = LabeledSettings(
            data=str(paths[flag]),
            limit=labeled.limit,
            seed=labeled.seed,
            value_range=labeled.value_range,
        )
        # Stimuli have no labels and no split: nothing is fitted on them.
        if flag == "stimuli":
            extras[flag] = find_stimuli(
                settings.data, settings.limit, settings.seed, settings.reading
            )
        elif flag == "stylized":
            extras[flag] = find_stylized(
                settings.data,
                settings.limit,
                settings.seed,
                settings.reading,
                split.train.classes or (),
            )
        else:
            extras[flag] = find_split(settings)
    return extras


def _check_wants(questions: Mapping[str, Diagnostic], paths: Mapping[str, str | None]) -> list[str]:
    """The flags that the questions want, in their order."""
    # Each flag with a question that wants it, for the message.
    wants: dict[str, str] = {}
    for name, question in questions.items():
        wants |= dict.fromkeys(question.wants, name)
    for flag, name in wants.items():
        if paths.get(flag) is None:
            raise MaskwrightError(f"{name} needs --{flag} {EXTRA_PICTURES[flag]}.")
    for flag, path in paths.items():
        if path is not None and flag not in wants:
            raise MaskwrightError(
                f"--{flag} is used by none of the tests {', '.join(questions)}; leave it out or add"
                " the test that needs it."
            )
    return list(wants)
