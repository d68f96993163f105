"""The target of a run from settings, checked before anything is decoded."""

from __future__ import annotations

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.patches import Grid, PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.targets.building import read_target
from maskwright.targets.features import FeaturesTarget
from maskwright.training.feature_sources import FeatureSource, OtherFeatures, OwnFeatures
from maskwright.training.teachers import Teacher
from maskwright.weights.hints import Hints
from maskwright.workflows.building.model_shape import model_config
from maskwright.workflows.runs.locate import load_any_encoder
from maskwright.workflows.settings.pretrain_settings import PretrainSettings


def check_target(settings: PretrainSettings, reporter: Reporter) -> None:
    """Refuse the target of complete settings where it cannot be computed.

    An encoder whose features are predicted is opened for that.
    """
    config = model_config(settings)
    target = read_target(config.target)
    if not isinstance(target, FeaturesTarget):
        return
    if target.is_own:
        target.num_blocks(config.depth)  # for its error
        return
    teacher = open_target_teacher(config)
    assert teacher is not None
    sizes = " x ".join(map(str, teacher.config.image_size))
    say = f"target: features of {target.source}, which sees the pictures at {sizes} pixels"
    if target.resample:
        say += ", so that its patches fall on this model's; its positions are resampled"
    reporter.say(say)


def open_target_teacher(config: ModelConfig) -> Teacher | None:
    """Open the encoder whose features a model predicts; None where it is no other encoder.

    Raises MaskwrightError when there is none, or its patches do not fall on the model's.
    """
    target = read_target(config.target)
    if not isinstance(target, FeaturesTarget) or target.is_own:
        return None
    grid = Grid.of_image(*config.image_size, config.patch_size)
    loaded = load_any_encoder(target.source)
    theirs = loaded.model.config
    target.num_blocks(theirs.depth)  # for its error
    if not _is_arranged_alike(loaded.model.grid, grid):
        # The picture size at which its patches are arranged as the model's are.
        size = (grid.rows * theirs.patch_size, grid.cols * theirs.patch_size)
        if not target.resample:
            raise _another_grid(target, loaded.model.grid, grid, size)
        loaded = load_any_encoder(target.source, Hints(image_size=size))
    return Teacher(loaded.model.encoder, loaded.model.config, loaded.scale)


def build_features(
    model: MaskedAutoencoder, scale: PixelScale, teacher: Teacher | None
) -> FeatureSource | None:
    """What computes the target of a model; None where pixels are enough.

    teacher: as `open_target_teacher` gives it.
    """
    target = model.target
    if not isinstance(target, FeaturesTarget):
        return None
    if teacher is not None:
        return OtherFeatures(target, teacher, scale)
    return OwnFeatures(target, model.config, model.grid, model.encoder)


def _is_arranged_alike(first: Grid, second: Grid) -> bool:
    return (first.rows, first.cols) == (second.rows, second.cols)


def _another_grid(
    target: FeaturesTarget, theirs: Grid, ours: Grid, size: tuple[int, int]
) -> MaskwrightError:
    return MaskwrightError(
        f"The encoder '{target.source}' has {theirs.rows}x{theirs.cols} patches and this model"
        f" {ours.rows}x{ours.cols}, so its features fall between them. Choose --image-size and"
        f" --patch-size for the same number of patches, or add resample=True to the target: the"
        f" encoder then sees the pictures at {size[0]}x{size[1]} pixels, with its positions"
        " resampled."
    )
