"""Write src/maskwright/__init__.pyi: the public names with the arguments that settings declare.

    python -m tests.typed.write_stub

Signatures are made while the package is imported, where no type checker and no editor sees them.
A test holds the file to what this program writes.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from importlib import import_module
from inspect import Parameter, Signature
from pathlib import Path
from types import UnionType
from typing import Any

import maskwright

STUB = Path(__file__).parents[2] / "src" / "maskwright" / "__init__.pyi"
HEAD = '''"""Types of the public names, which are imported when first used.

Written by `python -m tests.typed.write_stub` from the settings of each command.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, overload
'''
WIDEST = 100
# Settings hold the name of the data, and the function takes arrays and Datasets too.
TAKEN_ANY = {("pretrain", "data")}
# Settings that are places on disk, or may be: for these a Path is as good as text.
PLACES = frozenset(
    [
        *("data", "eval_data", "photos", "on", "among", "normal", "train_split", "test_split"),
        *("labels", "anomalous", "boxes", "stimuli", "textures", "stylized"),
        *("run", "init", "recipe", "plan", "study", "launcher", "ledger"),
        *("out", "copy", "folder", "place"),
    ]
)
# What type annotations name that is not of this package.
KNOWN = frozenset(["Any", "Path", "Mapping", "None", "Literal", "Iterable"])


def write_stub() -> str:
    """The text of the stub."""
    imports: set[str] = set()
    functions: list[str] = []
    for name, home in maskwright._DOORS.items():
        value = getattr(maskwright, name)
        if not hasattr(value, "__signature__"):
            # `as` makes it a name of the package; the types below stay names of their modules.
            imports.add(f"from {home} import {name} as {name}")
            continue
        signature: Signature = value.__signature__
        functions += [_format(name, case) for case in _cases(name, signature)]
        imports |= {_import(word, home) for word in _named_types(signature)}
    return "\n".join([HEAD, *sorted(imports), "", "__version__: str", "", *functions]) + "\n"


def _cases(name: str, signature: Signature) -> list[Signature]:
    """The signatures of a function: the doctor examines a run, or without one this machine."""
    if name != "doctor":
        return [signature]
    run, *others = signature.parameters.values()
    of_run, of_machine = signature.return_annotation.split(" | ")
    given = run.replace(default=Parameter.empty)
    left_out = run.replace(annotation=type(None))
    return [
        Signature([left_out, *others], return_annotation=of_machine),
        Signature([given, *others], return_annotation=of_run),
    ]


def _named_types(signature: Signature) -> Iterator[str]:
    """The types of this package in the annotations, which are text until somebody asks."""
    texts = [signature.return_annotation, *(p.annotation for p in signature.parameters.values())]
    for text in texts:
        words = re.findall(r"[A-Z]\w+", text) if isinstance(text, str) else ()
        yield from (word for word in words if word not in KNOWN)


def _import(name: str, home: str) -> str:
    """The line that imports a type, from where it is defined."""
    owner = getattr(getattr(import_module(home), name), "__module__", home)
    # The type behind an alias such as `Watch` is not of this package.
    shown = f"{name} as {name}" if name in maskwright._DOORS else name
    return f"from {owner if owner.startswith('maskwright') else home} import {shown}"


def _format(name: str, signature: Signature) -> str:
    """One function, on a line or with a line for each argument."""
    head = f"@overload\ndef {name}" if name == "doctor" else f"def {name}"
    cells: list[str] = []
    for parameter in signature.parameters.values():
        if parameter.kind is Parameter.KEYWORD_ONLY and "*" not in cells:
            cells.append("*")
        cells.append(_argument(name, parameter))
    returned = f"-> {_type(signature.return_annotation)}: ..."
    line = f"{head}({', '.join(cells)}) {returned}"
    if len(line) <= WIDEST:
        return line
    return f"{head}(\n" + "".join(f"    {cell},\n" for cell in cells) + f") {returned}"


def _argument(function: str, parameter: Parameter) -> str:
    text = f"{parameter.name}: {_type(parameter.annotation)}"
    if (function, parameter.name) in TAKEN_ANY:
        text = f"{parameter.name}: Any"
    elif parameter.name in PLACES and "Path" not in text:
        text = re.sub(r"\bstr\b(?!\])", "str | Path", text, count=1)
    if parameter.default is Parameter.empty:
        return text
    # What a recipe may give is None until then, whatever its type.
    is_open = parameter.default is None and not re.search(r"\bNone$|: Any$", text)
    return f"{text}{' | None' if is_open else ''} = {_default(parameter.default)}"


def _default(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    # Lists are made anew for each call.
    return repr(value) if isinstance(value, (bool, int, float, type(None))) else "..."


def _type(annotation: Any) -> str:
    """What a caller may give, as text; a list may be any iterable, or be written as a text."""
    if isinstance(annotation, str):
        return annotation
    origin, members = typing.get_origin(annotation), typing.get_args(annotation)
    inner = ", ".join(map(_type, members))
    if origin in (typing.Union, UnionType):
        texts = [text for member in members for text in _type(member).split(" | ")]
        # None stands last, and each type once.
        return " | ".join(sorted(dict.fromkeys(texts), key=lambda text: text == "None"))
    if origin is typing.Literal:
        return f"Literal[{', '.join(map(_default, members))}]"
    if origin is list:
        return f"Iterable[{inner}] | str"
    if origin is dict:
        return f"Mapping[{inner}]"
    if annotation is type(None):
        return "None"
    return "Any" if annotation is Any else str(annotation.__name__)


if __name__ == "__main__":
    STUB.write_text(write_stub(), encoding="utf-8")
