"""Stylized transfer: a probe of clean pictures, asked on stylized ones of the same classes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any, ClassVar

import torch
from torch import Tensor

from maskwright.data.store.splits import spread
from maskwright.diagnostics.curve import guessing_accuracy
from maskwright.diagnostics.diagnostic import DiagnosticPictures
from maskwright.diagnostics.findings import Findings, Number
from maskwright.diagnostics.interval_charts import interval_bars
from maskwright.diagnostics.restyling import Restyler
from maskwright.evaluation.metrics import NO_INTERVAL, Interval, bootstrap_interval
from maskwright.evaluation.subject import Pictures, Subject
from maskwright.support.checks import check_at_least, check_number
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator
from maskwright.visual.charts import BarPanel, bar_chart

CONTROL = (
    "Hold against random weights and raw pixels on the same pictures, and the clean accuracy of"
    " each. An encoder that reads texture loses more; one that knows nothing has nothing to lose."
)
GROUPS = ("clean", "stylized", "style's class")
# Names of classes that a message lists.
_MOST_NAMED = 5


@dataclass(frozen=True)
class Stylized:
    """Accuracy on stylized pictures of a folder, laid out as Stylized-ImageNet: a folder per class.

    Pictures whose file names are those of clean test pictures are also compared one by one.

    Formula: accuracy(stylized) beside accuracy(clean)
    Source: Geirhos et al. 2019 (Stylized-ImageNet).
    """

    wants: ClassVar[tuple[str, ...]] = ("stylized",)

    def measure(self, subject: Subject, pictures: DiagnosticPictures, seed: int = 0) -> Findings:
        """Ask one subject."""
        stylized = pictures.take("stylized")
        # The probe is fitted before the clock starts, because all diagnostics share it.
        probe = subject.probe
        begun = time.perf_counter()
        labels = match_classes(stylized, subject.train.classes)
        said = probe.decide(subject.features_of(stylized))
        clean = probe.decide(subject.features_of(pictures.test)) == pictures.test.labels
        right = said == labels
        numbers: dict[str, Number] = {
            "clean": bootstrap_interval(clean, seed),
            "stylized": bootstrap_interval(right, seed),
            "chance": guessing_accuracy(subject, pictures.test),
        }
        # The same picture in both: what stylizing alone changes.
        pairs = pair_by_name(pictures.test.keys, stylized.keys)
        if pairs:
            ours, theirs = (torch.tensor(column) for column in zip(*pairs, strict=True))
            change = right[theirs].double() - clean[ours].double()
            numbers["stylized - clean"] = bootstrap_interval(change, seed)
        protocol = {
            "probe": "linear, tuned on held-out train, fitted on clean pictures alone",
            "num_stylized": len(stylized),
            "num_paired": len(pairs),
            "interval": "95% bootstrap over pictures",
        }
        return _findings("stylized", subject, numbers, protocol, begun)

    def figure(self, findings: Sequence[Findings]) -> Any:
        """Clean and stylized accuracy, a bar per subject."""
        return _draw(findings, "Stylized transfer: fitted on clean pictures")


@dataclass(frozen=True)
class Restyled:
    """The same with a stylizer of our own: test pictures drawn in the texture of others.

    The texture comes from a test picture of another class, so answers may follow the picture or the
    style. Nothing is downloaded; what it does to shapes and textures is measured by
    bench/restyling.py.

    Formula: min |Gram(picture) - Gram(style)|^2 + outline * |coarse(picture) - coarse|^2
    Source: Gatys et al. 2016; random filters as in Ustyuzhaninov et al. 2017.

    most: pictures that are restyled, spread over the test pictures.
    steps: of the optimizer that draws them.
    outline: weight of keeping the coarse drawing, beside the texture.
    """

    most: int = 300
    steps: int = Restyler.steps
    outline: float = Restyler.outline
    wants: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        check_at_least("most", self.most, 2)
        check_at_least("steps", self.steps, 1)
        check_number("outline", self.outline, 0, owner="Diagnostic 'restyled'")
        # Not a field: what was drawn for one subject serves all others of its size.
        object.__setattr__(self, "_drawn", {})

    def measure(self, subject: Subject, pictures: DiagnosticPictures, seed: int = 0) -> Findings:
        """Ask one subject."""
        probe = subject.probe
        begun = time.perf_counter()
        chosen = pictures.test.take(spread(len(pictures.test), self.most))
        order = other_classes(chosen.labels, seed)
        restyled = self._restyle(chosen, order, seed)
        parts = [probe.decide(subject.features(batch)) for batch in restyled.split(128)]
        said = torch.cat(parts)
        clean = probe.decide(subject.features_of(chosen)) == chosen.labels
        right = said == chosen.labels
        numbers: dict[str, Number] = {
            "clean": bootstrap_interval(clean, seed),
            "stylized": bootstrap_interval(right, seed),
            "style's class": bootstrap_interval(said == chosen.labels[order], seed),
            "chance": guessing_accuracy(subject, chosen),
            "stylized - clean": bootstrap_interval(right.double() - clean.double(), seed),
        }
        protocol = {
            **asdict(self),
            "probe": "linear, tuned on held-out train, fitted on clean pictures alone",
            "num_stylized": len(chosen),
            "interval": "95% bootstrap over pictures",
        }
        return _findings("restyled", subject, numbers, protocol, begun)

    def figure(self, findings: Sequence[Findings]) -> Any:
        """Clean and restyled accuracy and answers for the style's class, a bar per subject."""
        return _draw(findings, "Restyled pictures: fitted on clean ones")

    def _restyle(self, chosen: Pictures, order: Tensor, seed: int) -> Tensor:
        """The chosen pictures (n, C, H, W) uint8 in the texture of others, drawn once per size."""
        images = torch.cat([batch.images for batch in chosen])
        key = (tuple(images.shape), int(images.long().sum()), seed)
        drawn: dict[Any, Tensor] = self._drawn  # type: ignore[attr-defined]
        if key not in drawn:
            restyler = Restyler(steps=self.steps, outline=self.outline, seed=seed)
            drawn[key] = restyler.restyle(images, images[order])
        return drawn[key]


def match_classes(stylized: Pictures, classes: Sequence[str]) -> Tensor:
    """The labels (n,) of stylized pictures among the classes of the clean ones, by name."""
    known = {name: label for label, name in enumerate(classes)}
    # -1 is no class, so no answer to such a picture is right.
    numbers = torch.tensor([known.get(name, -1) for name in stylized.classes])
    return numbers[stylized.labels]


def check_classes(stylized: Sequence[str], classes: Sequence[str], place: str) -> None:
    """Raise MaskwrightError unless every class of the stylized pictures is one of the clean ones.

    place: where the stylized pictures lie, for the message.
    """
    foreign = [name for name in stylized if name not in set(classes)]
    if foreign or not stylized:
        raise MaskwrightError(
            f"The classes of the stylized pictures in '{place}' are not those of the clean ones:"
            f" {_few(foreign) or 'it has none'}; the clean pictures have {_few(classes)}. Stylized"
            " pictures lie in a folder per class, under the same names."
        )


def _few(names: Sequence[str]) -> str:
    """The first names, with dots where there are more."""
    shown = ", ".join(names[:_MOST_NAMED])
    return f"{shown} ..." if len(names) > _MOST_NAMED else shown


def pair_by_name(clean: Sequence[str], stylized: Sequence[str]) -> list[tuple[int, int]]:
    """Positions of clean and stylized pictures of one class folder and file name without ending."""
    places = {_name_of(key): at for at, key in enumerate(clean)}
    pairs = [(places.get(_name_of(key)), at) for at, key in enumerate(stylized)]
    return [(ours, theirs) for ours, theirs in pairs if ours is not None]


def other_classes(labels: Tensor, seed: int) -> Tensor:
    """For each picture (n,) the position of one of another class, drawn by chance."""
    count = len(labels)
    if len(labels.unique()) < 2:
        raise MaskwrightError("Restyling needs test pictures of two classes or more.")
    order = torch.randperm(count, generator=torch_generator(seed, "restyled"))
    # (n, n) candidates in that order; the first of another class is taken, begun at each picture's
    # own turn so that no style serves all.
    starts = torch.arange(count)[:, None]
    steps = torch.arange(1, count + 1)
    candidates = order[(starts + steps) % count]
    differs = labels[candidates] != labels[:, None]
    first = differs.int().argmax(1, keepdim=True)  # (n, 1)
    return candidates.gather(1, first)[:, 0]


def _name_of(key: str) -> tuple[str, str]:
    path = PurePosixPath(key)
    return path.parent.name, path.stem


def _findings(
    name: str,
    subject: Subject,
    numbers: Mapping[str, Number],
    protocol: Mapping[str, Any],
    begun: float,
) -> Findings:
    bars = {
        group: value.to_dict()
        for group in GROUPS
        if isinstance(value := numbers.get(group, NO_INTERVAL), Interval)
    }
    return Findings(
        diagnostic=name,
        subject=subject.name,
        numbers=numbers,
        control=CONTROL,
        protocol=protocol,
        tables={"bars": {group: bar for group, bar in bars.items() if group in numbers}},
        seconds=time.perf_counter() - begun,
    )


def _draw(findings: Sequence[Findings], title: str) -> Any:
    series = []
    for finding in findings:
        change = finding.numbers.get("stylized - clean")
        lost = f" ({change.value:+.2f})" if isinstance(change, Interval) else ""
        series.append(interval_bars(f"{finding.subject}{lost}", finding.tables["bars"]))
    chance = float(findings[0].numbers["chance"])  # type: ignore[arg-type]
    return bar_chart(BarPanel("", "top-1", series, {"chance": chance}), title, [CONTROL])
