"""What can be named: policies, models, recipes, schedules, losses, optimizers, priors, probes; rows
for a table.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from maskwright.data.maps import priors
from maskwright.diagnostics.catalog import DIAGNOSTICS
from maskwright.losses.catalog import TERMS
from maskwright.masking.catalog import POLICIES
from maskwright.models.sizes import SIZES
from maskwright.training.optimizers import OPTIMIZERS, RATE_BATCH
from maskwright.workflows.measuring.probes.catalog import PROBES
from maskwright.workflows.settings.recipes import read_recipe_heading, recipe_names

Table = tuple[tuple[str, ...], list[tuple[str, ...]]]
FROM_FILES = {"given": "path, cover=half, choose=by_chance", "learned": "path"}
"""Options of policies that are read from files, as they are written."""


def list_policies() -> Table:
    """Policies with their options and defaults."""
    rows: list[tuple[str, ...]] = []
    for name, entry in POLICIES.items():
        options = FROM_FILES.get(name) or ", ".join(
            _option(item) for item in dataclasses.fields(entry.load())
        )
        rows.append((name, entry.summary, options or "-"))
    return ("policy", "what it masks", "options"), rows


def list_models() -> Table:
    """Model sizes with both halves and a count of weights."""
    rows: list[tuple[str, ...]] = [
        (
            name,
            f"{size.width}x{size.depth}, {size.heads} heads",
            f"{size.decoder_width}x{size.decoder_depth}, {size.decoder_heads} heads",
            (
                f"{size.encoder_parameters / 1e6:.1f}M +"
                f" {(size.parameters - size.encoder_parameters) / 1e6:.1f}M"
            ),
            size.summary,
        )
        for name, size in SIZES.items()
    ]
    return ("model", "encoder", "decoder", "weights", "for"), rows


def list_recipes() -> Table:
    """Recipes that come with the package."""
    return ("recipe", "what it does"), [
        (name, read_recipe_heading(name)) for name in recipe_names()
    ]


def list_schedules() -> Table:
    """Ways to write a number that changes with training."""
    return ("write", "meaning"), [
        ("0.75", "always 0.75"),
        ("0.5->0.75", "a straight ramp over the whole training"),
        ("linear(0.5->0.75, until=0.4)", "a straight ramp, held after 40%"),
        ("cosine(0.5->0.75)", "half a cosine: slow, fast, slow"),
        ("steps(0.5, 0.6, 0.75, at=[0.3, 0.6])", "one value after another"),
        ("uniform(0.6, 0.9)", "a new value at every step"),
    ]


def list_losses() -> Table:
    """Loss terms with their options and defaults, to be summed with weights."""
    rows: list[tuple[str, ...]] = []
    for name, entry in TERMS.items():
        options = FROM_FILES.get(name) or ", ".join(
            _option(item) for item in dataclasses.fields(entry.load())
        )
        rows.append((name, entry.summary, options or "-"))
    return ("term", "what it compares", "options"), rows


def list_optimizers() -> Table:
    """Optimizers with the rate that each begins from and how it follows the batch."""
    return ("optimizer", "what it is", "rate"), [
        (name, entry.summary, entry.format_rate(RATE_BATCH).rpartition(" = ")[0])
        for name, entry in OPTIMIZERS.items()
    ]


def list_priors() -> Table:
    """Maps that `maskwright prepare` makes, and where each can come from."""
    return ("map", "from", "what it is"), [tuple(row) for row in priors.list_priors()]


def list_probes() -> Table:
    """Probes of `maskwright evaluate` with their options and defaults."""
    rows: list[tuple[str, ...]] = []
    for name, entry in PROBES.items():
        options = ", ".join(_option(item) for item in dataclasses.fields(entry.load()))
        rows.append((name, entry.summary, options or "-"))
    return ("probe", "what it does", "options"), rows


def list_diagnostics() -> Table:
    """Questions that `maskwright diagnose` asks, with their options and defaults."""
    rows: list[tuple[str, ...]] = []
    for name, entry in DIAGNOSTICS.items():
        options = ", ".join(_option(item) for item in dataclasses.fields(entry.load()))
        rows.append((name, entry.summary, options or "-"))
    return ("diagnostic", "what it measures", "options"), rows


LISTS: dict[str, Callable[[], Table]] = {
    "policies": list_policies,
    "models": list_models,
    "recipes": list_recipes,
    "schedules": list_schedules,
    "losses": list_losses,
    "optimizers": list_optimizers,
    "priors": list_priors,
    "probes": list_probes,
    "diagnostics": list_diagnostics,
}


def _option(item: dataclasses.Field[object]) -> str:
    return item.name if item.default is dataclasses.MISSING else f"{item.name}={item.default}"
