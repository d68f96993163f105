"""What is chosen for a run whose policy hides components of whole pictures instead of patches."""

from __future__ import annotations

from maskwright.components.policy_text import hides_components
from maskwright.workflows.settings.choice import Choice, Facts
from maskwright.workflows.settings.pretrain_settings import PretrainSettings


def choose_for_components(settings: PretrainSettings, facts: Facts) -> list[Choice]:
    """Whole pictures are predicted and compared: raw pixels, by a full decoder, all of them."""
    if not hides_components(settings.mask.policy):
        return []
    choices = []
    # The usual target of patches means nothing here; whoever names another one is refused later.
    if settings.model.target == "normalized":
        choices.append(Choice("target", "raw", "components of whole pictures are compared"))
    if settings.model.decoder is None:
        choices.append(Choice("decoder", "full", "every patch is seen and predicted"))
    if settings.mask.predict is None:
        choices.append(Choice("predict", 1.0, "the hidden components of whole pictures"))
    return choices
