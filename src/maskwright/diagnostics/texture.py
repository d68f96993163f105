"""Textures against objects: whether features lose more on textures than on objects."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from maskwright.diagnostics.diagnostic import DiagnosticPictures
from maskwright.diagnostics.findings import Findings, Number, format_number
from maskwright.diagnostics.interval_charts import interval_bars
from maskwright.evaluation.features import Features
from maskwright.evaluation.fixed_probe import FixedProbe, fit_fixed_probe
from maskwright.evaluation.metrics import Interval, bootstrap, bootstrap_interval
from maskwright.evaluation.subject import Pictures, Subject
from maskwright.support.seeding import torch_generator
from maskwright.visual.charts import BarPanel, bar_chart

CONTROL = (
    "Hold against random weights and raw pixels on the same pictures. 'textures - objects' compares"
    " accuracies rescaled to 0 = chance, 1 = perfect; 'lead' is how much further an encoder is"
    " ahead of a baseline on textures than on objects: below 0, it gained less (or dropped more) on"
    " textures."
)


GROUPS = ("objects", "textures")


@dataclass(frozen=True)
class Rescaled:
    """Right answers as shares of the way from chance to perfect; their means are accuracies.

    textures: (n,) float64, a number per test picture.
    objects: (m,) float64, a number per test picture.
    """

    textures: Tensor
    objects: Tensor


@dataclass(frozen=True)
class Texture:
    """Linear probes on textures and on objects under the same protocol, and their difference.

    Accuracies are rescaled by chance, because the two sets have different numbers of classes;
    intervals come from drawing the test pictures of both sets anew, the same ones for every
    subject.

    Formula: (acc[t] - chance[t]) / (1 - chance[t]) - (acc[o] - chance[o]) / (1 - chance[o])
    Source: this package.

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
        # With match, the larger set is thinned, so that its probe has no advantage.
        most = min(len(train.mean) for train in trains.values()) if self.match else None
        probes = {
            name: fit_fixed_probe(_draw(train, most, seed), seed=seed)
            for name, train in trains.items()
        }

        objects = _answers(probes["objects"], subject, pictures.test)
        textures = _answers(probes["textures"], subject, pictures.take("textures_test"))
        chances = {name: 1 / len(probe.labels) for name, probe in probes.items()}
        tables = {
            "objects": _format_answers(objects),
            "textures": _format_answers(textures),
            "chances": chances,
        }
        numbers: dict[str, Number] = {
            "objects": bootstrap_interval(objects, seed),
            "textures": bootstrap_interval(textures, seed),
            "objects, chance": chances["objects"],
            "textures, chance": chances["textures"],
            "textures - objects": _contrast([_rescale(tables)], [1.0], seed),
        }
        return Findings(
            diagnostic="texture",
            subject=subject.name,
            numbers=numbers,
            control=CONTROL,
            protocol=_protocol(probes),
            tables=tables,
            seconds=time.perf_counter() - begun,
        )

    def compare(
        self, findings: Sequence[Findings], baselines: Sequence[str], seed: int = 0
    ) -> list[Findings]:
        """Add how much further each encoder leads each baseline on textures than on objects."""
        references = [finding for finding in findings if finding.subject in baselines]
        compared = []
        for finding in findings:
            if finding.subject not in baselines:
                leads = _leads(finding, references, seed)
                finding = replace(finding, numbers={**finding.numbers, **leads})
            compared.append(finding)
        return compared

    def figure(self, findings: Sequence[Findings]) -> Any:
        """Accuracy on objects and on textures, a bar per subject."""
        series = []
        for finding in findings:
            intervals: dict[str, Mapping[str, float | None]] = {}
            for group in GROUPS:
                value = finding.numbers[group]
                assert isinstance(value, Interval)
                intervals[group] = value.to_dict()
            difference = _format(finding.numbers["textures - objects"])
            series.append(interval_bars(f"{finding.subject} ({difference})", intervals))

        chances = {
            f"chance, {name}": value for name, value in findings[0].tables["chances"].items()
        }
        # Sets with equally many classes share one dashed line.
        if len(set(chances.values())) == 1:
            chances = {"chance": next(iter(chances.values()))}
        title = "Texture transfer: linear probes (textures - objects)"
        notes = [findings[0].control, *_sentences(findings)]
        return bar_chart(BarPanel("", "top-1", series, chances), title, notes)


def _protocol(probes: Mapping[str, FixedProbe]) -> dict[str, Any]:
    return {
        "probe": "linear, tuned on held-out train, one for each set",
        "poolings": {name: probe.pooling for name, probe in probes.items()},
        "num_train": {name: probe.num_train for name, probe in probes.items()},
        "interval": "95% bootstrap over the test images of both sets",
    }


def _draw(train: Features, most: int | None, seed: int) -> Features:
    """At most so many of the train pictures, drawn by chance, the same ones for every subject."""
    if most is None or most >= len(train.mean):
        return train
    rows = torch.randperm(len(train.mean), generator=torch_generator(seed, "match"))[:most]
    return train.take(rows)


def _answers(probe: FixedProbe, subject: Subject, pictures: Pictures) -> Tensor:
    return probe.decide(subject.features_of(pictures)) == pictures.labels


def _format_answers(is_right: Tensor) -> str:
    """1 for a right answer and 0 for a wrong one, picture by picture."""
    # One line of JSON where a list would take thousands.
    return "".join(map(str, is_right.int().tolist()))


def _rescale(tables: Mapping[str, Any]) -> Rescaled:
    """Bring the answers of both sets to one scale: 0 = chance, 1 = perfect."""
    shares = {}
    for group in GROUPS:
        chance = tables["chances"][group]
        answers = torch.tensor([int(mark) for mark in tables[group]], dtype=torch.float64)
        shares[group] = (answers - chance) / (1 - chance)
    return Rescaled(shares["textures"], shares["objects"])


def _contrast(subjects: Sequence[Rescaled], signs: Sequence[float], seed: int) -> Interval:
    """Mean over textures less mean over objects, summed over subjects with signs.

    The pictures of each set are drawn by themselves, and for all subjects together.
    """
    pairs = list(zip(signs, subjects, strict=True))
    signed_textures = [sign * subject.textures for sign, subject in pairs]
    signed_objects = [sign * subject.objects for sign, subject in pairs]
    textures = torch.stack(signed_textures).sum(0)
    objects = torch.stack(signed_objects).sum(0)
    first = len(textures)

    def statistic(counts: np.ndarray) -> np.ndarray:
        # Both sets are drawn in one row of counts, textures first.
        of_textures = counts[:, :first]
        of_objects = counts[:, first:]
        mean_of_textures = of_textures @ textures.numpy() / of_textures.sum(1)
        mean_of_objects = of_objects @ objects.numpy() / of_objects.sum(1)
        return mean_of_textures - mean_of_objects

    return bootstrap(statistic, first + len(objects), seed)


def _leads(finding: Findings, references: Sequence[Findings], seed: int) -> dict[str, Number]:
    # The encoder counts plus one and the baseline minus one.
    ours = _rescale(finding.tables)
    numbers: dict[str, Number] = {}
    for reference in references:
        pair = [ours, _rescale(reference.tables)]
        numbers[f"lead over {reference.subject}"] = _contrast(pair, [1.0, -1.0], seed)
    return numbers


def _sentences(findings: Sequence[Findings]) -> list[str]:
    """Each lead in words."""
    sentences = []
    for finding in findings:
        for name, value in finding.numbers.items():
            if name.startswith("lead over"):
                sentences.append(f"{finding.subject}: {name} {format_number(value)}.")
    return sentences


def _format(value: Number) -> str:
    return f"{value.value:+.2f}" if isinstance(value, Interval) else f"{value:+.2f}"
