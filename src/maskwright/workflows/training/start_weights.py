"""Starting a run from weights that exist: opened and fitted before anything is decoded."""

from __future__ import annotations

from maskwright.support.reporting import Reporter
from maskwright.weights.fitting import FittedWeights, fit_weights
from maskwright.weights.model_parts import Parts
from maskwright.weights.zoo import nearest_start
from maskwright.workflows.building.model_shape import model_config
from maskwright.workflows.runs.locate import load_any_parts
from maskwright.workflows.settings.choice import Facts, StartFacts
from maskwright.workflows.settings.pretrain_settings import PretrainSettings

# Below this many pictures a start from trained weights is advised: with so few, a training from
# scratch sees each of them often before it has learned what all pictures have in common.
FEW = 5_000


def open_start(init: str | None) -> Parts | None:
    """The weights that a run starts from, None without any.

    init: whatever `load_any_parts` takes.

    Raises MaskwrightError for what is not there, not readable or of no known format.
    """
    return None if init is None else load_any_parts(init)


def facts_of_start(parts: Parts | None) -> StartFacts | None:
    """What choices follow from."""
    if parts is None:
        return None
    return StartFacts(parts.source, parts.config, parts.has_decoder)


def fit_start(parts: Parts | None, settings: PretrainSettings) -> FittedWeights | None:
    """The weights in the shapes of the run's model.

    Raises MaskwrightError where they do not fit.
    """
    return None if parts is None else fit_weights(parts, model_config(settings))


def report_start(start: FittedWeights, reporter: Reporter) -> None:
    """Say where the run starts, and what of the weights was adapted, dropped or is new."""
    halves = "encoder and decoder" if start.has_decoder else "the encoder"
    reporter.say(f"Starting from {start.source}: {halves}")
    for note in start.notes:
        reporter.say(f"  {note}")


def advise_start(facts: Facts, reporter: Reporter) -> None:
    """Advise a start from trained weights where the pictures are few."""
    if facts.count >= FEW:
        return
    name = nearest_start(facts.short_side)
    if name is None:
        return
    reporter.say(
        f"{facts.count:,} pictures are few (fewer than {FEW:,}): from scratch, each is seen many"
        " times before the basics are learned."
    )
    reporter.say(f"Weights that know the basics fill in better after the same steps: --init {name}")
