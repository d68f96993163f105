"""The gallery: a page for each catalog, an entry for each line of it, made from its docstring."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from site_pages.catalogs import SECTIONS, Section, list_formats, list_sources
from site_pages.docstrings import Docstring, Option, read_docstring, read_options
from site_pages.draw_pixels import draw_sources
from site_pages.figures import DRAWN
from site_pages.files import read_drawing, stamp_of, write_changed
from site_pages.materials import Materials

# An entry has its summary and two or three sentences of its docstring.
FEWEST_SENTENCES, MOST_SENTENCES = 2, 3


class IncompleteEntry(Exception):
    """An entry of a catalog lacks what its place in the gallery needs."""


def write_gallery(out: Path, pictures: Path, sections: Sequence[Section] = SECTIONS) -> None:
    """Write the pages below `out`.

    pictures: a folder in which pictures are kept from one build to the next.

    Raises IncompleteEntry for an entry without formula, source or enough sentences.
    """
    # Every docstring is read before the first picture is drawn, which takes a minute.
    read = {section.name: read_section(section) for section in sections}
    with TemporaryDirectory() as place:
        materials = Materials(Path(place))
        for section in sections:
            drawn = draw_section(section, pictures, materials)
            text = format_section(section, read[section.name], drawn)
            write_changed(out / f"{section.name}.md", text)
    write_changed(out / "sources.md", _format_sources(pictures))
    write_changed(out / "formats.md", _format_formats())
    write_changed(out / "index.md", _format_index(sections))


def read_section(section: Section) -> dict[str, Docstring]:
    """The docstring of each entry, in its parts.

    Raises IncompleteEntry for the first entry that lacks something, with what it is.
    """
    read = {}
    for name, entry in section.catalog.items():
        read[name] = read_docstring(entry.load())
        lacks = _find_missing(read[name])
        if lacks:
            raise IncompleteEntry(
                f"{entry.path} ('{name}' of {section.name}) has no {lacks} in its docstring. The"
                " gallery shows it; CONTRIBUTING.md says how it is written."
            )
    return read


def _find_missing(read: Docstring) -> str:
    """What a docstring lacks; nothing where it is complete."""
    if not read.formula:
        return "line `Formula: ...`"
    if not read.source:
        return "line `Source: ...`"
    if len(read.sentences()) < FEWEST_SENTENCES:
        return f"{FEWEST_SENTENCES} sentences"
    return ""


def draw_section(section: Section, pictures: Path, materials: Materials) -> dict[str, Path]:
    """The picture of each entry; those of an unchanged entry are kept, others are removed."""
    folder = pictures / section.name
    folder.mkdir(parents=True, exist_ok=True)
    drawn: dict[str, Path] = {}
    for name in section.catalog:
        # The stamp in the name is the cache: another stamp is another file.
        place = folder / f"{name}-{_stamp(section, name)}.png"
        if not place.exists():
            DRAWN[section.name](materials, section.shown_of(name), place)
        drawn[name] = place
    for path in set(folder.iterdir()) - set(drawn.values()):
        path.unlink()
    return drawn


def format_section(
    section: Section, read: Mapping[str, Docstring], drawn: Mapping[str, Path]
) -> str:
    """The page of a catalog, an entry below the other."""
    # A blank line between any two parts makes each a block of Markdown.
    parts = [f"# {section.title}", section.about, section.pictures]
    for name in section.catalog:
        parts += _format_entry(section, name, read[name], drawn[name])
    return "\n\n".join(parts) + "\n"


def _format_entry(section: Section, name: str, read: Docstring, picture: Path) -> list[str]:
    summary = section.catalog[name].summary
    kind = section.title.partition(":")[0]
    # Signs of Markdown stand for themselves; code between backticks would be left out.
    alt = re.sub(r"([*_\[\]`<])", r"\\\1", f"{kind}: {section.shown_of(name)}, {summary}")
    parts = [
        f"({section.name}-{name})=\n## `{name}`",
        f"*{summary}*",
        " ".join(read.sentences()[:MOST_SENTENCES]),
        # One that has a width becomes a link to itself at full size; site.css keeps it as it is.
        f'![{alt}](pictures/{section.name}/{picture.name}){{width="100%"}}',
        f"```text\n{read.formula}\n```",
        f"Source: {read.source}",
        f"```bash\n{section.command_of(name)}\n```",
    ]
    options = [_format_option(option) for option in read_options(section.catalog[name].load())]
    return [*parts, "Options:\n\n" + "\n".join(options)] if options else parts


def _format_option(option: Option) -> str:
    names = ", ".join(f"`{name}`" for name in option.names)
    default = f" (default {option.default})" if option.default else ""
    return f"- {names}{default}: {option.meaning}"


def _format_sources(pictures: Path) -> str:
    folder = pictures / "sources"
    folder.mkdir(parents=True, exist_ok=True)
    stamp = stamp_of(["data/rendered", "visual"], read_drawing())
    picture = folder / f"rendered-{stamp}.png"
    if not picture.exists():
        draw_sources(picture)
    for path in set(folder.iterdir()) - {picture}:
        path.unlink()
    rows = [f"| {name} | {noun} |" for name, noun in list_sources()]
    return "\n".join(
        [
            "# Sources: where pictures come from",
            "",
            "Kinds of data, in the order in which they are tried; the first that fits opens it."
            " How each is written stands in the [guide on data](../../guide/data.md).",
            "",
            "| kind | what it is |",
            "|---|---|",
            *rows,
            "",
            "Two kinds are rendered, so they need no files:",
            "",
            f"![Six rendered pictures of dead-leaves, six of shapes-textures](pictures/sources/"
            f"{picture.name})",
            "",
            "```bash",
            'maskwright pretrain "dead-leaves:n=5000,size=64"',
            "```",
            "",
        ]
    )


def _format_formats() -> str:
    rows = [f"| `{name}` | {summary} |" for name, summary in list_formats()]
    # Formats have no pictures: what they are is a line each.
    return "\n".join(
        [
            "# Formats: where models go",
            "",
            "Every export is read back by the software it is for, and refused where the numbers"
            " differ by more than 1e-4 of the largest. The"
            " [guide on weights](../../guide/weights.md) says what can be read.",
            "",
            "| format | what it is |",
            "|---|---|",
            *rows,
            "",
            "```bash",
            "maskwright export RUN --format timm",
            "```",
            "",
        ]
    )


def _format_index(sections: Sequence[Section]) -> str:
    lines = [
        "# Gallery",
        "",
        "Everything that can be named, each with a picture, its formula, its source and the line"
        " that uses it. These pages are made from the package's own catalogs and docstrings.",
        "",
    ]
    for section in sections:
        # Each name leads to its own place on the page.
        names = [f"[`{name}`](#{section.name}-{name})" for name in section.catalog]
        lines += [f"## [{section.title}]({section.name}.md)", "", ", ".join(names), ""]
    pages = [*[section.name for section in sections], "sources", "formats"]
    lines += [
        "## Data and formats",
        "",
        "[Sources](sources.md): where pictures come from. [Formats](formats.md): where models go.",
        "",
        *["```{toctree}", ":hidden:", "", *pages, "```", ""],
    ]
    return "\n".join(lines)


def _stamp(section: Section, name: str) -> str:
    """Changes when what draws the picture may have changed."""
    # An entry may stand in a room of its own, or in a test.
    module = inspect.getmodule(section.catalog[name].load())
    assert module is not None
    return stamp_of(
        section.rooms, inspect.getsource(module), section.shown_of(name), read_drawing()
    )
