"""How a training learns most in the time it has: size, decoder, share predicted, crop and
optimizer, from pictures, budget and device.

The rules for a CPU were measured on CIFAR-10 in minutes on two cores (docs/log.md): there a small
model that sees many pictures learns more than a wide one that sees few. On other devices nothing
was measured, and the settings of He et al. (2022) stay.
"""

from __future__ import annotations

from maskwright.models.config import ModelConfig
from maskwright.models.cost import count_step
from maskwright.models.sizes import SIZES
from maskwright.support.errors import unknown_name
from maskwright.workflows.settings.choice import Choice, Facts
from maskwright.workflows.settings.pretrain_settings import PretrainSettings, parse_size

CPU_MODEL = "vit_nano"
LONG_CPU_MODEL = "stl10_192x8"
# Operations per second and core at which small models train on a CPU with AMX (about 1,000 pictures
# of 32 pixels on two cores).
CORE_RATE = 40e9
# Pictures that the small model sees before a wider one is chosen: far beyond what was compared,
# where the small one still led.
LONG_RUN = 10_000_000
# A third predicted and milder crops taught most in the same minutes; of many small patches, which
# tell each other more, a fifth.
CPU_PREDICT = 0.34
CPU_PREDICT_FINE = 0.2
FINE_GRID = 256
CPU_CROP_SCALE = 0.4


def choose_model(settings: PretrainSettings, facts: Facts) -> list[Choice]:
    """The size: on a CPU by the pictures that the budget lets the small model see, elsewhere by the
    pictures there are.
    """
    if settings.model.model is not None:
        if settings.model.model not in SIZES:
            raise unknown_name("model", settings.model.model, SIZES)
        return []
    # Few CPUs see enough pictures to fill a wide model.
    if facts.device == "cpu":
        return [_choose_cpu_model(settings, facts)]
    if facts.count < 50_000:
        return [Choice("model", "vit_tiny", f"{facts.count:,} pictures are few")]
    if facts.count < 500_000:
        return [Choice("model", "vit_small", "enough pictures for it")]
    return [Choice("model", "vit_base", "many pictures")]


def _choose_cpu_model(settings: PretrainSettings, facts: Facts) -> Choice:
    seen = pictures_seen(settings, facts)
    if seen is not None and seen > LONG_RUN:
        reason = f"time for about {seen:,.0f} pictures at the smallest size is worth a wider one"
        return Choice("model", LONG_CPU_MODEL, reason)
    known = "" if seen is None else f" (about {seen:,.0f})"
    reason = f"on a CPU a small model that sees more pictures{known} learns more than a wide one"
    return Choice("model", CPU_MODEL, reason)


def pictures_seen(settings: PretrainSettings, facts: Facts) -> float | None:
    """About how many pictures the smallest model sees in the epochs or minutes given; None where
    neither is.

    Steps are left out: a study gives arms of unequal cost different numbers of them, and their
    models must stay equal.
    """
    # Epochs fix the number; minutes only with a guess of the speed.
    if settings.train.epochs is not None:
        return settings.train.epochs * facts.count
    if settings.train.minutes is None:
        return None
    operations = CORE_RATE * facts.cores * 60 * settings.train.minutes
    return operations / _operations_per_picture(settings)


def _operations_per_picture(settings: PretrainSettings) -> int:
    """Of the smallest model at this size of picture and patch, a quarter of its patches visible and
    as many predicted.
    """
    size, patch = SIZES[CPU_MODEL], settings.model.patch_size or 1
    height, width = parse_size(settings.data.image_size or 0)
    config = ModelConfig(
        image_size=(height, width),
        patch_size=patch,
        channels=settings.data.channels or 3,
        width=size.width,
        depth=size.depth,
        heads=size.heads,
        decoder="cross",
        decoder_width=size.decoder_width,
        decoder_depth=size.decoder_depth,
        decoder_heads=size.decoder_heads,
    )
    # A ratio of 0.75 leaves a quarter visible.
    quarter = max(1, _count_patches(settings) // 4)
    return count_step(config, quarter, quarter).training


def _count_patches(settings: PretrainSettings) -> int:
    height, width = parse_size(settings.data.image_size or 0)
    side = settings.model.patch_size or 1
    return (height // side) * (width // side)


def choose_decoder(settings: PretrainSettings, facts: Facts) -> list[Choice]:
    """The decoder: the one whose cost follows what is predicted on a CPU, the published one
    elsewhere.
    """
    if settings.model.decoder is not None:
        return []
    if facts.device == "cpu":
        return [Choice("decoder", "cross", "computes only what is predicted, so a CPU sees more")]
    return [Choice("decoder", "full", "as published (He et al. 2022)")]


def choose_predict(settings: PretrainSettings, facts: Facts) -> list[Choice]:
    """The share predicted: a third where that saves time on a CPU, else all."""
    if settings.mask.predict is not None:
        return []
    if facts.device == "cpu" and settings.model.decoder == "cross":
        share = CPU_PREDICT_FINE if _count_patches(settings) >= FINE_GRID else CPU_PREDICT
        reason = "a part of the masked patches teaches as much in less time (Fu et al. 2024)"
        return [Choice("predict", share, reason)]
    return [Choice("predict", 1.0, "every masked patch")]


def choose_crop_scale(settings: PretrainSettings, facts: Facts) -> list[Choice]:
    """The smallest crop: a short training does not exhaust the pictures, so milder crops teach it
    more.
    """
    if settings.data.crop_scale is not None:
        return []
    if facts.device == "cpu":
        return [
            Choice("crop_scale", CPU_CROP_SCALE, "short trainings learn more from larger crops")
        ]
    return [Choice("crop_scale", 0.2, "as published (He et al. 2022)")]


def choose_optimizer(settings: PretrainSettings, facts: Facts) -> list[Choice]:
    """Muon on a CPU, where it was measured; a rate that was given without an optimizer is taken for
    AdamW's.
    """
    train = settings.train
    if train.optimizer is not None:
        return []
    # Muon's rates are several times AdamW's, so a given rate must not change its meaning.
    if train.lr is not None or train.base_lr is not None:
        reason = (
            "a learning rate was given, which is taken for AdamW's; --optimizer muon has another"
        )
        return [Choice("optimizer", "adamw", reason)]
    if facts.device == "cpu":
        return [Choice("optimizer", "muon", "learns more per step, and a CPU makes few")]
    return [Choice("optimizer", "adamw", "as published (He et al. 2022)")]
