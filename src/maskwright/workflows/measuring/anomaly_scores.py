"""Three scores of how anomalous pictures are, with a heat map of each that has places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.components.policy_text import hides_components
from maskwright.data.store.packed import PackedStore
from maskwright.evaluation.anomaly_maps import (
    PlaceStatistics,
    complementary_masks,
    reconstruction_errors,
    smooth,
    top_mean,
)
from maskwright.evaluation.frozen import evaluation_mode, frozen_precision
from maskwright.evaluation.memory_bank import MemoryBank, aggregate, build_bank
from maskwright.evaluation.readout import tokens_of_blocks
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.support.count_progress import CountProgress, PictureCounter
from maskwright.support.reporting import Reporter
from maskwright.weights.checkpoint import LoadedEncoder
from maskwright.workflows.loading.pictures import eval_batches
from maskwright.workflows.measuring.patch_tokens import dense_blocks
from maskwright.workflows.settings.anomalies_settings import AnomaliesSettings

RECONSTRUCTION, NEIGHBORS, MEAN_PICTURE = "reconstruction", "neighbors", "mean picture"
# In the order in which they are trusted: pictures are ranked by the first that there is.
KINDS = (RECONSTRUCTION, NEIGHBORS, MEAN_PICTURE)
BATCH = 32
# Deviation of the Gaussian that blurs errors, as a share of a patch's side.
BLUR = 0.25


@dataclass(frozen=True, eq=False)
class ScoredPictures:
    """Scores of n pictures, larger is more anomalous.

    scores: (n,) of each kind, by name.
    maps: (n, H, W) float16 heat maps, by name, for the scores that have places.
    """

    scores: dict[str, Tensor]
    maps: dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class NormalStatistics:
    """What normal pictures are like.

    errors: of the normal pictures at every place; None without a decoder.
    bank: patch features of the normal pictures.
    mean: (C, H, W) the mean of the normal pictures, in the model's numbers.
    """

    errors: PlaceStatistics | None
    bank: MemoryBank
    mean: Tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class AnomalyScorer:
    """Scores pictures of one model by what normal pictures are like.

    loaded: the model; without a decoder there is no score by reconstruction.
    settings: how the scores are made.
    device: where it computes.
    known: what is normal.
    """

    loaded: LoadedEncoder
    settings: AnomaliesSettings
    device: torch.device
    known: NormalStatistics

    def score(self, store: PackedStore, counter: PictureCounter) -> ScoredPictures:
        """Score all pictures of a store and keep their heat maps."""
        scores: dict[str, list[Tensor]] = {}
        maps: dict[str, list[Tensor]] = {}
        known = self.known
        reader = _Reader(self.loaded, self.settings, self.device)
        for images in reader.batches(store, counter):
            if known.errors is not None:
                standard = known.errors.standardize(reader.errors(images))
                scores.setdefault(RECONSTRUCTION, []).append(top_mean(standard))
                maps.setdefault(RECONSTRUCTION, []).append(standard.half())
            far = reader.spread(known.bank.distances(reader.features(images)))
            scores.setdefault(NEIGHBORS, []).append(top_mean(far))
            maps.setdefault(NEIGHBORS, []).append(far.half())
            # Beside scores that had to be learned, one that any program could give.
            plain = (images.cpu() - known.mean).square().flatten(1).mean(1).sqrt()
            scores.setdefault(MEAN_PICTURE, []).append(plain)
        return ScoredPictures(
            {name: torch.cat(parts) for name, parts in scores.items()},
            {name: torch.cat(parts) for name, parts in maps.items()},
        )


def learn_normal(
    loaded: LoadedEncoder,
    normal: PackedStore,
    settings: AnomaliesSettings,
    device: torch.device,
    reporter: Reporter,
) -> NormalStatistics:
    """Measure what normal pictures are like."""
    reader = _Reader(loaded, settings, device)
    errors = PlaceStatistics() if reader.can_reconstruct else None
    total = torch.zeros(())
    counter = PictureCounter(CountProgress(reporter, "normal"), len(normal))

    def features() -> Iterator[Tensor]:
        nonlocal total
        # One pass serves all three: pictures are decoded and scaled once.
        for images in reader.batches(normal, counter):
            if errors is not None:
                errors.add(reader.errors(images))
            total = total + images.cpu().double().sum(0)
            yield reader.features(images)

    bank = build_bank(features(), settings.bank, settings.subsample, settings.seed)
    reporter.finish()
    return NormalStatistics(errors, bank, (total / len(normal)).float())


class _Reader:
    """Reads errors and features of pictures from one model."""

    def __init__(
        self, loaded: LoadedEncoder, settings: AnomaliesSettings, device: torch.device
    ) -> None:
        self._model = loaded.model.to(device)
        self._scale = loaded.scale
        self._settings = settings
        self._device = device
        # One that was trained to predict hidden components has never met a masked patch.
        self._knows_masks = not hides_components(loaded.settings.get("policy"))
        self._blocks = dense_blocks(loaded.model.config, settings.blocks)

    @property
    def can_reconstruct(self) -> bool:
        return isinstance(self._model, MaskedAutoencoder) and self._knows_masks

    def batches(self, store: PackedStore, counter: PictureCounter) -> Iterator[Tensor]:
        """(B, C, H, W) pictures in the model's numbers, on the device."""
        for batch in eval_batches(store, self._model.config.image_size, BATCH):
            yield self._scale.to_model(batch.images.to(self._device))
            counter.add(len(batch.images))

    def errors(self, images: Tensor) -> Tensor:
        """(B, H, W) errors of every pixel while it was hidden, a little blurred."""
        model, settings = self._model, self._settings
        assert isinstance(model, MaskedAutoencoder)
        masks = complementary_masks(model.grid, settings.ratio, settings.rounds, settings.seed)
        with evaluation_mode(model, self._device, frozen_precision(self._device)):
            maps = reconstruction_errors(model, images, masks)
        # A little, because single pixels are noise.
        return smooth(maps, model.config.patch_size * BLUR).cpu()

    def features(self, images: Tensor) -> Tensor:
        """(B, N, D) features of patches, averaged over their neighborhoods."""
        model = self._model
        prefix = model.config.num_prefix
        with evaluation_mode(model, self._device, frozen_precision(self._device)):
            tokens = list(tokens_of_blocks(model, images, self._blocks))
        joined = torch.cat([part[:, prefix:].float() for part in tokens], dim=2)
        return aggregate(joined, model.grid).cpu()

    def spread(self, distances: Tensor) -> Tensor:
        """(B, N) numbers of patches, enlarged bilinearly to (B, H, W)."""
        grid = self._model.grid
        coarse = distances.view(len(distances), 1, grid.rows, grid.cols)
        size = self._model.config.image_size
        return F.interpolate(coarse, size=size, mode="bilinear", align_corners=False)[:, 0]
