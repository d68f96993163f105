"""What is looked at while a run trains: held-out loss, trivial baselines, reconstructions of fixed
pictures, k-NN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from maskwright.data.classes import only_labeled
from maskwright.data.loader import Batch
from maskwright.data.store.splits import spread
from maskwright.evaluation.baselines import TrivialBaselines, measure_baselines
from maskwright.evaluation.features import Features
from maskwright.evaluation.knn import KnnSettings, measure_knn
from maskwright.evaluation.readout import DEFAULT_READOUT, read_features
from maskwright.masking.uniform import RandomPolicy
from maskwright.patches import PatchMask
from maskwright.training.epoch_tasks import EpochTask
from maskwright.training.module import PretrainModule
from maskwright.training.recorder import Row
from maskwright.visual.reconstructions import SheetFacts, reconstruction_sheet, sheet_rows
from maskwright.workflows.building.mask_samples import MaskView, mask_samples
from maskwright.workflows.loading.pictures import Pictures, eval_batch, eval_batches
from maskwright.workflows.settings.pretrain_settings import PretrainSettings

SHOWN = 6
MOST_KNN_TRAIN = 5000
COMMON_RATIO = 0.75


@dataclass(frozen=True)
class TrainingMonitor:
    """The measurements of one run; pictures go to `save_picture(name, image, step)`."""

    settings: PretrainSettings
    pictures: Pictures
    save_picture: Callable[[str, np.ndarray, int], None]

    def tasks(self) -> list[EpochTask]:
        """What is due at the end of epochs."""
        run = self.settings.run
        tasks = [EpochTask("samples", run.sample_every or 1, self.show_samples)]
        if self.pictures.held is not None:
            tasks.insert(0, EpochTask("held_out", 1, self.measure_held_out))
            if run.knn_every and self._has_labels():
                tasks.append(EpochTask("knn", run.knn_every, self.measure_online_knn))
        return tasks

    def _has_labels(self) -> bool:
        """Whether trained and held-out pictures both have labels, so that k-NN says something."""
        stores = (self.pictures.train, self.pictures.held)
        return all(store is not None and only_labeled(store) is not None for store in stores)

    def baselines(self, module: PretrainModule) -> TrivialBaselines:
        """The loss of two trivial predictions on fixed pictures under fixed masks."""
        batch = self._batch(module, 64)
        mask = self.own_mask(module, batch)
        config = module.model.config
        return measure_baselines(
            batch.images, mask, module.scale, patch_size=config.patch_size, target=config.target
        )

    def own_mask(self, module: PretrainModule, batch: Batch) -> PatchMask:
        """The run's own policy at its last ratio on one batch of pictures, fixed."""
        masker, device = module.masker, module.device
        images = module.scale.to_model(batch.images.to(device))
        sight = MaskView(
            images=images,
            priors={name: share.to(device) for name, share in batch.priors.items()},
            attention=lambda source: masker.look(source, images),
            keys=batch.keys,
        )
        ids = batch.sample_ids.to(device)
        return mask_samples(
            masker.policy,
            masker.grid,
            masker.ratio.at(1.0),
            ids,
            self.settings.train.seed,
            purpose="fixed",
            sight=sight,
        )

    def _batch(self, module: PretrainModule, count: int) -> Batch:
        """Fixed pictures with the maps that the policy looks at, numbered from 0."""
        grid = module.model.grid
        maps = module.masker.policy.traits.needed("prior")
        return eval_batch(
            self.pictures.fixed, self.pictures.size, count, maps, (grid.rows, grid.cols)
        )

    def measure_held_out(self, module: PretrainModule, epoch: int) -> Row:
        """Loss on held-out pictures under the run's own masks, and under random 75% masks that all
        policies share.

        Weights are those of the end of the training, so that epochs compare; several terms are
        measured one by one too.
        """
        assert self.pictures.held is not None
        sums: dict[str, float] = {}
        count = 0
        grid = module.model.grid
        maps = sorted(
            {*module.masker.policy.traits.needed("prior"), *module.objective.needs.priors}
        )
        for batch in eval_batches(
            self.pictures.held, self.pictures.size, maps=maps, grid=(grid.rows, grid.cols)
        ):
            images, ids = (
                module.scale.to_model(batch.images.to(module.device)),
                batch.sample_ids.to(module.device),
            )
            common = mask_samples(RandomPolicy(), grid, COMMON_RATIO, ids, 0, purpose="common")
            priors = {name: share.to(module.device) for name, share in batch.priors.items()}
            for name, mask in (
                ("val_loss", self.own_mask(module, batch)),
                ("val_loss_random75", common),
            ):
                prediction = module.model(images, mask, visible=module.objective.needs.visible)
                value = module.objective(replace(prediction, priors=priors), images, 1.0)
                for column, number in value.columns(name).items():
                    sums[column] = sums.get(column, 0.0) + float(number) * len(images)
            count += len(images)
        return {name: total / count for name, total in sums.items()}

    def show_samples(self, module: PretrainModule, epoch: int) -> Row:
        """Save a sheet of fixed pictures under fixed masks."""
        batch = self._batch(module, SHOWN)
        prediction = module.model(
            module.scale.to_model(batch.images.to(module.device)), self.own_mask(module, batch)
        )
        facts = SheetFacts(
            policy=str(self.settings.mask.policy),
            ratio=module.masker.ratio.at(1.0),
            seed=self.settings.train.seed,
            title=f"epoch {epoch}",
        )
        self.save_picture(
            "reconstructions",
            reconstruction_sheet(sheet_rows(prediction, module.scale), facts),
            module.global_step,
        )
        return {}

    def measure_online_knn(self, module: PretrainModule, epoch: int) -> Row:
        """k-NN accuracy of held-out pictures among trained ones, on the features that `maskwright
        evaluate` reads.
        """
        assert self.pictures.held is not None
        train, held = only_labeled(self.pictures.train), only_labeled(self.pictures.held)
        assert train is not None
        assert held is not None
        if len(train) > MOST_KNN_TRAIN:
            train = train.subset(spread(len(train), MOST_KNN_TRAIN))
        stores = (train, held)
        features = [self._features(module, store) for store in stores]
        pooling = "mean"
        result = measure_knn(
            features[0].labeled(pooling), features[1].labeled(pooling), KnnSettings()
        )
        return {"knn_top1": result.answers.top1.value}

    def _features(self, module: PretrainModule, store: Any) -> Features:
        batches = eval_batches(store, self.pictures.size)
        return read_features(
            module.model, batches, DEFAULT_READOUT, scale=module.scale, device=module.device
        )
