"""What can be named, as rows for a table: policies, models, recipes, losses, probes ..."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from maskwright.losses.catalog import TERMS
from maskwright.models.sizes import SIZES
from maskwright.support.catalog import Entry
from maskwright.targets.catalog import TARGETS
from maskwright.training.optimizers import OPTIMIZERS, RATE_BATCH
from maskwright.weights.zoo import PREFIX as ZOO
from maskwright.weights.zoo import read_card, zoo_names
from maskwright.workflows.settings.choice import Facts
from maskwright.workflows.settings.choices import choose
from maskwright.workflows.settings.pretrain_settings import ModelSettings, PretrainSettings
from maskwright.workflows.settings.recipes import (
    build_settings,
    read_recipe,
    read_recipe_heading,
    recipe_names,
)

# Catalogs that need torch are loaded when they are listed: other lists come at once.
POLICIES = Entry("maskwright.masking.catalog:POLICIES", "policies")
PROBES = Entry("maskwright.workflows.measuring.probes.catalog:PROBES", "probes")
DIAGNOSTICS = Entry("maskwright.diagnostics.catalog:DIAGNOSTICS", "diagnostics")
PRIORS = Entry("maskwright.data.maps.priors:list_priors", "sources of maps")
# What the values of a target become as pixels.
PICTURES = {
    "picture": "itself",
    "projection": "its projection",
    "blur": "blurred",
    "nothing": "no picture",
}
# Titles of the columns, and the rows.
Table = tuple[tuple[str, ...], list[tuple[str, ...]]]
# Options of policies that are read from files or hold a policy, as they are written.
WRITTEN = {
    "given": "path, cover=half, choose=by_chance",
    "learned": "path",
    # one of its options is a policy, which people write by name
    "components": "basis=pca, share=None, count=None, bands=None, of=random",
}


def list_policies() -> Table:
    """Policies with their options and defaults."""
    return ("policy", "what it masks", "options"), _option_rows(POLICIES.load(), WRITTEN)


def list_models() -> Table:
    """Model sizes with both halves and a count of weights."""
    rows: list[tuple[str, ...]] = []
    for name, size in SIZES.items():
        encoder = f"{size.width}x{size.depth}, {size.heads} heads"
        decoder = f"{size.decoder_width}x{size.decoder_depth}, {size.decoder_heads} heads"
        # Of the encoder, which is kept, and of the decoder, which serves the training alone.
        weights = size.encoder_parameters / 1e6
        others = (size.parameters - size.encoder_parameters) / 1e6
        rows.append((name, encoder, decoder, f"{weights:.1f}M + {others:.1f}M", size.summary))
    return ("model", "encoder", "decoder", "weights", "for"), rows


def list_recipes() -> Table:
    """Recipes that come with the package, and where they differ from today's defaults on a CPU."""
    return ("recipe", "what it does", f"set otherwise than today's defaults ({USUAL.device})"), [
        (name, read_recipe_heading(name), _set_otherwise(name)) for name in recipe_names()
    ]


# What defaults are named for; on other machines and data they may differ.
USUAL = Facts(count=50_000, short_side=96, channels=3, device="cpu", cores=2)
CHOSEN = ("model", "decoder", "predict", "crop_scale", "optimizer")
"""Settings whose defaults follow what was measured to learn best."""


def _set_otherwise(recipe: str) -> str:
    """The settings of a recipe that a training without it would choose otherwise."""
    # A recipe for scorers sets nothing of a pretraining.
    if "select" in read_recipe(recipe):
        return "-"
    asked = build_settings(recipe, data="DATA").to_flat()
    # All of them open, so that each is chosen as if nobody had said anything.
    opened = {**asked, **dict.fromkeys(CHOSEN), "lr": None, "base_lr": None}
    usual = choose(PretrainSettings.from_flat(opened), USUAL)[0].to_flat()
    differing = [
        f"{name} {asked[name]} ({usual[name]})" for name in CHOSEN if asked[name] != usual[name]
    ]
    # The target is no choice of the machine's, but as telling.
    if asked["target"] != ModelSettings().target:
        differing.append(f"target {asked['target']} ({ModelSettings().target})")
    return ", ".join(differing) or "-"


def list_schedules() -> Table:
    """Ways to write a number that changes with training."""
    return ("write", "meaning"), [
        ("0.75", "always 0.75"),
        ("0.5->0.75", "a straight ramp over the whole training"),
        ("linear(0.5->0.75, until=0.4)", "a straight ramp, held after 40%"),
        ("cosine(0.5->0.75)", "half a cosine: slow, fast, slow"),
        ("steps(0.5, 0.6, 0.75, at=[0.3, 0.6])", "one value after another"),
        ("uniform(0.6, 0.9)", "a new value at every step, for the whole batch (R2MAE)"),
        ("uniform(0.6, 0.9, per=picture)", "ratios alone: one of 7 values for each picture"),
    ]


def list_losses() -> Table:
    """Loss terms with their options and defaults, to be summed with weights."""
    return ("term", "what it compares", "options"), _option_rows(TERMS)


def list_targets() -> Table:
    """Targets with their options and defaults, and what their values become as pixels."""
    rows: list[tuple[str, ...]] = []
    for name, summary, options in _option_rows(TARGETS):
        # Of the bare name; options may turn a blur into a projection.
        returns = TARGETS[name].load()().traits.returns
        rows.append((name, summary, PICTURES[returns], options))
    return ("target", "what is predicted of each patch", "shown as", "options"), rows


def list_optimizers() -> Table:
    """Optimizers with the rate that each begins from and how it follows the batch."""
    rows: list[tuple[str, ...]] = []
    for name, entry in OPTIMIZERS.items():
        # The rule without its result, which is for a batch of 256.
        rule = entry.format_rate(RATE_BATCH).rpartition(" = ")[0]
        rows.append((name, entry.summary, rule))
    return ("optimizer", "what it is", "rate"), rows


def list_priors() -> Table:
    """Maps that `maskwright prepare` makes, and where each can come from."""
    rows = PRIORS.load()
    return ("map", "from", "what it is"), [tuple(row) for row in rows()]


def list_probes() -> Table:
    """Probes of `maskwright evaluate` with their options and defaults."""
    return ("probe", "what it does", "options"), _option_rows(PROBES.load())


def list_zoo() -> Table:
    """Trained models that come with the package."""
    rows: list[tuple[str, ...]] = []
    for name in zoo_names():
        facts = read_card(name).facts
        rows.append((f"{ZOO}{name}", facts["summary"], facts["license"]))
    return ("name", "what it is", "license"), rows


def list_diagnostics() -> Table:
    """Questions that `maskwright diagnose` asks, with their options and defaults."""
    return ("diagnostic", "what it measures", "options"), _option_rows(DIAGNOSTICS.load())


LISTS: dict[str, Callable[[], Table]] = {
    "policies": list_policies,
    "models": list_models,
    "recipes": list_recipes,
    "schedules": list_schedules,
    "losses": list_losses,
    "targets": list_targets,
    "optimizers": list_optimizers,
    "priors": list_priors,
    "probes": list_probes,
    "diagnostics": list_diagnostics,
    "zoo": list_zoo,
}


def _option_rows(
    catalog: Mapping[str, Entry], written: Mapping[str, str] | None = None
) -> list[tuple[str, ...]]:
    """Name, summary and options of each entry of a catalog.

    written: options that are no fields, as they are written.
    """
    rows: list[tuple[str, ...]] = []
    for name, entry in catalog.items():
        options = (written or {}).get(name)
        if options is None:
            options = ", ".join(_option(item) for item in dataclasses.fields(entry.load()))
        rows.append((name, entry.summary, options or "-"))
    return rows


def _option(item: dataclasses.Field[object]) -> str:
    return item.name if item.default is dataclasses.MISSING else f"{item.name}={item.default}"
