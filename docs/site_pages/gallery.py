"""The gallery: a page for each catalog, an entry for each line of it, made from its docstring."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import maskwright
from maskwright.support.catalog import Entry
from site_pages.catalogs import SECTIONS, Section, list_formats, list_sources
from site_pages.docstrings import read_docstring
from site_pages.figures import DRAWN, NO_PICTURE, PICTURED, Materials, draw_sources

SENTENCES = 3
# Options of these two are read from files, so their classes have other fields.
WRITTEN = {"given": "given(path='mask.png')", "learned": "learned(path='RUN/select/NAME')"}


def write_gallery(out: Path, pictures: Path, sections: Sequence[Section] = SECTIONS) -> None:
    """Write the pages below `out`.

    pictures: a folder in which pictures are kept from one build to the next.
    """
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as place:
        materials = Materials(Path(place))
        for section in sections:
            text = format_section(section, draw_section(section, pictures, materials))
            (out / f"{section.name}.md").write_text(text, encoding="utf-8")
    (out / "sources.md").write_text(_format_sources(pictures), encoding="utf-8")
    (out / "formats.md").write_text(_format_formats(), encoding="utf-8")
    (out / "index.md").write_text(_format_index(sections), encoding="utf-8")


def draw_section(section: Section, pictures: Path, materials: Materials) -> dict[str, Path]:
    """The picture of each entry that has one; those of an unchanged entry are kept."""
    folder = pictures / section.name
    folder.mkdir(parents=True, exist_ok=True)
    drawn: dict[str, Path] = {}
    for name, entry in section.catalog.items():
        if name in NO_PICTURE:
            continue
        line = PICTURED.get(section.name, {}).get(name, example_of(name, entry))
        place = folder / f"{name}-{_stamp(entry, line)}.png"
        if not place.exists():
            DRAWN[section.name](materials, line, place)
        drawn[name] = place
    return drawn


def format_section(section: Section, drawn: Mapping[str, Path]) -> str:
    """The page of a catalog."""
    parts = [f"# {section.title}", section.about, section.pictures]
    for name, entry in section.catalog.items():
        parts += _format_entry(section, name, entry, drawn.get(name))
    return "\n\n".join(parts) + "\n"


def example_of(name: str, entry: Entry) -> str:
    """A line that uses an entry."""
    return WRITTEN.get(name) or (entry.examples or (name,))[0]


def _format_entry(section: Section, name: str, entry: Entry, picture: Path | None) -> list[str]:
    read = read_docstring(entry.load())
    line = example_of(name, entry)
    shown = PICTURED.get(section.name, {}).get(name, line)
    parts = [f"({section.name}-{name})=\n## `{name}`", f"*{entry.summary}*"]
    parts.append(read.first_sentences(SENTENCES))
    if picture is not None:
        # From docs/generated/gallery to the folder of pictures beside it.
        alt = f"{section.title.split(':')[0]}: `{shown}`, {entry.summary}"
        parts.append(f"![{alt}](pictures/{section.name}/{picture.name})")
    else:
        parts.append(NO_PICTURE.get(name, "There is no picture of this entry."))
    if read.formula:
        parts.append(f"```text\n{read.formula}\n```")
    if read.source:
        parts.append(f"Source: {read.source}")
    parts.append(f"```bash\n{section.use.format(line=line)}\n```")
    if read.fields:
        options = [f"- `{field}`: {meaning}" for field, meaning in read.fields.items()]
        parts.append("Options:\n\n" + "\n".join(options))
    return parts


def _format_sources(pictures: Path) -> str:
    picture = pictures / "sources.png"
    if not picture.exists():
        picture.parent.mkdir(parents=True, exist_ok=True)
        draw_sources(picture)
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
            "![Rendered: six of dead-leaves, six of shapes-textures](pictures/sources.png)",
            "",
            "```bash",
            'maskwright pretrain "dead-leaves:n=5000,size=64"',
            "```",
            "",
        ]
    )


def _format_formats() -> str:
    rows = [f"| `{name}` | {summary} |" for name, summary in list_formats()]
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
        "```{toctree}",
        *[section.name for section in sections],
        "sources",
        "formats",
        "```",
        "",
    ]
    return "\n".join(lines)


def _stamp(entry: Entry, line: str) -> str:
    """Changes when what draws the picture may have changed."""
    module = inspect.getsource(inspect.getmodule(entry.load()))  # type: ignore[arg-type]
    drawing = (Path(__file__).parent / "figures.py").read_text(encoding="utf-8")
    digest = hashlib.sha256(f"{maskwright.__version__}{module}{drawing}{line}".encode())
    return digest.hexdigest()[:10]
