"""The features target: what an encoder says of each patch when it sees the whole picture.

The encoder is another one, frozen, or a moving average of the trained one, as in data2vec (Baevski
et al. 2022) and I-JEPA (Assran et al. 2023). This room builds no network: a training computes the
values and passes them on.
"""

from __future__ import annotations

from dataclasses import dataclass

from maskwright.patches.target import PatchShape, TargetTraits
from maskwright.schedules import Schedule, parse_schedule
from maskwright.support.checks import check_count, check_flag
from maskwright.support.errors import MaskwrightError
from maskwright.targets.catalog import target_line

OWNER = "Target 'features'"
EMA = "ema"
# data2vec found the mean of several blocks better than the last one alone.
USUAL_BLOCKS = 3
# I-JEPA's: the average moves less and less, so that the target holds still at the end.
_MOMENTUM = "0.996->1"


@dataclass(frozen=True, kw_only=True)
class FeaturesTarget:
    """Predict features of each patch by an encoder that sees all patches.

    Values are the mean of the last blocks' outputs, each normalized over its features without
    weights, and that mean normalized again.

    Formula: t = norm(mean over the last blocks of norm(output))
    Source: Baevski et al. 2022 (data2vec).

    source: `ema`, a moving average of the trained encoder; or a run, a weight file, a folder,
        official:NAME or timm:NAME, in quotes.
    blocks: how many of the last blocks are averaged; by default 3, or all where there are fewer.
    momentum: for `ema`, the share of itself that the average keeps at each step; a schedule.
    resample: for another encoder whose patches do not fall on this model's: change its picture size
        until they do, with its positions resampled.
    """

    source: str = EMA
    blocks: int | None = None
    momentum: float | str = _MOMENTUM
    resample: bool = False

    def __post_init__(self) -> None:
        # Without quotes a path may read as a call or a number.
        if not isinstance(self.source, str):
            raise MaskwrightError(
                f"{OWNER} needs source to be {EMA}, or a run, file or name in quotes:"
                f" features(source='runs/teacher'); got {self.source}."
            )
        if self.blocks is not None:
            check_count("blocks", self.blocks, 1, owner=OWNER)
        check_flag("resample", self.resample, owner=OWNER)
        # A schedule may leave the range in the middle alone.
        for progress in (0.0, 0.5, 1.0):
            share = self.momentum_schedule.at(progress)
            if not 0 <= share <= 1:
                raise MaskwrightError(
                    f"{OWNER} needs momentum to lie between 0 and 1 at all times; got"
                    f" {self.momentum}."
                )

    @property
    def traits(self) -> TargetTraits:
        return TargetTraits(network=self.source)

    @property
    def is_own(self) -> bool:
        """Whether the features are those of the trained encoder's own average."""
        return self.source == EMA

    @property
    def momentum_schedule(self) -> Schedule:
        """The momentum over the training."""
        return parse_schedule(self.momentum)

    def num_blocks(self, depth: int) -> int:
        """How many of an encoder's last blocks are averaged.

        Raises MaskwrightError where it has fewer than were asked for.
        """
        if self.blocks is None:
            return min(USUAL_BLOCKS, depth)
        if self.blocks > depth:
            raise MaskwrightError(
                f"{OWNER} averages the last {self.blocks} blocks, and the encoder has {depth}; give"
                f" blocks={depth} or fewer."
            )
        return self.blocks

    def num_values(self, shape: PatchShape) -> int:
        """Refuse: the width of the encoder decides, see `ModelConfig.target_values`."""
        raise AssertionError(f"{self} is as wide as its encoder, which is not known here.")

    def __str__(self) -> str:
        return target_line("features", self)
