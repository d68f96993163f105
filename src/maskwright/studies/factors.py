"""Factorial designs: every combination of the levels of several factors becomes an arm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from maskwright.studies.record import Arm
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.settings.fields import leaves
from maskwright.workflows.settings.pretrain_settings import SECTIONS
from maskwright.workflows.settings.recipes import flatten

Level = tuple[str, Mapping[str, Any]]


def cross_factors(factors: Mapping[str, Any], base: Mapping[str, Any]) -> list[Arm]:
    """Cross the levels of all factors, the last one changing fastest.

    A factor is a setting with a list of values, `ratio: [0.5, 0.75]`, or a name with levels that
    are settings, `laplacian: {off: {}, on: {loss: "+ 0.1*laplacian"}}`; text that begins with `+`
    is added to what the setting was before.
    """
    names = [str(name) for name in factors]
    levels = [list(_levels(name, factors[name])) for name in factors]
    arms = []
    for chosen in product(*levels):
        settings: dict[str, Any] = {}
        for _, own in chosen:
            settings = _add(settings, own, base)
        labels = {name: label for name, (label, _) in zip(names, chosen, strict=True)}
        arms.append(
            Arm(
                name=", ".join(f"{name}={label}" for name, label in labels.items()),
                settings=settings,
                levels=labels,
            )
        )
    return arms


def _levels(name: str, value: Any) -> Iterator[Level]:
    if isinstance(value, Mapping):
        for label, own in value.items():
            if not isinstance(own or {}, Mapping):
                raise MaskwrightError(
                    f"Level '{label}' of factor '{name}' is a mapping of settings; got {own!r}."
                )
            yield _format(label), flatten(own or {})
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        for one in value:
            yield _format(one), flatten({name: one})
    else:
        raise MaskwrightError(
            f"Factor '{name}' is a list of values, or a mapping of levels to settings; got"
            f" {value!r}."
        )


def _add(
    settings: Mapping[str, Any], own: Mapping[str, Any], base: Mapping[str, Any]
) -> dict[str, Any]:
    """Settings with those of one more level."""
    merged = dict(settings)
    for name, value in own.items():
        if isinstance(value, str) and value.lstrip().startswith("+"):
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
    return next(leaf.default for leaf in leaves(SECTIONS) if leaf.name == name)


def _format(label: Any) -> str:
    return (
        {True: "on", False: "off"}.get(label, str(label)) if isinstance(label, bool) else str(label)
    )
