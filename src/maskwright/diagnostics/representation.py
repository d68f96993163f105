"""Representation: how features fill their space, and what a k-NN reads from every layer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from maskwright.data.augment.transforms import Augment
from maskwright.data.store.splits import spread
from maskwright.diagnostics.diagnostic import DiagnosticPictures
from maskwright.diagnostics.findings import Findings, Number, number_to_json
from maskwright.diagnostics.interval_charts import interval_line
from maskwright.diagnostics.spread import measure_shape
from maskwright.evaluation.features import Labeled
from maskwright.evaluation.frozen import evaluation_mode
from maskwright.evaluation.knn import KnnSettings, measure_knn
from maskwright.evaluation.subject import Pictures, Subject
from maskwright.models.attention_map import tokens_by_layer
from maskwright.support.checks import check_at_least
from maskwright.visual.charts import Panel, line_chart

CONTROL = (
    "Hold against random weights and raw pixels: rank alone is no virtue, because noise has the"
    " highest; the k-NN of the first layer is what single patches give away, and chance is dashed."
)


@dataclass(frozen=True)
class Representation:
    """Rank, uniformity and alignment of mean-pooled features, and k-NN accuracy of every layer.

    The rank says how many directions the features use. Alignment asks how near two crops of a
    picture lie, uniformity how evenly pictures fill the sphere.

    Formula: effective rank = exp(entropy of the singular values' shares)
    Source: Roy and Vetterli 2007; Wang and Isola 2020.

    most: of the train pictures, how many are neighbors at most, spread over all.
    k: neighbors.
    scale: smallest share of a picture's area that a random crop of the two views may take, each
        mirrored by chance.
    """

    most: int = 5000
    k: int = 20
    scale: float = 0.4
    wants: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        check_at_least("most", self.most, 2)
        check_at_least("k", self.k, 1)

    def measure(self, subject: Subject, pictures: DiagnosticPictures, seed: int = 0) -> Findings:
        """Ask one subject."""
        # All layers of test and train, then two random views of the test pictures.
        begun = time.perf_counter()
        test = layers_of(subject, pictures.test)
        # Spread over all, because stores are often sorted by class.
        neighbors = subject.train.take(spread(len(subject.train), self.most))
        train = layers_of(subject, neighbors)
        settings = KnnSettings(k=self.k)
        accuracy = {
            name: measure_knn(train[name], test[name], settings, seed=seed).answers.top1
            for name in test
        }

        # The last layer is what probes get.
        last = list(test.values())[-1].values
        first_view = _view_features(subject, pictures.test, self.scale, seed, 0)
        second_view = _view_features(subject, pictures.test, self.scale, seed, 1)
        shape = measure_shape(last, first_view, second_view)
        numbers: dict[str, Number] = {**dict(shape), "width": last.shape[1]}
        for name, value in accuracy.items():
            numbers[f"k-NN {name}"] = value

        # Chance is the commonest class of those that vote.
        labels = next(iter(train.values())).labels
        commonest = labels.mode().values
        tables = {
            "knn": {name: number_to_json(value) for name, value in accuracy.items()},
            "chance": float((pictures.test.labels == commonest).double().mean()),
            "shape": dict(shape),
        }
        return Findings(
            diagnostic="representation",
            subject=subject.name,
            numbers=numbers,
            control=CONTROL,
            protocol=self._protocol(settings, len(labels), len(pictures.test)),
            tables=tables,
            seconds=time.perf_counter() - begun,
        )

    def _protocol(self, settings: KnnSettings, num_train: int, num_test: int) -> dict[str, Any]:
        return {
            **asdict(self),
            "pooling": "mean of the patch tokens",
            "layers": (
                "patches: after embedding and positions; numbers: after that block; norm: after"
                " the final norm, what probes get"
            ),
            "num_train": num_train,
            "num_test": num_test,
            "knn": {**asdict(settings), "similarity": "cosine"},
        }

    def figure(self, findings: Sequence[Findings]) -> Any:
        """k-NN accuracy layer by layer, a line for each subject, with the rank beside its name."""
        lines = []
        for finding in findings:
            effective = finding.tables["shape"]["effective_rank"]
            rank = f"rank {effective:.1f} of {finding.numbers['width']}"
            lines.append(interval_line(f"{finding.subject}, {rank}", finding.tables["knn"]))
        chance = {"chance": findings[0].tables["chance"]}
        panel = Panel("layer", "top-1 of k-NN", tuple(lines), chance)
        return line_chart([panel], "Representation: what each layer tells neighbors", [CONTROL])


def layers_of(subject: Subject, pictures: Pictures) -> dict[str, Labeled]:
    """Mean patch tokens of pictures by layer; raw pixels have one, their features."""
    parts: dict[str, list[Tensor]] = {}
    for batch in pictures:
        for name, pooled in _layers(subject, batch.images):
            parts.setdefault(name, []).append(pooled)
    return {name: Labeled(torch.cat(values), pictures.labels) for name, values in parts.items()}


def _layers(subject: Subject, images: Tensor) -> Iterator[tuple[str, Tensor]]:
    if not subject.has_tokens:
        yield "norm", subject.features(images).mean
        return
    encoder = subject.encoder.encoder
    names = ["patches", *map(str, range(1, len(encoder.blocks) + 1)), "norm"]
    with evaluation_mode(encoder, subject.device, subject.precision):
        layers = tokens_by_layer(encoder, subject.patches(images))
        for name, tokens in zip(names, layers, strict=True):
            # Layer by layer, so that one is in memory at a time.
            of_patches = tokens[:, subject.num_prefix :].float()  # (B, N, D)
            yield name, of_patches.mean(1).cpu()


def _view_features(
    subject: Subject, pictures: Pictures, scale: float, seed: int, number: int
) -> Tensor:
    """Features (n, D) of one random crop, mirrored by chance, of every picture."""
    augment = Augment(size=subject.image_size, scale=(scale, 1.0))
    parts: list[Tensor] = []
    first = 0
    for batch in pictures:
        # Crops depend on the number of the picture, so all subjects see the same.
        ids = torch.arange(first, first + len(batch.images))
        first += len(ids)
        height, width = batch.images.shape[-2:]
        boxes = augment.draw(
            torch.full_like(ids, height),
            torch.full_like(ids, width),
            seed=seed,
            epoch=number,
            sample_ids=ids,
        )
        pairs = zip(boxes.to_list(), batch.images, strict=True)
        views = [box.apply(image, subject.image_size) for box, image in pairs]
        features = subject.features(torch.stack(views))
        parts.append(features.mean)
    return torch.cat(parts)
