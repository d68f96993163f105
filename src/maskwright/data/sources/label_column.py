"""Labels as people write them in a column: numbered where they are classes, and said in a sentence
where they are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from maskwright.data.sources.identity import identity_of

UNLABELED = -1
"""The label of a picture without one among labeled ones, as in scikit-learn."""
_NO_LABEL = ("", "nan", "<na>")  # how pandas writes a missing value
_FEWEST_NUMBERS = 8
_EXAMPLES = 3


@dataclass(frozen=True)
class LabelColumn:
    """Class numbers (-1: none) and names of pictures, both None where the column holds no classes;
    notes say what is odd about it.
    """

    numbers: list[int] | None
    classes: list[str] | None
    notes: tuple[str, ...] = ()

    def fingerprint(self, pictures: str) -> str:
        """The fingerprint of pictures with these labels."""
        return identity_of([pictures], self.numbers, self.classes)


def number_labels(names: Sequence[str]) -> tuple[list[int], list[str]]:
    """Number label names from 0 in their order: numeric if all are whole numbers, alphabetic
    otherwise; empty cells and NaN get -1.
    """
    distinct = {name for name in names if not is_missing(name)}
    numeric = all(name.lstrip("-").isdigit() for name in distinct)
    classes = sorted(distinct, key=int) if numeric else sorted(distinct)
    number = {name: at for at, name in enumerate(classes)}
    return [number.get(name, UNLABELED) for name in names], classes


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no label: it is empty or NaN."""
    return cell.strip().lower() in _NO_LABEL


def read_column(names: Sequence[str], cells: Sequence[str], place: str) -> LabelColumn:
    """Number the labels of pictures, one cell each; place: the file, for the notes.

    Pictures named with several labels, or with none, get -1. A column of several labels a cell, or
    of measurements, has no classes.
    """
    cells, notes = _without_contradictions(names, cells, place)
    missing = sum(map(is_missing, cells))
    known = [cell for cell in cells if not is_missing(cell)]
    odd = _several_in_a_cell(names, cells, place) or _measurements(known, place)
    if not known:
        odd = f"'{place}' has no label for any of {len(cells):,} pictures."
    if odd:
        return LabelColumn(None, None, (*notes, odd))
    if missing:
        notes += (
            (
                f"'{place}' has no label for {missing:,} of {len(cells):,} pictures; they count as"
                " unlabeled."
            ),
        )
    numbers, classes = number_labels(cells)
    return LabelColumn(numbers, classes, notes)


def contradictions(names: Sequence[str], cells: Sequence[str]) -> dict[str, tuple[str, str]]:
    """The names that stand with two different labels, with both."""
    first: dict[str, str] = {}
    found: dict[str, tuple[str, str]] = {}
    for name, cell in zip(names, cells, strict=True):
        if first.setdefault(name, cell) != cell:
            found.setdefault(name, (first[name], cell))
    return found


def format_contradictions(found: dict[str, tuple[str, str]], place: str) -> tuple[str, ...]:
    """A sentence that names pictures with several labels, if there are any."""
    if not found:
        return ()
    shown = [
        f"{name} as '{one}' and as '{two}'" for name, (one, two) in list(found.items())[:_EXAMPLES]
    ]
    more = f" and {len(found) - _EXAMPLES:,} more" if len(found) > _EXAMPLES else ""
    return (
        (
            f"'{place}' names {len(found):,} pictures more than once with different labels,"
            f" {', '.join(shown)}{more}; they count as unlabeled."
        ),
    )


def _without_contradictions(
    names: Sequence[str], cells: Sequence[str], place: str
) -> tuple[list[str], tuple[str, ...]]:
    found = contradictions(names, cells)
    kept = ["" if name in found else cell for name, cell in zip(names, cells, strict=True)]
    return kept, format_contradictions(found, place)


def _several_in_a_cell(names: Sequence[str], cells: Sequence[str], place: str) -> str:
    """Say so when cells such as `a|d` list labels: then one of the parts stands in
    other cells too.
    """
    for mark in "|;":
        split = {cell: [part.strip() for part in cell.split(mark)] for cell in set(cells)}
        uses: dict[str, int] = {}
        for parts in split.values():
            for part in set(parts):
                uses[part] = uses.get(part, 0) + 1
        shared = {
            cell
            for cell, parts in split.items()
            if len(parts) > 1 and any(part and uses[part] > 1 for part in parts)
        }
        if shared:
            many = [at for at, cell in enumerate(cells) if cell in shared]
            return (
                f"'{place}' has several labels in one cell for {len(many):,} of {len(cells):,}"
                f" pictures, for example '{cells[many[0]]}' for '{names[many[0]]}', and one class a"
                " picture is needed; write a column for each label and choose one with --labels"
                " FILE:COLUMN."
            )
    return ""


def _measurements(known: Sequence[str], place: str) -> str:
    """Say so when labels are numbers that nearly all differ."""
    distinct = set(known)
    if len(distinct) < _FEWEST_NUMBERS or 2 * len(distinct) <= len(known):
        return ""
    try:
        for cell in distinct:
            float(cell)
    except ValueError:
        return ""
    return (
        f"'{place}' has {len(distinct):,} different numbers as labels of {len(known):,} pictures:"
        " measurements, not classes, which need several pictures each. Write a column of classes"
        " (for example low, high) and choose it with --labels FILE:COLUMN."
    )
