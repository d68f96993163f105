"""The objective from settings: terms by shorthand, the perceptual network loaded.

What cannot work is refused before anything is decoded.
"""

from __future__ import annotations

from maskwright.losses.objective import Objective, build_objective, needs_of
from maskwright.losses.term import Needs
from maskwright.patches import PixelScale
from maskwright.patches.target import PICTURE_TARGETS
from maskwright.schedules import parse_schedule
from maskwright.support.errors import MaskwrightError
from maskwright.targets.building import read_target
from maskwright.training.step_parts import is_by_picture
from maskwright.weights.extractors import load_extractor
from maskwright.workflows.settings.choices import effective_batch
from maskwright.workflows.settings.pretrain_settings import PretrainSettings


def build_checked_objective(settings: PretrainSettings, scale: PixelScale) -> Objective:
    """Build the objective of complete settings.

    Raises MaskwrightError when a term asks for what this run does not have.
    """
    _check_needs(needs_of(settings.train.loss), settings)
    return build_objective(settings.train.loss, scale, load_extractor)


def check_loss(settings: PretrainSettings) -> None:
    """Refuse a loss that cannot be built, before the pictures are decoded.

    Their scale is not known yet, so any scale has to do.
    """
    channels = settings.data.channels or 3
    build_checked_objective(settings, PixelScale((0.0,) * channels, (1.0,) * channels))


def _check_needs(needs: Needs, settings: PretrainSettings) -> None:
    if needs.class_token and settings.model.class_token is False:
        raise MaskwrightError(
            f"The loss '{settings.train.loss}' looks at the class token and this encoder has none;"
            " use of='mean' or class_token true."
        )
    target = read_target(settings.model.target)
    if needs.picture and not target.traits.has_picture:
        raise MaskwrightError(
            f"The loss '{settings.train.loss}' compares pictures, and the target {target} leads"
            f" back to none; use mse, l1 or smooth_l1, or --target {PICTURE_TARGETS}."
        )
    if needs.pixel_values and not target.traits.is_pixels:
        raise MaskwrightError(
            f"The loss '{settings.train.loss}' transforms the pixels of a patch, and the target"
            f" {target} has other values; use focal_frequency(over='composite'), or --target raw,"
            " normalized or lowpass."
        )
    if needs.pairs and is_by_picture(parse_schedule(settings.mask.ratio)):
        raise MaskwrightError(
            f"The loss '{settings.train.loss}' compares pictures of one batch, and where each"
            f" picture draws its ratio ({settings.mask.ratio}) those of one ratio go through the"
            " model by themselves; use uniform(low, high), one ratio for a batch."
        )
    # A batch is cut into `accumulate` parts, and a term sees a part alone.
    if needs.pairs and effective_batch(settings) // settings.train.accumulate < 2:
        raise MaskwrightError(
            f"The loss '{settings.train.loss}' compares pictures of one batch; give a batch_size of"
            " at least 2."
        )
