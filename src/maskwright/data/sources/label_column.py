"""Labels as people write them in a column: numbered if they are classes, noted if they are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from maskwright.data.sources.identity import identity_of

UNLABELED = -1
"""The label of a picture without one among labeled ones, as in scikit-learn."""
_NO_LABEL = ("", "nan", "<na>")  # how pandas writes a missing value
# Fewer different numbers than these are taken for classes, even if each picture has its own.
_FEWEST_NUMBERS = 8
_EXAMPLES = 3  # pictures named in a note


@dataclass(frozen=True)
class LabelColumn:
    """The labels of pictures.

    numbers: the class number of each picture, -1 for none; None where the column holds no classes.
    classes: the name of each class; None where the column holds no classes.
    notes: sentences about what is odd in the column.
    """

    numbers: list[int] | None
    classes: list[str] | None
    notes: tuple[str, ...] = ()

    def fingerprint(self, pictures: str) -> str:
        """The fingerprint of pictures with these labels."""
        return identity_of([pictures], self.numbers, self.classes)


def number_labels(names: Sequence[str]) -> tuple[list[int], list[str]]:
    """Number label names from 0 in their order; empty cells and NaN get -1.

    The order is numeric if all are whole numbers, alphabetic otherwise.
    """
    distinct = {name for name in names if not is_missing(name)}
    # As numbers, 10 comes after 9 and not after 1.
    numeric = all(name.lstrip("-").isdigit() for name in distinct)
    classes = sorted(distinct, key=int) if numeric else sorted(distinct)
    number = {name: index for index, name in enumerate(classes)}
    return [number.get(name, UNLABELED) for name in names], classes


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no label: it is empty or NaN."""
    return cell.strip().lower() in _NO_LABEL


def read_column(names: Sequence[str], cells: Sequence[str], location: str) -> LabelColumn:
    """Number the labels of pictures.

    Pictures named with several labels, or with none, get -1. A column of several labels a cell, or
    of measurements, has no classes.

    names: of the pictures.
    cells: one for each picture.
    location: the file, for the notes.
    """
    cells, notes = _without_contradictions(names, cells, location)
    known = [cell for cell in cells if not is_missing(cell)]
    # What cannot be classes is said in a sentence, and the pictures stay without labels.
    reason = _several_in_a_cell(names, cells, location) or _measurements(known, location)
    if not known:
        reason = f"'{location}' has no label for any of {len(cells):,} pictures."
    if reason:
        return LabelColumn(None, None, (*notes, reason))
    missing = len(cells) - len(known)
    if missing:
        note = (
            f"'{location}' has no label for {missing:,} of {len(cells):,} pictures; they count as"
            " unlabeled."
        )
        notes = (*notes, note)
    numbers, classes = number_labels(cells)
    return LabelColumn(numbers, classes, notes)


def contradictions(names: Sequence[str], cells: Sequence[str]) -> dict[str, tuple[str, str]]:
    """The names that stand with two different labels, with both labels."""
    # The first label of each name, and the first that differs from it.
    first: dict[str, str] = {}
    pairs: dict[str, tuple[str, str]] = {}
    for name, cell in zip(names, cells, strict=True):
        if first.setdefault(name, cell) != cell:
            pairs.setdefault(name, (first[name], cell))
    return pairs


def format_contradictions(pairs: dict[str, tuple[str, str]], location: str) -> tuple[str, ...]:
    """A sentence that names pictures with several labels, if there are any."""
    if not pairs:
        return ()
    examples = []
    for name, (label, other) in list(pairs.items())[:_EXAMPLES]:
        examples.append(f"{name} as '{label}' and as '{other}'")
    left = len(pairs) - _EXAMPLES
    more = f" and {left:,} more" if left > 0 else ""
    note = (
        f"'{location}' names {len(pairs):,} pictures more than once with different labels,"
        f" {', '.join(examples)}{more}; they count as unlabeled."
    )
    return (note,)


def _without_contradictions(
    names: Sequence[str], cells: Sequence[str], location: str
) -> tuple[list[str], tuple[str, ...]]:
    """The cells, empty where a name stands with several labels, and a note that says so."""
    pairs = contradictions(names, cells)
    clean = ["" if name in pairs else cell for name, cell in zip(names, cells, strict=True)]
    return clean, format_contradictions(pairs, location)


def _several_in_a_cell(names: Sequence[str], cells: Sequence[str], location: str) -> str:
    """A sentence where cells such as `a|d` list labels; otherwise nothing."""
    for mark in "|;":
        lists = _cells_with_lists(cells, mark)
        if not lists:
            continue
        rows = [row for row, cell in enumerate(cells) if cell in lists]
        return (
            f"'{location}' has several labels in one cell for {len(rows):,} of {len(cells):,}"
            f" pictures, for example '{cells[rows[0]]}' for '{names[rows[0]]}', and one class a"
            " picture is needed; write a column for each label and choose one with --labels"
            " FILE:COLUMN."
        )
    return ""


def _cells_with_lists(cells: Sequence[str], mark: str) -> set[str]:
    """The cells that list labels with a mark between them.

    The mark may belong to a class's name. It parts labels if a part stands in other cells too.
    """
    parts_of = {cell: list(map(str.strip, cell.split(mark))) for cell in set(cells)}
    uses: Counter[str] = Counter()
    for parts in parts_of.values():
        uses.update(set(parts))
    lists = set()
    for cell, parts in parts_of.items():
        if len(parts) > 1 and any(part and uses[part] > 1 for part in parts):
            lists.add(cell)
    return lists


def _measurements(known: Sequence[str], location: str) -> str:
    """A sentence where labels are numbers that nearly all differ; otherwise nothing."""
    distinct = set(known)
    # Classes have two pictures or more on average.
    if len(distinct) < _FEWEST_NUMBERS or 2 * len(distinct) <= len(known):
        return ""
    # A single word among numbers makes them classes.
    try:
        for cell in distinct:
            float(cell)
    except ValueError:
        return ""
    return (
        f"'{location}' has {len(distinct):,} different numbers as labels of {len(known):,}"
        " pictures: measurements, not classes, which need several pictures each. Write a column of"
        " classes (for example low, high) and choose it with --labels FILE:COLUMN."
    )
