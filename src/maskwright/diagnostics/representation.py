"""Representation: how features fill their space, how alike two views of a picture are, and what a
k-NN reads from every layer.
"""

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
from maskwright.diagnostics.spread import measure_shape
from maskwright.evaluation.features import Labeled
from maskwright.evaluation.frozen import held_still
from maskwright.evaluation.knn import KnnSettings, measure_knn
from maskwright.evaluation.subject import Pictures, Subject
from maskwright.models.attention_map import tokens_by_layer
from maskwright.patches.pixels import patchify
from maskwright.support.checks import check_at_least
from maskwright.visual.charts import Line, Panel, line_chart

CONTROL = (
    "Hold against random weights and raw pixels: rank alone is no virtue, because noise has the"
    " highest; the k-NN of the first layer is what single patches give away, and chance is dashed."
)


@dataclass(frozen=True)
class Representation:
    """Effective rank, participation ratio, uniformity and alignment of mean-pooled features, and
    k-NN accuracy of every layer.

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
        begun = time.perf_counter()
        test = layers_of(subject, pictures.test)
        train = layers_of(subject, subject.train.take(spread(len(subject.train), self.most)))
        views = [
            _view_features(subject, pictures.test, self.scale, seed, number) for number in (0, 1)
        ]
        shape = measure_shape(list(test.values())[-1].values, *views)
        settings = KnnSettings(k=self.k)
        accuracy = {
            name: measure_knn(train[name], test[name], settings, seed=seed).answers.top1
            for name in test
        }
        width = list(test.values())[-1].values.shape[1]
        numbers: dict[str, Number] = {
            **dict(shape),
            "width": width,
            **{f"k-NN {name}": value for name, value in accuracy.items()},
        }
        labels = next(iter(train.values())).labels
        chance = float((pictures.test.labels == labels.mode().values).double().mean())
        return Findings(
            diagnostic="representation",
            subject=subject.name,
            numbers=numbers,
            control=CONTROL,
            protocol={
                **asdict(self),
                "pooling": "mean of the patch tokens",
                "layers": (
                    "patches: after embedding and positions; numbers: after that block; norm: after"
                    " the final norm, what probes get"
                ),
                "num_train": len(labels),
                "num_test": len(pictures.test),
                "knn": {**asdict(settings), "similarity": "cosine"},
            },
            tables={
                "knn": {name: number_to_json(value) for name, value in accuracy.items()},
                "chance": chance,
                "shape": dict(shape),
            },
            seconds=time.perf_counter() - begun,
        )

    def figure(self, findings: Sequence[Findings]) -> Any:
        """k-NN accuracy layer by layer, a line for each subject, with the rank beside its name."""
        lines = []
        for one in findings:
            steps = one.tables["knn"]
            rank = f"rank {one.tables['shape']['effective_rank']:.1f} of {one.numbers['width']}"
            ends = (tuple(step[end] for step in steps.values()) for end in ("value", "low", "high"))
            lines.append(Line(f"{one.subject}, {rank}", tuple(steps), *ends))
        panel = Panel(
            "layer", "top-1 of k-NN", tuple(lines), {"chance": findings[0].tables["chance"]}
        )
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
    encoder = subject.encoder.to(subject.device).encoder
    patches = patchify(subject.scale.to_model(images.to(subject.device)), subject.grid.patch_size)
    names = ["patches", *map(str, range(1, len(encoder.blocks) + 1)), "norm"]
    with held_still(encoder, subject.device, subject.precision):
        for name, tokens in zip(names, tokens_by_layer(encoder, patches), strict=True):
            yield name, tokens[:, subject.num_prefix :].float().mean(1).cpu()


def _view_features(
    subject: Subject, pictures: Pictures, scale: float, seed: int, number: int
) -> Tensor:
    """Features (n, D) of one random crop, mirrored by chance, of every picture."""
    augment = Augment(size=subject.image_size, scale=(scale, 1.0))
    parts, at = [], 0
    for batch in pictures:
        ids = torch.arange(at, at + len(batch.images))
        at += len(ids)
        heights, widths = (torch.full((len(ids),), side) for side in batch.images.shape[-2:])
        boxes = augment.draw(heights, widths, seed=seed, epoch=number, sample_ids=ids).to_list()
        cut = [
            box.apply(image, subject.image_size)
            for box, image in zip(boxes, batch.images, strict=True)
        ]
        parts.append(subject.features(torch.stack(cut)).mean)
    return torch.cat(parts)
