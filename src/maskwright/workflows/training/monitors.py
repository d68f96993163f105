"""What is measured while a run trains: held-out loss, baselines, reconstructions, k-NN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from maskwright.components.mask import ComponentMask
from maskwright.data.classes import only_labeled
from maskwright.data.loader import Batch
from maskwright.data.store.splits import spread
from maskwright.evaluation.baselines import TrivialBaselines, measure_baselines
from maskwright.evaluation.features import Features
from maskwright.evaluation.knn import KnnSettings, measure_knn
from maskwright.evaluation.readout import DEFAULT_READOUT, read_features
from maskwright.masking.uniform import RandomPolicy
from maskwright.patches import PatchMask
from maskwright.targets.building import read_target
from maskwright.training.component_masker import ComponentMasker
from maskwright.training.epoch_tasks import EpochTask
from maskwright.training.module import PretrainModule
from maskwright.training.recorder import Row
from maskwright.visual.components import component_sheet
from maskwright.visual.reconstructions import SheetFacts, reconstruction_sheet, sheet_rows
from maskwright.workflows.building.mask_samples import MaskDraw, MaskView, mask_samples
from maskwright.workflows.loading.pictures import Pictures, eval_batch, eval_batches
from maskwright.workflows.settings.choices import MOST_KNN_TRAIN
from maskwright.workflows.settings.pretrain_settings import PretrainSettings
from maskwright.workflows.training.component_watch import fixed_mask, rows_of

# Pictures of a sheet, and pictures that baselines are measured on.
SHOWN = 6
BASELINE_PICTURES = 64
# Of the random masks that runs with different policies can be compared on.
COMMON_RATIO = 0.75


def shows_pictures(settings: PretrainSettings) -> bool:
    """Whether what a run predicts can be shown as pictures."""
    return read_target(settings.model.target).traits.has_picture


@dataclass(frozen=True)
class TrainingMonitor:
    """The measurements of one run.

    settings: of the run.
    pictures: those of the run; held-out ones are measured on.
    save_picture: takes a name, an image (H, W, 3) and the step.
    """

    settings: PretrainSettings
    pictures: Pictures
    save_picture: Callable[[str, np.ndarray, int], None]

    def tasks(self) -> list[EpochTask]:
        """What is due at the end of epochs."""
        run = self.settings.run
        tasks = []
        # Some targets lead back to no picture; the beginning of the run has said so.
        if shows_pictures(self.settings):
            tasks.append(EpochTask("samples", run.sample_every, self.show_samples))
        if self.pictures.held is not None:
            # First in the list, so that its columns come first in a row.
            tasks.insert(0, EpochTask("held_out", 1, self.measure_held_out))
            if run.knn_every != 0 and self._has_labels():
                tasks.append(EpochTask("knn", run.knn_every, self.measure_online_knn))
        return tasks

    def _has_labels(self) -> bool:
        """Whether trained and held-out pictures both have labels, so that k-NN says something."""
        stores = (self.pictures.train, self.pictures.held)
        return all(store is not None and only_labeled(store) is not None for store in stores)

    def baselines(self, module: PretrainModule) -> TrivialBaselines:
        """The loss of two trivial predictions on fixed pictures under fixed masks."""
        batch = self._batch(module, BASELINE_PICTURES)
        mask = self.own_mask(module, batch)
        return measure_baselines(
            batch.images,
            mask,
            module.scale,
            patch_size=module.model.grid.patch_size,
            target=module.model.target,
        )

    def own_mask(self, module: PretrainModule, batch: Batch) -> PatchMask:
        """The run's own policy at its last ratio on one batch of pictures, fixed."""
        # At the ratio of the end, so that epochs compare.
        masker, device = module.masker, module.device
        draw = MaskDraw(masker.ratio.at(1.0), self.settings.train.seed, purpose="fixed")
        if isinstance(masker, ComponentMasker):
            return fixed_mask(masker, batch.sample_ids.to(device), draw)
        images = module.scale.to_model(batch.images.to(device))
        # Looking does not count as the training's cost: nothing here is charged.
        sight = MaskView(
            images=images,
            priors={name: share.to(device) for name, share in batch.priors.items()},
            attention=lambda source: masker.look(source, images),
            keys=batch.keys,
        )
        ids = batch.sample_ids.to(device)
        return mask_samples(masker.policy, masker.grid, ids, draw, sight)

    def _batch(self, module: PretrainModule, count: int) -> Batch:
        """Fixed pictures with the maps that the policy looks at, numbered from 0."""
        maps = module.masker.policy.traits.needed("prior")
        return eval_batch(self.pictures.fixed, self.pictures.size, count, maps, module.model.grid)

    def measure_held_out(self, module: PretrainModule, epoch: int) -> Row:
        """Loss on held-out pictures under the run's own masks, and under random 75% masks.

        All policies share the random masks. Schedules of the loss stand at their end, so that
        epochs compare; several terms are measured alone too.
        """
        assert self.pictures.held is not None
        sums: dict[str, float] = {}
        count = 0
        batches = eval_batches(
            self.pictures.held,
            self.pictures.size,
            maps=module.map_names,
            grid=module.model.grid,
        )
        for batch in batches:
            images = module.scale.to_model(batch.images.to(module.device))
            priors = {name: share.to(module.device) for name, share in batch.priors.items()}
            for name, mask in self._held_out_masks(module, batch).items():
                prediction = module.predict(images, mask)
                value = module.objective(replace(prediction, priors=priors), images, 1.0)
                # Batches are of different sizes: the mean is over pictures.
                for column, number in value.columns(name).items():
                    sums[column] = sums.get(column, 0.0) + float(number) * len(images)
            count += len(images)
        return {name: total / count for name, total in sums.items()}

    def _held_out_masks(self, module: PretrainModule, batch: Batch) -> dict[str, PatchMask]:
        """Masks of held-out pictures by the column that their loss stands in."""
        if isinstance(module.masker, ComponentMasker):
            return {"val_loss": self.own_mask(module, batch)}  # masked patches mean nothing to it
        ids = batch.sample_ids.to(module.device)
        draw = MaskDraw(COMMON_RATIO, seed=0, purpose="common")
        common = mask_samples(RandomPolicy(), module.model.grid, ids, draw)
        return {"val_loss": self.own_mask(module, batch), "val_loss_random75": common}

    def show_samples(self, module: PretrainModule, epoch: int) -> Row:
        """Save a sheet of fixed pictures under fixed masks."""
        batch = self._batch(module, SHOWN)
        images = module.scale.to_model(batch.images.to(module.device))
        mask = self.own_mask(module, batch)
        # What people need beside the pictures to know what they see.
        facts = SheetFacts(
            policy=str(self.settings.mask.policy),
            ratio=module.masker.ratio.at(1.0),
            seed=self.settings.train.seed,
            title=f"epoch {epoch}",
        )
        if isinstance(mask, ComponentMask):
            sheet = component_sheet(rows_of(module, mask, images), facts)
        else:
            sheet = reconstruction_sheet(
                sheet_rows(module.model(images, mask), module.scale), facts
            )
        self.save_picture("reconstructions", sheet, module.global_step)
        return {}

    def measure_online_knn(self, module: PretrainModule, epoch: int) -> Row:
        """k-NN accuracy of held-out pictures among trained ones.

        Features are those that `maskwright evaluate` reads.
        """
        assert self.pictures.held is not None
        train = only_labeled(self.pictures.train)
        held = only_labeled(self.pictures.held)
        # `tasks` has looked: both parts have labels.
        assert train is not None
        assert held is not None
        # Spread over the store, which is often sorted by class.
        if len(train) > MOST_KNN_TRAIN:
            train = train.subset(spread(len(train), MOST_KNN_TRAIN))
        # Features of both parts under one readout: (n, D) each.
        learned = self._features(module, train).labeled("mean")
        tested = self._features(module, held).labeled("mean")
        # Standardized, as the k-NN probe of `maskwright evaluate` does.
        result = measure_knn(learned, tested, KnnSettings(standardize=True))
        return {"knn_top1": result.answers.top1.value}

    def _features(self, module: PretrainModule, store: Any) -> Features:
        batches = eval_batches(store, self.pictures.size)
        return read_features(
            module.model, batches, DEFAULT_READOUT, scale=module.scale, device=module.device
        )
