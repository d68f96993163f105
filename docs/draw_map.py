"""Draw the map of the house from the imports: floors of rooms, and families inside large ones.

`python docs/draw_map.py` writes docs/images/map.svg; a test asks that the picture is the one of
today's imports.
"""

from __future__ import annotations

import ast
from html import escape
from pathlib import Path

HERE = Path(__file__).parent
SRC = HERE.parent / "src" / "maskwright"
PICTURE = HERE / "images" / "map.svg"

# Rooms whose families are drawn as houses of their own.
LARGE_ROOMS = ("workflows", "data")
WIDTH = 1000
FLOOR_HEIGHT = 66
BOX_HEIGHT = 50
GAP = 8
STYLE = """
text { font-family: system-ui, sans-serif; fill: #1f2933 }
.name { font-size: 14px; font-weight: 600 }
.title { font-size: 16px; font-weight: 600 }
rect { fill: #eef4fb; stroke: #7b9cc4; rx: 5px }
"""


def read_sources(src: Path = SRC) -> dict[str, str]:
    """Source text by dotted module name below the package, e.g. `data.sources.folder`."""
    texts: dict[str, str] = {}
    for path in sorted(src.rglob("*.py")):
        parts = path.relative_to(src).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        texts[name] = path.read_text(encoding="utf-8")
    return texts


def find_arrows(texts: dict[str, str], room: str = "") -> dict[str, set[str]]:
    """Who imports whom, among the rooms of the package or the families of one room."""
    members = {name: _member(name, room) for name in texts}
    arrows: dict[str, set[str]] = {member: set() for member in members.values() if member}
    for name, text in texts.items():
        member = members[name]
        if not member:
            continue
        reached = {_member(target, room) for target in _imports(text, texts)}
        arrows[member] |= reached - {member, ""}
    return arrows


def find_floors(arrows: dict[str, set[str]]) -> list[list[str]]:
    """Floors from the ground up: everybody stands above all that they import."""
    heights: dict[str, int] = {}

    def height(member: str, above: tuple[str, ...] = ()) -> int:
        if member in above:
            raise ValueError(f"a circle of imports: {' -> '.join((*above, member))}")
        if member not in heights:
            below = [height(other, (*above, member)) for other in arrows.get(member, ())]
            heights[member] = 1 + max(below, default=-1)
        return heights[member]

    for member in arrows:
        height(member)
    floors: list[list[str]] = [[] for _ in range(1 + max(heights.values(), default=-1))]
    for member in sorted(arrows):
        floors[heights[member]].append(member)
    return floors


def draw_map(texts: dict[str, str]) -> str:
    """The picture as SVG text: the whole house first, then its large rooms."""
    parts: list[str] = []
    top = 0
    for room in ("", *LARGE_ROOMS):
        title = f"inside {room}" if room else "maskwright: imports point down"
        floors = find_floors(find_arrows(texts, room))
        parts.append(f'<text class="title" x="8" y="{top + 24}">{title}</text>')
        top += 36
        for floor in reversed(floors):
            parts += _draw_floor(floor, top)
            top += FLOOR_HEIGHT
        top += 16
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}">'
        f"<title>The rooms of maskwright</title><style>{STYLE}</style>"
        f'<rect x="0" y="0" width="{WIDTH}" height="{top}" style="fill:#fff;stroke:none"/>'
        + "\n".join(parts)
        + "</svg>\n"
    )


def _draw_floor(floor: list[str], top: int) -> list[str]:
    """One row of boxes with their names.

    Without numbers of files, so that the picture changes with the rooms and not with every file.
    """
    width = (WIDTH - GAP * (len(floor) + 1)) / len(floor)
    drawn: list[str] = []
    for at, member in enumerate(floor):
        left = GAP + at * (width + GAP)
        middle = left + width / 2
        drawn.append(
            f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{BOX_HEIGHT}"/>'
            f'<text class="name" x="{middle:.1f}" y="{top + 29}" text-anchor="middle">'
            f"{escape(member)}</text>"
        )
    return drawn


def _member(module: str, room: str) -> str:
    """The room of a module, or its family inside one room; empty for what is outside."""
    if not room:
        return module.split(".")[0]
    inside = module.removeprefix(f"{room}.")
    return inside.split(".")[0] if inside != module else ""


def _imports(text: str, texts: dict[str, str]) -> set[str]:
    """The modules of the package that a source text imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("maskwright."):
            module = str(node.module).removeprefix("maskwright.")
            whole = {f"{module}.{item.name}" for item in node.names} & set(texts)
            found |= whole or {module}
    return found


if __name__ == "__main__":
    PICTURE.write_text(draw_map(read_sources()), encoding="utf-8")
