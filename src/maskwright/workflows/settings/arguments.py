"""What a command takes: one declaration gives the flags, and `takes` gives the Python function its
signature, its parameter docs and checked values.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass
from inspect import Parameter
from typing import Any, TypeVar

from maskwright.support.errors import MaskwrightError, did_you_mean
from maskwright.workflows.settings.conversion import convert
from maskwright.workflows.settings.fields import Leaf, leaves

Result = TypeVar("Result")


@dataclass(frozen=True)
class Arguments:
    """All arguments of a command.

    options: dataclass of settings that belong to one call.
    sections: settings that a recipe may hold too; the workflow merges the two itself.
    check: looks at both before the workflow, and with it torch, is imported.
    """

    options: type[Any]
    sections: tuple[Leaf, ...] = ()
    check: Callable[[Any, dict[str, Any]], object] | None = None

    @property
    def leaves(self) -> list[Leaf]:
        """Every argument, those of the call first."""
        return [*leaves({"": self.options}), *self.sections]

    def read(self, command: str, given: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The settings of the call, converted and checked, and the values for all other names.

        Raises MaskwrightError for what is missing or does not fit.
        """
        # Aliases are other names of the same setting.
        options = list(leaves({"": self.options}))
        names = {name: leaf for leaf in options for name in (leaf.name, *leaf.aliases)}
        values = {
            names[name].name: convert(names[name], value)
            for name, value in given.items()
            if name in names and value is not None
        }
        # A dataclass would raise TypeError for what is missing, without a word on what it is.
        for leaf in options:
            if leaf.required and leaf.name not in values:
                raise MaskwrightError(f"{command} needs {leaf.words[0]}: {leaf.help}.")
        others = {name: value for name, value in given.items() if name not in names}
        return self.options(**values), others


def arguments_of(declared: type[Any] | Arguments) -> Arguments:
    """A dataclass of settings alone is all that most commands take."""
    return declared if isinstance(declared, Arguments) else Arguments(declared)


def takes(
    declared: type[Any] | Arguments, *by_position: str
) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Turn `body(settings, reporter=..., **rest)` into the public function of a command.

    by_position: settings that Python callers may give without a name.
    """
    arguments = arguments_of(declared)

    def decorate(body: Callable[..., Result]) -> Callable[..., Result]:
        # Behind the settings stand what the command line does not give, such as the reporter.
        _, *beside = inspect.signature(body).parameters.values()
        is_open = any(item.kind is Parameter.VAR_KEYWORD for item in beside)
        extras = [item for item in beside if item.kind is not Parameter.VAR_KEYWORD]
        signature = _signature(arguments.leaves, by_position, extras, body)

        @functools.wraps(body)
        def call(*values: Any, **given: Any) -> Result:
            # What belongs to the call is converted; what a recipe may hold is merged by the body.
            named = _name_values(body.__name__, by_position, values, given)
            passed = {item.name: named.pop(item.name) for item in extras if item.name in named}
            settings, others = arguments.read(body.__name__, named)
            if others and not is_open:
                raise _unknown_argument(
                    body.__name__, next(iter(others)), list(signature.parameters)
                )
            return body(settings, **passed, **others)

        # Editors, notebooks and `help` read these two.
        call.__signature__ = signature  # type: ignore[attr-defined]
        call.__doc__ = _document(body, arguments.leaves)
        return call

    return decorate


def _name_values(
    command: str, by_position: Sequence[str], values: Sequence[Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """All arguments by name; raises TypeError as Python does for too many or doubled ones."""
    if len(values) > len(by_position):
        raise TypeError(
            f"{command}() takes {len(by_position)} arguments without a name ({len(values)} given)"
        )
    named = dict(zip(by_position, values, strict=False))
    for name in named:
        if name in given:
            raise TypeError(f"{command}() got two values for '{name}'")
    return {**named, **given}


def _unknown_argument(command: str, name: str, known: list[str]) -> MaskwrightError:
    return MaskwrightError(
        f"Unknown argument '{name}'.{did_you_mean(name, known)} See: maskwright {command} --help"
    )


def _signature(
    known: Sequence[Leaf],
    by_position: Sequence[str],
    extras: Sequence[Parameter],
    body: Callable[..., Any],
) -> inspect.Signature:
    """The signature that editors and `help` show."""
    by_name = {leaf.name: leaf for leaf in known}
    # Python wants what may be given by position in front.
    order = [*by_position, *(name for name in by_name if name not in by_position)]
    parameters = []
    for name in order:
        leaf = by_name[name]
        is_positional = name in by_position
        default = leaf.default
        # What a recipe may give need not be given here.
        if default is MISSING:
            default = Parameter.empty if leaf.required else None
        parameters.append(
            Parameter(
                name,
                Parameter.POSITIONAL_OR_KEYWORD if is_positional else Parameter.KEYWORD_ONLY,
                default=default,
                annotation=leaf.type,
            )
        )
    parameters += [item.replace(kind=Parameter.KEYWORD_ONLY) for item in extras]
    return inspect.Signature(
        parameters, return_annotation=inspect.signature(body).return_annotation
    )


def _document(body: Callable[..., Any], known: Sequence[Leaf]) -> str:
    """The docstring of the body, then every argument with its help."""
    lines = [f"    {leaf.name}: {leaf.help}." for leaf in known]
    return "\n".join([inspect.getdoc(body) or "", "", "Arguments:", *lines])
