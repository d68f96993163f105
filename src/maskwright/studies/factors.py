"""Factorial designs: every combination of the levels of several factors becomes an arm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from maskwright.studies.record import Arm
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.settings.fields import leaves
from maskwright.workflows.settings.pretrain_settings import SECTIONS
from maskwright.workflows.settings.recipes import flatten


@dataclass(frozen=True)
class _Level:
    """One level of a factor: its label in names of arms, and the settings that it stands for."""

    label: str
    settings: Mapping[str, Any]


def cross_factors(factors: Mapping[str, Any], base: Mapping[str, Any]) -> list[Arm]:
    """Cross the levels of all factors, the last one changing fastest.

    A factor is a setting with a list of values, `ratio: [0.5, 0.75]`, or a name with levels that
    are settings, `laplacian: {off: {}, on: {loss: "+ 0.1*laplacian"}}`. Text that begins with `+`
    is added to what the setting was before.
    """
    names = [str(name) for name in factors]
    levels = [list(_levels(name, factors[name])) for name in factors]
    arms = []
    for combination in product(*levels):
        # Level by level, so that each can add to what those before it have set.
        settings: dict[str, Any] = {}
        for level in combination:
            settings = _add(settings, level.settings, base)
        labels = {name: level.label for name, level in zip(names, combination, strict=True)}
        name = ", ".join(f"{factor}={label}" for factor, label in labels.items())
        arms.append(Arm(name=name, settings=settings, levels=labels))
    return arms


def _levels(name: str, value: Any) -> Iterator[_Level]:
    """The levels of one factor, named ones or values of a setting."""
    if isinstance(value, Mapping):
        for label, settings in value.items():
            # An empty level, `off:`, changes nothing.
            if not isinstance(settings or {}, Mapping):
                raise MaskwrightError(
                    f"Level '{label}' of factor '{name}' is a mapping of settings;"
                    f" got {settings!r}."
                )
            yield _Level(_format(label), flatten(settings or {}))
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        for choice in value:
            yield _Level(_format(choice), flatten({name: choice}))
    else:
        raise MaskwrightError(
            f"Factor '{name}' is a list of values, or a mapping of levels to settings; got"
            f" {value!r}."
        )


def _add(
    settings: Mapping[str, Any], level: Mapping[str, Any], base: Mapping[str, Any]
) -> dict[str, Any]:
    """Settings with those of one more level."""
    # A copy, because levels of one factor start from the same settings.
    merged = dict(settings)
    for name, value in level.items():
        if isinstance(value, str) and value.lstrip().startswith("+"):
            # Added to what another factor, the plan's base or pretrain's default says.
            merged[name] = f"{merged.get(name, base.get(name, _default(name)))} {value.strip()}"
        elif name in merged and merged[name] != value:
            raise MaskwrightError(
                f"Two factors set '{name}'; begin the value with + to add to it, as in loss: '+"
                " 0.1*laplacian'."
            )
        else:
            merged[name] = value
    return merged


def _default(name: str) -> Any:
    """What pretrain takes for a setting that nobody gives."""
    return next(leaf.default for leaf in leaves(SECTIONS) if leaf.name == name)


def _format(label: Any) -> str:
    """A label for names of arms; YAML reads `on` and `off` as true and false."""
    if isinstance(label, bool):
        return "on" if label else "off"
    return str(label)
