"""What is looked at while a run trains: held-out loss, trivial baselines, reconstructions of fixed pictures, k-NN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskwright.evaluation.baselines import TrivialBaselines, measure_baselines
from maskwright.evaluation.features import extract_features
from maskwright.evaluation.knn import KnnSettings, measure_knn
from maskwright.masking.uniform import RandomPolicy
from maskwright.patches import PatchMask
from maskwright.training.epoch_tasks import EpochTask
from maskwright.training.module import PretrainModule
from maskwright.training.recorder import Row
from maskwright.visual.reconstructions import SheetFacts, reconstruction_sheet, sheet_rows
from maskwright.workflows.draw import mask_samples
from maskwright.workflows.loading import Pictures, eval_batches, eval_images
from maskwright.workflows.settings import PretrainSettings

SHOWN = 6
MOST_KNN_TRAIN = 5000
COMMON_RATIO = 0.75


@dataclass(frozen=True)
class Watcher:
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
            if self.pictures.train.labels is not None and run.knn_every:
                tasks.append(EpochTask("knn", run.knn_every, self.measure_online_knn))
        return tasks

    def baselines(self, module: PretrainModule) -> TrivialBaselines:
        """The loss of two trivial predictions on fixed pictures under fixed masks."""
        images = eval_images(self.pictures.fixed, self.pictures.size, 64)
        mask = self.own_mask(module, module.scale.to_model(images), torch.arange(len(images)))
        config = module.model.config
        return measure_baselines(images, mask, module.scale, patch_size=config.patch_size, target=config.target)

    def own_mask(self, module: PretrainModule, images: Tensor, sample_ids: Tensor) -> PatchMask:
        """The run's own policy at its last ratio, fixed."""
        seed = self.settings.train.seed
        return mask_samples(module.policy, module.model.grid, module.ratio.at(1.0), sample_ids, seed, purpose="fixed", images=images)

    def measure_held_out(self, module: PretrainModule, epoch: int) -> Row:
        """Loss on held-out pictures under the run's own masks, and under random 75% masks that all policies share.

        Weights are those of the end of the training, so that epochs compare; several terms are measured one by one too.
        """
        assert self.pictures.held is not None
        sums: dict[str, float] = {}
        count = 0
        for batch in eval_batches(self.pictures.held, self.pictures.size):
            images, ids = module.scale.to_model(batch.images.to(module.device)), batch.sample_ids.to(module.device)
            common = mask_samples(RandomPolicy(), module.model.grid, COMMON_RATIO, ids, 0, purpose="common")
            for name, mask in (("val_loss", self.own_mask(module, images, ids)), ("val_loss_random75", common)):
                value = module.objective(module.model(images, mask, visible=module.objective.needs.visible), images, 1.0)
                for column, number in value.columns(name).items():
                    sums[column] = sums.get(column, 0.0) + float(number) * len(images)
            count += len(images)
        return {name: total / count for name, total in sums.items()}

    def show_samples(self, module: PretrainModule, epoch: int) -> Row:
        """Save a sheet of fixed pictures under fixed masks."""
        images = module.scale.to_model(eval_images(self.pictures.fixed, self.pictures.size, SHOWN).to(module.device))
        prediction = module.model(images, self.own_mask(module, images, torch.arange(len(images), device=module.device)))
        facts = SheetFacts(
            policy=str(self.settings.mask.policy),
            ratio=module.ratio.at(1.0),
            seed=self.settings.train.seed,
            title=f"epoch {epoch}",
        )
        self.save_picture("reconstructions", reconstruction_sheet(sheet_rows(prediction, module.scale), facts), module.global_step)
        return {}

    def measure_online_knn(self, module: PretrainModule, epoch: int) -> Row:
        """k-NN accuracy of held-out pictures among trained ones, on frozen features with every patch visible."""
        assert self.pictures.held is not None
        train = self.pictures.train
        if len(train) > MOST_KNN_TRAIN:
            train = train.subset(torch.linspace(0, len(train) - 1, MOST_KNN_TRAIN).long())
        stores = (train, self.pictures.held)
        features = [self._features(module, store) for store in stores]
        pooling = "mean"
        result = measure_knn(features[0].labeled(pooling), features[1].labeled(pooling), KnnSettings())
        return {"knn_top1": result.answers.top1.value}

    def _features(self, module: PretrainModule, store: Any) -> Any:
        config = module.model.config
        return extract_features(
            module.model.encode,
            eval_batches(store, self.pictures.size),
            num_prefix=config.num_prefix,
            scale=module.scale,
            device=module.device,
            class_token=config.class_token,
        )
