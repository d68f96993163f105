"""A docstring of the package as parts: sentences, formula, source, and one line per field."""

from __future__ import annotations

import inspect
import re
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

    def first_sentences(self, count: int) -> str:
        """Its first sentences."""
        return " ".join(SENTENCE_END.split(self.text)[:count])


def read_docstring(owner: object) -> Docstring:
    """Take the docstring of a class or function apart."""
    found = {"Formula": "", "Source": ""}
    fields: dict[str, str] = {}
    text: list[str] = []
    for paragraph in (inspect.getdoc(owner) or "").split("\n\n"):
        for line in _unwrapped(paragraph):
            label, _, rest = line.partition(": ")
            named = FIELD.match(line)
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
        starts = not lines or line.startswith(("Formula: ", "Source: ")) or FIELD.match(line)
        if starts and not line.startswith(" "):
            lines.append(line.strip())
        else:
            lines[-1] += f" {line.strip()}"
    return lines


def to_rst(lines: list[str]) -> list[str]:
    """The lines of a docstring as reStructuredText: fields become a list, other marks are text."""
    rst: list[str] = []
    in_arguments = in_example = False
    for line in lines:
        # `Arguments:` heads indented fields; the list needs no heading of its own.
        if line == "Arguments:":
            in_arguments = True
            continue
        text = line[4:] if in_arguments and line.startswith("    ") else line
        in_example = bool(text) and (in_example or text.lstrip().startswith(">>> "))
        if in_example:
            rst.append(text)
            continue
        rst += _line_to_rst(text, after=rst[-1] if rst else "")
    return rst


def _line_to_rst(text: str, after: str) -> list[str]:
    """A line, with an empty one before it where it begins a list."""
    fact = re.match(r"^(Formula|Source): (.*)$", text)
    named = fact or FIELD.match(text)
    if not named:
        return [_escape(text)]
    label = named[1] if fact else f"param {named[1]}"
    gap = [""] if after and not after.startswith((":", " ")) else []
    return [*gap, f":{label}: {_escape(named[2])}"]


def _escape(text: str) -> str:
    """Code between backticks as code; other signs of reStructuredText stand for themselves."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return re.sub(r"([*|`\\]|_\b)", r"\\\1", text)
    plain = [re.sub(r"([*|\\]|_\b)", r"\\\1", part) for part in parts[::2]]
    out = plain[0]
    for code, after in zip(parts[1::2], plain[1:], strict=True):
        # A word may follow code directly, as in `block`s.
        glue = "\\ " if after[:1].isalnum() else ""
        out += f"``{code}``{glue}{after}"
    return out
