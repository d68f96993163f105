"""Docstrings of the package as reStructuredText, which Sphinx reads.

Ours are plain text: code stands in backticks, and a field is a line such as `size: in pixels.`
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from site_pages.docstrings import FIELD

FACT = re.compile(r"^(Formula|Source): (.*)$")
ERROR = re.compile(r"^Raises (\w+)[ ,:]+(.*)$")


@dataclass
class _Parts:
    """A docstring while it is taken apart.

    prose: paragraphs and examples, in their order.
    fields: the lines of what will be one list of parameters, errors and facts.
    """

    prose: list[list[str]] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)


def to_rst(lines: list[str], defaults: Mapping[str, str] | None = None) -> list[str]:
    """The lines of a docstring as reStructuredText: prose first, then one list of all fields.

    defaults: by parameter, what is written behind its meaning where that names no default.
    """
    parts = _Parts()
    for paragraph in _paragraphs(lines):
        if paragraph[0].startswith(">>> "):
            parts.prose.append(paragraph)
        else:
            _take_paragraph(parts, paragraph, defaults or {})
    rst: list[str] = []
    for block in [*parts.prose, parts.fields]:
        rst += [*block, ""] if block else []
    return rst


def _paragraphs(lines: list[str]) -> Iterator[list[str]]:
    """Runs of lines without an empty one; `Arguments:` heads fields and needs no heading here."""
    run: list[str] = []
    in_arguments = False
    for line in [*lines, ""]:
        if line == "Arguments:":
            in_arguments = True
            continue
        in_arguments = in_arguments and line.startswith("    ")
        if line.strip():
            run.append(line[4:] if in_arguments else line)
        elif run:
            yield run
            run = []


def _take_paragraph(parts: _Parts, paragraph: list[str], defaults: Mapping[str, str]) -> None:
    """Sort the lines of a paragraph into prose and fields; what is indented goes on."""
    prose: list[str] = []
    inside = False
    for at, line in enumerate(paragraph):
        # Inside a paragraph a sentence about errors stays where it is.
        error = ERROR.match(line) if at == 0 else None
        # A word with a colon in the middle of a sentence is no field.
        started = None if prose else FACT.match(line) or FIELD.match(line)
        if error:
            # Two names lead to our error: the public one is meant, shown without its module.
            kind = error[1].replace("MaskwrightError", "~maskwright.MaskwrightError")
            parts.fields.append(f":raises {kind}: {_escape(error[2])}")
            inside = True
        elif started:
            parts.fields.append(_format_field(started, defaults))
            inside = True
        elif inside and (line.startswith(" ") or ERROR.match(paragraph[0])):
            parts.fields.append(f"    {_escape(line.strip())}")
        else:
            prose.append(_escape(line))
            inside = False
    if prose:
        # A table of letters keeps its lines.
        is_table = all(line.startswith("    ") for line in paragraph)
        parts.prose.append(["::", "", *paragraph] if is_table else prose)


def _format_field(started: re.Match[str], defaults: Mapping[str, str]) -> str:
    name, meaning = started[1], _escape(started[2])
    # Sphinx writes unknown fields as they are, with their name as a heading.
    if name in ("Formula", "Source"):
        return f":{name}: {meaning}"
    # Of several names that share a line Sphinx would read the first as a type.
    name, *others = name.split(", ")
    if others:
        meaning = f"with {', '.join(f'``{other}``' for other in others)}: {meaning}"
    default = defaults.get(name)
    known = default is None or "default" in started[2]
    return f":param {name}: {meaning}" if known else f":param {name}: (``{default}``) {meaning}"


def _escape(text: str) -> str:
    """Code between backticks as code; other signs of reStructuredText stand for themselves."""
    # Between the first and the second backtick there is code, and so on.
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
