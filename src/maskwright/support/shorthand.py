"""The one-line grammar of policies, schedules and objectives.

It has `block(size=4)`, `0.5->0.75`, `0.6*mse + 0.4*perceptual` and `{face: 3}`. A line is parsed as
a Python expression with `a->b` allowed as a value, and nothing in it is ever executed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from keyword import iskeyword, kwlist
from typing import Any

from maskwright.support.errors import MaskwrightError

# What Python cannot read as it stands: ramps of numbers, and keywords used as words (of=class).
# Texts in quotes match first, so that nothing inside them is changed.
_NUMBER = r"(-?\d*\.?\d+(?:e-?\d+)?)"
_KEYWORDS = "|".join(word for word in kwlist if word not in ("True", "False", "None"))
_WORD = rf"(?<=[=\[,:])\s*({_KEYWORDS})(?=\s*[,)\]}}])"
_QUOTED_OR_NOT_PYTHON = re.compile(rf"('[^']*'|\"[^\"]*\")|{_NUMBER}\s*->\s*{_NUMBER}|{_WORD}")


@dataclass(frozen=True, repr=False)
class Call:
    """A name with arguments: `block(size=4)` is Call("block", (), {"size": 4})."""

    name: str
    args: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        arguments = [_show(value) for value in self.args]
        arguments += [f"{key}={_show(value)}" for key, value in self.options.items()]
        return f"{self.name}({', '.join(arguments)})" if arguments else self.name

    def __repr__(self) -> str:
        return str(self)  # what a person typed, as errors show it


@dataclass(frozen=True)
class Weighted:
    """One summand of a sum: a weight (a number or schedule text) times a call."""

    weight: float | str
    call: Call


def plain(value: Any) -> Any:
    """Read bare names as text, so that `hide=salient` means `hide='salient'`.

    Names inside lists and mappings are read so, too. Whoever wants a call for an option (a policy
    inside a policy) builds it before asking; a call with arguments stays a call.
    """
    match value:
        case Call(name=name, args=(), options=options) if not options:
            return name
        case list() | tuple():
            return [plain(item) for item in value]
        case dict():
            return {key: plain(item) for key, item in value.items()}
    return value


def parse_value(text: str) -> Any:
    """Parse one line: a number, a text, a Call, a list of Weighted for a sum, a list or a dict.

    A ramp such as 0.5->0.75 comes out as text. Raises MaskwrightError when the line does not follow
    the grammar.
    """
    quoted = _QUOTED_OR_NOT_PYTHON.sub(_quote, text.strip())
    try:
        return _value(ast.parse(quoted, mode="eval").body)
    except (SyntaxError, _Unreadable) as error:
        raise MaskwrightError(
            f"Could not read '{text.replace('from_=', 'from=')}'; write it like block(size=4),"
            " 0.5->0.75 or 0.5*mse + 0.5*l1, every weight before its name and paths in quotes:"
            " given(path='masks/one.png')."
        ) from error


def split_list(text: str) -> list[str]:
    """The parts of a list, separated by commas or semicolons.

    Brackets and quotes hold together: `random; block(size=2, phase=1)` has two parts.
    """
    parts = []
    start = 0
    depth = 0  # of brackets
    quote = ""  # the open quotation mark
    for index, letter in enumerate(text):
        if quote:
            if letter == quote:
                quote = ""
        elif letter in "'\"":
            quote = letter
        elif letter in ",;" and depth == 0:
            parts.append(text[start:index])
            start = index + 1
        else:
            depth += (letter in "([{") - (letter in ")]}")
    stripped = (part.strip() for part in [*parts, text[start:]])
    return [part for part in stripped if part]


def parse_sum(value: str | Mapping[str, Any]) -> list[Weighted]:
    """Parse `block(size=4)`, `0.5*random + 0.5*block` or {name: block} to weighted calls."""
    if isinstance(value, Mapping):
        options = dict(value)
        if "name" not in options:
            raise MaskwrightError(f"A part given as a mapping needs a 'name'; got {dict(value)}.")
        return [Weighted(1.0, Call(str(options.pop("name")), (), options))]
    parsed = parse_value(value)
    if isinstance(parsed, Call):
        return [Weighted(1.0, parsed)]
    if isinstance(parsed, list) and parsed and all(isinstance(item, Weighted) for item in parsed):
        return parsed
    raise MaskwrightError(f"Expected a name such as random or block(size=4); got '{value}'.")


def _quote(match: re.Match[str]) -> str:
    """What Python can read in place of a text in quotes, a ramp of numbers, or a keyword."""
    quoted, start, end, keyword = match.groups()
    if quoted:
        return str(quoted)
    return f"'{keyword}'" if keyword else f"'{start}->{end}'"


class _Unreadable(Exception):
    """The expression holds something that the grammar does not have."""


def _value(node: ast.expr) -> Any:
    """The value of an expression; what is not listed here is refused, and nothing is executed."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.Name(id=name):
            return Call(name)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            # `**options` comes as a keyword without a name
            if not all(word.arg for word in keywords):
                raise _Unreadable
            options = {str(word.arg): _value(word.value) for word in keywords}
            return Call(name, tuple(map(_value, args)), options)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(item) for item in items]
        case ast.Dict(keys=keys, values=values):
            return {_key(key): _value(value) for key, value in zip(keys, values, strict=True)}
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return _terms(left) + _terms(right)
        case ast.BinOp(op=ast.Mult()):
            return _terms(node)
    raise _Unreadable


def _key(node: ast.expr | None) -> str:
    """A word, in quotes or without."""
    match node:
        case ast.Name(id=name) | ast.Constant(value=str(name)):
            return name
    raise _Unreadable


def _terms(node: ast.expr) -> list[Weighted]:
    """The summands of a sum, of a product, or of a single name."""
    match node:
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return _terms(left) + _terms(right)
        case ast.BinOp(op=ast.Mult(), left=left, right=right):
            weight = _value(left)
            call = _value(right)
            if isinstance(weight, (int, float, str, Call)) and isinstance(call, Call):
                # a weight that is no number is the text of a schedule
                number_or_text = weight if isinstance(weight, (int, float)) else str(weight)
                return [Weighted(number_or_text, call)]
        case ast.Name() | ast.Call():
            return [Weighted(1.0, _value(node))]
    raise _Unreadable


def _show(value: Any) -> str:
    """A value as a person would write it."""
    if isinstance(value, str):
        return value if "->" in value else repr(value)
    if isinstance(value, Mapping):
        items = [f"{_show_key(key)}: {_show(item)}" for key, item in value.items()]
        return "{" + ", ".join(items) + "}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_show, value))}]"
    return str(value)


def _show_key(key: str) -> str:
    return key if key.isidentifier() and not iskeyword(key) else repr(key)
