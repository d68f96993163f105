"""The rules of the house as functions: each takes source text and yields what breaks the rule.

`python tests/house/rules.py [SRC]` prints the measured numbers of a tree.
"""

from __future__ import annotations

import ast
import functools
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LONGEST_FILE = 250
LONGEST_FUNCTION = 40
WIDEST_LINE = 100
MOST_NODES_PER_LINE = 6.2
FEWEST_COMMENTS_PER_100 = 4.0
# Formulas on tensors are read as a whole and take more nodes: these rooms keep what they reached.
DENSER_ROOMS = {
    "components": 6.8,
    "data": 6.5,
    "diagnostics": 6.4,
    "evaluation": 6.5,
    "models": 6.3,
    "patches": 6.5,
    "support": 6.5,
    "targets": 6.3,
    "visual": 6.5,
}
# Names that say nothing about what is inside.
BANNED_NAMES = frozenset(
    [
        "utils",
        "helpers",
        "misc",
        "common",
        "core",
        "base",
        "manager",
        "handler",
        "processor",
        "engine",
    ]
)
# Words of a dialect that the field does not speak; each has a plain term in docs/map.md.
BANNED_WORDS = re.compile(
    r"^(settle[sd]?|surroundings|blueprint|lesson\w*|course|wishes|weigher|taught|priced|seat"
    r"|spell\w*|lent_chance|made_up\w*|one)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Density:
    """How densely a tree is written.

    nodes_per_line: syntax nodes per line of code, without docstrings and comment lines.
    comments_per_100: comments per hundred lines that are not blank.
    """

    nodes_per_line: float
    comments_per_100: float


def measure_density(texts: list[str]) -> Density:
    """Measure source texts together."""
    counts = [_count(text) for text in texts]
    nodes, code, comments, filled = (sum(column) for column in zip(*counts, strict=True))
    return Density(nodes / max(1, code), 100 * comments / max(1, filled))


# Several rules ask for the numbers of the same file, and reading all files takes seconds.
@functools.cache
def _count(text: str) -> tuple[int, int, int, int]:
    """Syntax nodes, lines of code, comments and lines that are not blank."""
    tree = ast.parse(text)
    rows = text.splitlines()
    filled = sum(bool(row.strip()) for row in rows)
    comment_rows, comments = _comments(text, rows)
    skipped = _docstring_rows(tree) | comment_rows
    code = sum(bool(row.strip()) and at not in skipped for at, row in enumerate(rows, 1))
    nodes = sum(not isinstance(node, ast.expr_context) for node in ast.walk(tree))
    return nodes, code, comments, filled


def dense_rooms(modules: dict[str, str]) -> Iterator[str]:
    """Rooms whose lines hold too much."""
    for room, texts in by_room(modules).items():
        ceiling = DENSER_ROOMS.get(room, MOST_NODES_PER_LINE)
        nodes = measure_density(texts).nodes_per_line
        if nodes > ceiling:
            yield f"{room}: {nodes:.2f} syntax nodes a code line, at most {ceiling}"


def silent_rooms(modules: dict[str, str]) -> Iterator[str]:
    """Rooms with too few comments."""
    for room, texts in by_room(modules).items():
        comments = measure_density(texts).comments_per_100
        if comments < FEWEST_COMMENTS_PER_100:
            yield (
                f"{room}: {comments:.1f} comments per 100 lines, at least {FEWEST_COMMENTS_PER_100}"
            )


def by_room(modules: dict[str, str]) -> dict[str, list[str]]:
    """The source texts of each room; those that lie above all rooms belong to none."""
    rooms: dict[str, list[str]] = {}
    for module, text in modules.items():
        room = ".".join(module.split(".")[1:2])
        if room and not room.startswith("__"):
            rooms.setdefault(room, []).append(text)
    return rooms


def long_files(name: str, text: str) -> Iterator[str]:
    """Files over the ceiling."""
    # Not the line breaks: a last line may end without one.
    lines = len(text.splitlines())
    if lines > LONGEST_FILE:
        yield f"{name}: {lines} lines, at most {LONGEST_FILE}"


def long_functions(name: str, text: str) -> Iterator[str]:
    """Functions over the ceiling, signature and docstring included."""
    for node in _functions(ast.parse(text)):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > LONGEST_FUNCTION:
            yield f"{name}:{node.lineno}: {node.name} has {lines} lines, at most {LONGEST_FUNCTION}"


def wide_lines(name: str, text: str) -> Iterator[str]:
    """Lines over the width."""
    for at, row in enumerate(text.splitlines(), 1):
        if len(row) > WIDEST_LINE:
            yield f"{name}:{at}: {len(row)} columns, at most {WIDEST_LINE}"


def banned_names(name: str, text: str) -> Iterator[str]:
    """Drawers (`utils`) as file or class names, and words of the old dialect as any
    defined name.
    """
    if name.rsplit(".", 1)[-1] in BANNED_NAMES:
        yield f"{name}: a drawer's name; name the file by its purpose"
    for node in ast.walk(ast.parse(text)):
        defined = _defined_name(node)
        if defined is None:
            continue
        is_drawer = isinstance(node, ast.ClassDef) and defined.lower() in BANNED_NAMES
        if is_drawer or BANNED_WORDS.match(defined):
            at = getattr(node, "lineno", 0)
            yield (
                f"{name}:{at}: '{defined}' is no term of the field; see the glossary in docs/map.md"
            )


def imports_inside_functions(name: str, text: str) -> Iterator[str]:
    """Imports of our own modules inside functions: they hide a circle."""
    for function in _functions(ast.parse(text)):
        for node in ast.walk(function):
            ours = isinstance(node, ast.ImportFrom) and (node.module or "").startswith("maskwright")
            if ours or (
                isinstance(node, ast.Import)
                and any(item.name.startswith("maskwright") for item in node.names)
            ):
                yield f"{name}:{node.lineno}: an import inside {function.name}"


def nested_comprehensions(name: str, text: str) -> Iterator[str]:
    """Comprehensions inside others: a loop or a named value says the same one idea at a time."""
    kinds = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    for outer in ast.walk(ast.parse(text)):
        if isinstance(outer, kinds):
            inner = [node for node in ast.walk(outer) if isinstance(node, kinds)]
            if len(inner) > 1:
                yield f"{name}:{outer.lineno}: a comprehension inside another"


def missing_first_sentences(name: str, text: str) -> Iterator[str]:
    """Files, public classes and public functions without a first sentence."""
    tree = ast.parse(text)
    if not _first_sentence(tree):
        yield f"{name}: no first sentence"
    for node in tree.body:
        if not isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if not node.name.startswith("_") and not _first_sentence(node):
            yield f"{name}:{node.lineno}: {node.name} has no first sentence"


def import_circles(modules: dict[str, str]) -> Iterator[str]:
    """Modules (name -> source) that import each other in a circle, also from inside functions."""
    arrows = {module: _imported(text, modules) for module, text in modules.items()}
    for circle in _components(arrows):
        yield "a circle of imports: " + ", ".join(sorted(circle))


def package_circles(modules: dict[str, str]) -> Iterator[str]:
    """Families (packages inside a room) that import each other in a circle."""
    arrows: dict[str, set[str]] = {}
    for module, text in modules.items():
        family = family_of(module)
        reached = {family_of(other) for other in _imported(text, modules)}
        arrows.setdefault(family, set()).update(reached - {family})
    for circle in _components(arrows):
        yield "a circle of families: " + ", ".join(sorted(circle))


def family_of(module: str) -> str:
    """`maskwright.data.sources.folder` belongs to `maskwright.data.sources`."""
    return ".".join(module.split(".")[:3])


def read_tree(src: Path) -> dict[str, str]:
    """Source text by module name, of a package folder."""
    texts: dict[str, str] = {}
    for path in sorted(src.rglob("*.py")):
        parts = path.relative_to(src.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        texts[name] = path.read_text(encoding="utf-8")
    return texts


def _comments(text: str, rows: list[str]) -> tuple[set[int], int]:
    """Lines that hold nothing but a comment, and the number of all comments."""
    alone: set[int] = set()
    count = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        count += 1
        if rows[token.start[0] - 1].lstrip().startswith("#"):
            alone.add(token.start[0])
    return alone, count


def _docstring_rows(tree: ast.AST) -> set[int]:
    rows: set[int] = set()
    for node in ast.walk(tree):
        if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        first = node.body[0] if node.body else None
        is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        if first is not None and is_text and isinstance(first.value.value, str):  # type: ignore[attr-defined]
            rows |= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return rows


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def _defined_name(node: ast.AST) -> str | None:
    """The name that a node brings into the world."""
    if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        return node.name
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return node.id
    if isinstance(node, ast.arg):
        return node.arg
    return None


def _first_sentence(
    node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef,
) -> str:
    """The first paragraph of a docstring, where it ends as a sentence does; otherwise nothing."""
    paragraph = (ast.get_docstring(node) or "").split("\n\n")[0].strip()
    return paragraph if paragraph.endswith((".", "?", "!", ":")) else ""


def _imported(text: str, modules: dict[str, str]) -> set[str]:
    """The modules of the tree that a source text imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module:
            whole = {f"{node.module}.{item.name}" for item in node.names}
            found |= (whole & set(modules)) or ({node.module} & set(modules))
        elif isinstance(node, ast.Import):
            found |= {item.name for item in node.names} & set(modules)
    return found


def _components(arrows: dict[str, set[str]]) -> list[set[str]]:
    """Sets of more than one node that reach each other."""
    reach = {node: _reached(node, arrows) for node in arrows}
    circles: list[set[str]] = []
    for node in arrows:
        mates = {other for other in reach[node] if node in reach.get(other, ())}
        if len(mates) > 1 and mates not in circles:
            circles.append(mates)
    return circles


def _reached(start: str, arrows: dict[str, set[str]]) -> set[str]:
    """All nodes that can be reached by at least one arrow."""
    seen: set[str] = set()
    waiting = list(arrows.get(start, ()))
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting.extend(arrows.get(node, ()))
    return seen


if __name__ == "__main__":
    tree = read_tree(Path(sys.argv[1] if len(sys.argv) > 1 else "src/maskwright"))
    print(f"{len(tree)} files, {sum(text.count(chr(10)) for text in tree.values())} lines")
    print(measure_density(list(tree.values())))
    rules = (long_files, long_functions, wide_lines, banned_names, imports_inside_functions)
    for rule in (*rules, nested_comprehensions, missing_first_sentences):
        broken = [line for name, text in tree.items() for line in rule(name, text)]
        print(f"{rule.__name__}: {len(broken)}", *broken[:3], sep="\n  ")
    for room, texts in by_room(tree).items():
        print(f"{room:<12} {measure_density(texts)}")
    print("dense or silent rooms:", *dense_rooms(tree), *silent_rooms(tree), sep="\n  ")
    print("circles:", *import_circles(tree), *package_circles(tree), sep="\n  ")
