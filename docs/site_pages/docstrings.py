"""A docstring of the package as parts: sentences, formula, source, and one line per field."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

# `sigma: width of the Gaussian`, or several names before one colon.
FIELD = re.compile(r"^([a-z_]\w*(?:, [a-z_]\w*)*): (.*)$")
# A full stop ends a sentence where a capital letter follows; "et al. 2022" goes on.
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z`])")


@dataclass(frozen=True)
class Docstring:
    """The parts of a docstring.

    text: its sentences.
    formula: what stands behind `Formula:`, without line breaks; empty where there is none.
    source: what stands behind `Source:`; empty where there is none.
    fields: name of a field -> what it means.
    """

    text: str
    formula: str
    source: str
    fields: dict[str, str]

    def sentences(self) -> list[str]:
        """Its sentences, one by one."""
        return SENTENCE_END.split(self.text) if self.text else []


@dataclass(frozen=True)
class Option:
    """An option of an entry.

    names: of one field, or of several that are described together.
    meaning: its line in a docstring.
    default: as it would be written, or empty where a value has to be given.
    """

    names: tuple[str, ...]
    meaning: str
    default: str


def read_options(owner: type) -> list[Option]:
    """The fields of a dataclass with what its docstring, its bases or its module say of them."""
    described = dict(_described(owner))
    defaults = {item.name: _default_of(item) for item in dataclasses.fields(owner) if item.init}
    options, seen = [], set()
    for name in defaults:
        if name in described and name not in seen:
            # Fields that share a line are shown together, but for those that have one of their own.
            together, meaning = described[name]
            names = tuple(each for each in together if described[each] == described[name])
            seen |= set(names)
            written = [defaults[each] for each in names if each in defaults]
            options.append(Option(names, meaning, ", ".join(filter(None, written))))
    return options


def _described(owner: type) -> Iterator[tuple[str, tuple[tuple[str, ...], str]]]:
    """Every field that is described, the nearest description last."""
    # From what is said farthest away to what is said at the class: the last one counts.
    for source in (sys.modules[owner.__module__], *reversed(owner.__mro__[:-1])):
        for key, meaning in read_docstring(source).fields.items():
            names = tuple(key.split(", "))
            yield from ((name, (names, meaning)) for name in names)


def _default_of(item: dataclasses.Field[object]) -> str:
    """The default as it would be written; empty where there is none or it says nothing."""
    if item.default in (dataclasses.MISSING, None, "", ()):
        return ""
    return _to_plain(item.default)


def _to_plain(value: object) -> str:
    """A value as one would write it: 3.33333, and not 3.3333333333333335."""
    if isinstance(value, tuple):
        return f"({', '.join(map(_to_plain, value))})"
    return f"{value:g}" if isinstance(value, float) else str(value)


def read_docstring(owner: object) -> Docstring:
    """Take the docstring of a class, function or module apart."""
    found = {"Formula": "", "Source": ""}
    fields: dict[str, str] = {}
    text: list[str] = []
    for paragraph in (inspect.getdoc(owner) or "").split("\n\n"):
        for line in _unwrapped(paragraph):
            label, _, rest = line.partition(": ")
            named = FIELD.match(line)
            # The order matters: `Source: x` would pass for a field too.
            if label in found:
                found[label] = rest
            elif named:
                fields[named[1]] = named[2]
            else:
                text.append(line)
    return Docstring(" ".join(text), found["Formula"], found["Source"], fields)


def _unwrapped(paragraph: str) -> list[str]:
    """Lines of a paragraph; one that is indented, or ends no label, goes on with the one before."""
    lines: list[str] = []
    for line in paragraph.splitlines():
        # A word with a colon in the middle of a sentence is no label.
        in_prose = bool(lines) and not _is_label(lines[0])
        if not lines or (_is_label(line) and not in_prose and not line.startswith(" ")):
            lines.append(line.strip())
        else:
            lines[-1] += f" {line.strip()}"
    return lines


def _is_label(line: str) -> bool:
    return line.startswith(("Formula: ", "Source: ")) or bool(FIELD.match(line))
