"""Textures against objects: how well an encoder's features tell textures apart, and whether that
drops more than for objects.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from maskwright.diagnostics.diagnostic import DiagnosticPictures
from maskwright.diagnostics.findings import Findings, Number, format_number
from maskwright.evaluation.features import Features
from maskwright.evaluation.fixed_probe import FixedProbe, fit_fixed_probe
from maskwright.evaluation.metrics import Interval, bootstrap, bootstrap_interval
from maskwright.evaluation.subject import Pictures, Subject
from maskwright.support.seeding import torch_generator
from maskwright.visual.charts import Bars, bar_chart

CONTROL = (
    "Hold against random weights and raw pixels on the same pictures. 'textures - objects' compares"
    " accuracies rescaled to 0 = chance, 1 = perfect; 'lead' is how much further an encoder is"
    " ahead of a baseline on textures than on objects: below 0, it gained less (or dropped more) on"
    " textures."
)


@dataclass(frozen=True)
class Texture:
    """Linear probes on a texture set and on the object set, the same protocol for both, and their
    difference.

    Accuracies are rescaled by chance, because the two sets have different numbers of classes;
    intervals come from drawing the test pictures of both sets anew, the same ones for every
    subject.

    match: fit both probes on equally many pictures, as many as the smaller set has, since more
        pictures help some encoders more than others.
    """

    match: bool = True
    wants: ClassVar[tuple[str, ...]] = ("textures",)

    def measure(self, subject: Subject, pictures: DiagnosticPictures, seed: int = 0) -> Findings:
        """Ask one subject."""
        begun = time.perf_counter()
        trains = {
            "objects": subject.train_features,
            "textures": subject.features_of(pictures.take("textures_train")),
        }
        most = min(len(one.mean) for one in trains.values()) if self.match else None
        probes = {
            name: fit_fixed_probe(_some(one, most, seed), seed=seed) for name, one in trains.items()
        }
        objects = _answers(probes["objects"], subject, pictures.test)
        textures = _answers(probes["textures"], subject, pictures.take("textures_test"))
        chances = {name: _chance(probe) for name, probe in probes.items()}
        numbers: dict[str, Number] = {
            "objects": bootstrap_interval(objects, seed),
            "textures": bootstrap_interval(textures, seed),
            "objects, chance": chances["objects"],
            "textures, chance": chances["textures"],
        }
        tables = {
            "objects": _format_answers(objects),
            "textures": _format_answers(textures),
            "chances": chances,
        }
        return Findings(
            diagnostic="texture",
            subject=subject.name,
            numbers={**numbers, "textures - objects": _contrast([_rescaled(tables)], [1.0], seed)},
            control=CONTROL,
            protocol={
                "probe": "linear, tuned on held-out train, one for each set",
                "poolings": {name: probe.pooling for name, probe in probes.items()},
                "num_train": {name: probe.num_train for name, probe in probes.items()},
                "interval": "95% bootstrap over the test images of both sets",
            },
            tables=tables,
            seconds=time.perf_counter() - begun,
        )

    def compare(
        self, findings: Sequence[Findings], baselines: Sequence[str], seed: int = 0
    ) -> list[Findings]:
        """Add how much further each encoder leads each baseline on textures than on objects."""
        held = [one for one in findings if one.subject in baselines]
        return [
            one if one in held else replace(one, numbers={**one.numbers, **_leads(one, held, seed)})
            for one in findings
        ]

    def figure(self, findings: Sequence[Findings]) -> Any:
        """Accuracy on objects and on textures, a bar per subject."""
        groups = ("objects", "textures")
        series = []
        for one in findings:
            values = [
                value
                for value in (one.numbers[group] for group in groups)
                if isinstance(value, Interval)
            ]
            ends = (
                tuple(getattr(value, end) for value in values) for end in ("value", "low", "high")
            )
            series.append(
                Bars(f"{one.subject} ({_format(one.numbers['textures - objects'])})", groups, *ends)
            )
        chances = {
            f"chance, {name}": value for name, value in findings[0].tables["chances"].items()
        }
        if len(set(chances.values())) == 1:
            chances = {"chance": next(iter(chances.values()))}
        title = "Texture transfer: linear probes (textures - objects)"
        return bar_chart(
            series, title, "", "top-1", chances, [findings[0].control, *_sentences(findings)]
        )


def _some(train: Features, most: int | None, seed: int) -> Features:
    """At most so many of the train pictures, chosen by chance, the same ones for every subject."""
    if most is None or most >= len(train.mean):
        return train
    chosen = torch.randperm(len(train.mean), generator=torch_generator(seed, "match"))[:most]
    labels = None if train.labels is None else train.labels[chosen]
    return Features(None if train.cls is None else train.cls[chosen], train.mean[chosen], labels)


def _answers(probe: FixedProbe, subject: Subject, pictures: Pictures) -> Tensor:
    return probe.decide(subject.features_of(pictures)) == pictures.labels


def _format_answers(is_right: Tensor) -> str:
    """1 for a right answer and 0 for a wrong one, picture by picture: a line of JSON instead of
    thousands.
    """
    return "".join(map(str, is_right.int().tolist()))


def _chance(probe: FixedProbe) -> float:
    return 1 / len(probe.labels)


def _rescaled(tables: Any) -> tuple[Tensor, Tensor]:
    """Right answers on textures and objects (n,) as shares of the way from chance to perfect; their
    means are the rescaled accuracies.
    """
    parts = []
    for name in ("textures", "objects"):
        chance = tables["chances"][name]
        answers = torch.tensor([int(mark) for mark in tables[name]], dtype=torch.float64)
        parts.append((answers - chance) / (1 - chance))
    return parts[0], parts[1]


def _contrast(
    pairs: Sequence[tuple[Tensor, Tensor]], signs: Sequence[float], seed: int
) -> Interval:
    """Mean over textures less mean over objects, summed over subjects with signs; each set is drawn
    by itself, subjects together.
    """
    textures, objects = (
        torch.stack([sign * pair[at] for sign, pair in zip(signs, pairs, strict=True)]).sum(0)
        for at in (0, 1)
    )
    first = len(textures)

    def statistic(counts: np.ndarray) -> np.ndarray:
        ours, others = counts[:, :first], counts[:, first:]
        return ours @ textures.numpy() / ours.sum(1) - others @ objects.numpy() / others.sum(1)

    return bootstrap(statistic, first + len(objects), seed)


def _leads(one: Findings, held: Sequence[Findings], seed: int) -> dict[str, Number]:
    pairs = {base.subject: [_rescaled(one.tables), _rescaled(base.tables)] for base in held}
    return {f"lead over {name}": _contrast(pair, [1.0, -1.0], seed) for name, pair in pairs.items()}


def _sentences(findings: Sequence[Findings]) -> list[str]:
    """Each lead in words."""
    return [
        f"{one.subject}: {name} {format_number(value)}."
        for one in findings
        for name, value in one.numbers.items()
        if name.startswith("lead over")
    ]


def _format(value: Number) -> str:
    return f"{value.value:+.2f}" if isinstance(value, Interval) else f"{value:+.2f}"
