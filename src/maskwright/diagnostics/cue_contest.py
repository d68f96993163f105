"""Which cue-conflict pictures count, and which classes of a probe stand for their categories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from maskwright.data.rendered.cue_names import Cues
from maskwright.data.rendered.shapes_textures import PAIRS
from maskwright.evaluation.fixed_probe import FixedProbe
from maskwright.support.errors import MaskwrightError

# A message names at most so many classes.
MOST_NAMES = 8


@dataclass(frozen=True)
class CueContest:
    """The pictures that count and the categories they are about.

    rows: (m,) their positions among all pictures.
    shapes: (m,) numbers of the categories of their outlines.
    textures: (m,) numbers of the categories of their surfaces.
    names: of the categories.
    members: columns of the probe that belong to each category.
    classes: the name of each column of the probe.
    """

    rows: Tensor
    shapes: Tensor
    textures: Tensor
    names: tuple[str, ...]
    members: tuple[tuple[int, ...], ...]
    classes: tuple[str, ...]

    def describe(self) -> dict[str, list[str]]:
        """The probe classes behind each category."""
        named = {}
        for name, columns in zip(self.names, self.members, strict=True):
            named[name] = [self.classes[column] for column in columns]
        return named


def match_categories(
    cues: Sequence[Cues], probe: FixedProbe, classes: Sequence[str], categories: dict[str, str]
) -> CueContest:
    """Find the categories that probe and pictures share, and the pictures whose two cues differ.

    cues: of each picture.
    classes: the name of each label.
    categories: class or cue -> category; a name that is not in it stands for itself, an empty
        category for nothing.

    Raises MaskwrightError where fewer than two categories, or no pictures, are left.
    """
    # Classes and cues are translated into one vocabulary before they are compared.
    columns = _column_names(probe, classes)
    translated = [
        Cues(categories.get(cue.shape, cue.shape), categories.get(cue.texture, cue.texture))
        for cue in cues
    ]
    names = _shared_names(columns, translated, categories)

    numbers = {name: number for number, name in enumerate(names)}
    # A picture whose cues agree says nothing about which of them decides.
    contested = {
        row: cue
        for row, cue in enumerate(translated)
        if cue.shape != cue.texture and cue.shape in numbers and cue.texture in numbers
    }
    if not contested:
        raise MaskwrightError(
            f"No picture has two different cues among {_few(names)}; cue conflict needs such"
            " pictures."
        )
    return CueContest(
        rows=torch.tensor(list(contested)),
        shapes=torch.tensor([numbers[cue.shape] for cue in contested.values()]),
        textures=torch.tensor([numbers[cue.texture] for cue in contested.values()]),
        names=tuple(names),
        members=tuple(_columns_of(name, columns, categories) for name in names),
        classes=columns,
    )


def rendered_pairs(cues: Sequence[Cues]) -> dict[str, str]:
    """The shape that each texture goes with, for rendered pictures; nothing for others."""
    shapes = {cue.shape for cue in cues}
    textures = {cue.texture for cue in cues}
    is_rendered = shapes <= set(PAIRS.values()) and textures <= set(PAIRS)
    return PAIRS if is_rendered else {}


def _column_names(probe: FixedProbe, classes: Sequence[str]) -> tuple[str, ...]:
    """The class of each column; a label without a name stands for itself."""
    names = []
    for label in probe.labels.tolist():
        name = classes[label] if label < len(classes) else str(label)
        names.append(name)
    return tuple(names)


def _columns_of(name: str, columns: Sequence[str], categories: dict[str, str]) -> tuple[int, ...]:
    """The columns of the probe that belong to a category."""
    members = [at for at, column in enumerate(columns) if categories.get(column, column) == name]
    return tuple(members)


def _shared_names(
    columns: Sequence[str], cues: Sequence[Cues], categories: dict[str, str]
) -> list[str]:
    """Categories that the probe knows and the pictures show, sorted."""
    shown = {cue.shape for cue in cues} | {cue.texture for cue in cues}
    # An empty category is one that the mapping leaves out on purpose.
    shown -= {""}
    shared = sorted({categories.get(name, name) for name in columns} & shown)
    if len(shared) < 2:
        raise MaskwrightError(
            f"The probe's classes ({_few(columns)}) and the cue-conflict pictures"
            f" ({_few(sorted(shown))}) share {len(shared)} categories and at least two are needed;"
            " say which class is which with a CSV of class,category:"
            " cue-conflict(mapping='FILE.csv')."
        )
    return shared


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMES])
    return f"{shown} ..." if len(names) > MOST_NAMES else shown
