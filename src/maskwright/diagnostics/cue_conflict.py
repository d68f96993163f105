"""Shape or texture: what a fixed probe answers when the outline of one thing has the surface of
another (Geirhos et al. 2019).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from maskwright.data.rendered.cue_names import Cues, read_categories, read_cues, usual_categories
from maskwright.data.rendered.shapes_textures import PAIRS
from maskwright.data.store.splits import hold_out_of_each_class
from maskwright.diagnostics.diagnostic import DiagnosticPictures
from maskwright.diagnostics.findings import Findings, number_to_json
from maskwright.diagnostics.shape_bias import (
    POOLS,
    ShapeBias,
    bias_difference,
    count_decisions,
    pool_categories,
)
from maskwright.evaluation.features import Features
from maskwright.evaluation.fixed_probe import FixedProbe, fit_fixed_probe
from maskwright.evaluation.metrics import Interval, bootstrap_interval
from maskwright.evaluation.subject import Pictures, Subject
from maskwright.support.checks import check_one_of
from maskwright.support.errors import MaskwrightError
from maskwright.visual.charts import Bars, bar_chart

CONTROL = (
    "Hold against random weights and raw pixels, 0.5 (no preference, dashed) and the probe's"
    " accuracy on its own test pictures; only pictures decided for one of the two cues count, and"
    " pictures whose cues agree are left out."
)
_HELD_OUT = 0.25


@dataclass(frozen=True)
class CueConflict:
    """Shape bias = shape decisions / (shape + texture decisions) of the fixed probe on cue-conflict
    pictures.

    mapping: CSV of class,category that says which probe class belongs to which category of the
        pictures (else: equal names, and the names of STL-10, CIFAR and Tiny-ImageNet).
    cues: CSV of file,shape,texture for pictures whose names don't say.
    pool: how the chances of the classes of a category are joined, max or mean.
    decode: also fit one probe on the shapes and one on the textures of these pictures.
    """

    mapping: str | None = None
    cues: str | None = None
    pool: str = "max"
    decode: bool = True
    wants: ClassVar[tuple[str, ...]] = ("stimuli",)

    def __post_init__(self) -> None:
        check_one_of("pool", self.pool, POOLS)

    def measure(self, subject: Subject, material: DiagnosticPictures, seed: int = 0) -> Findings:
        """Ask one subject."""
        stimuli, probe = material.take("stimuli"), subject.probe
        begun = time.perf_counter()
        cues = read_cues(stimuli.keys, self.cues)
        categories = (
            read_categories(self.mapping) if self.mapping else usual_categories(_pairs(cues))
        )
        contest = arrange(cues, probe, subject.train.classes, categories)
        features = subject.features_of(stimuli)
        scores = pool_categories(probe.scores(features)[contest.rows], contest.members, self.pool)
        found = count_decisions(
            scores.argmax(1), contest.shapes, contest.textures, contest.names, seed
        )
        clean = _accuracy(subject, material.test, seed)
        numbers: dict[str, float | Interval] = {
            "shape bias": found.bias, "shape decisions": found.shape, "texture decisions": found.texture,
            "pictures": float(len(contest.rows)), "decided": float(found.num_decided), "probe's own test": clean,
        }  # fmt: skip
        if self.decode:
            numbers |= _decode(features, cues, seed)
        return Findings(
            diagnostic="cue-conflict",
            subject=subject.name,
            numbers=numbers,
            control=CONTROL,
            protocol={
                **asdict(self),
                "categories": contest.describe(),
                "interval": "95% bootstrap over pictures",
            },
            tables={"bars": _bars(found), "decisions": _decisions(scores.argmax(1), contest)},
            notes=_notes(found),
            seconds=time.perf_counter() - begun,
        )

    def compare(
        self, findings: Sequence[Findings], baselines: Sequence[str], seed: int = 0
    ) -> list[Findings]:
        """Add how much larger the bias of each encoder is than that of each baseline, over the same
        pictures.
        """
        held = {
            one.subject: one.tables["decisions"] for one in findings if one.subject in baselines
        }
        return [
            (
                one
                if one.subject in held
                else replace(
                    one,
                    numbers={
                        **one.numbers,
                        **{
                            f"bias - {name}": bias_difference(one.tables["decisions"], other, seed)
                            for name, other in held.items()
                        },
                    },
                )
            )
            for one in findings
        ]

    def figure(self, findings: Sequence[Findings]) -> Any:
        """Bias for each shape category and for all, a bar per subject, with intervals."""
        series = []
        for one in findings:
            bars = one.tables["bars"]
            whole = bars["all"]["value"]
            label = f"{one.subject} {whole:.2f}" if whole is not None else f"{one.subject} -"
            series.append(
                Bars(
                    label,
                    tuple(bars),
                    *(
                        tuple(_or_nan(bar[end]) for bar in bars.values())
                        for end in ("value", "low", "high")
                    ),
                )
            )
        title = "Cue conflict: 1 = decides by shape, 0 = decides by texture"
        return bar_chart(
            series,
            title,
            "shape category",
            "shape bias",
            {"no preference": 0.5},
            [findings[0].control],
            top=1.0,
        )


@dataclass(frozen=True)
class Contest:
    """The pictures that count and the categories they are about.

    rows (m,): their places.
    shapes, textures (m,): numbers of categories.
    names: of categories.
    members: probe columns of each.
    """

    rows: Tensor
    shapes: Tensor
    textures: Tensor
    names: tuple[str, ...]
    members: tuple[tuple[int, ...], ...]
    classes: tuple[str, ...]

    def describe(self) -> dict[str, list[str]]:
        """The probe classes behind each category."""
        return {
            name: [self.classes[at] for at in columns]
            for name, columns in zip(self.names, self.members, strict=True)
        }


def arrange(
    cues: Sequence[Cues], probe: FixedProbe, classes: Sequence[str], categories: dict[str, str]
) -> Contest:
    """Find the categories that both the probe and the pictures know, and the pictures whose two
    cues differ and are both known.

    categories: class or cue -> category; a name that is not in it stands for itself, an empty
        category for nothing.
    """
    columns = tuple(
        classes[label] if label < len(classes) else str(label) for label in probe.labels.tolist()
    )
    named = [
        Cues(categories.get(one.shape, one.shape), categories.get(one.texture, one.texture))
        for one in cues
    ]
    shown = {name for one in named for name in (one.shape, one.texture)} - {""}
    known = sorted({categories.get(name, name) for name in columns} & shown)
    if len(known) < 2:
        raise MaskwrightError(
            f"The probe's classes ({_some(columns)}) and the cue-conflict pictures"
            f" ({_some(sorted(shown))}) share {len(known)} categories and at least two are needed;"
            " say which class is which with a CSV of class,category:"
            " cue-conflict(mapping='FILE.csv')."
        )
    number = {name: at for at, name in enumerate(known)}
    members = tuple(
        tuple(at for at, column in enumerate(columns) if categories.get(column, column) == name)
        for name in known
    )
    rows = [
        at
        for at, one in enumerate(named)
        if one.shape != one.texture and one.shape in number and one.texture in number
    ]
    if not rows:
        raise MaskwrightError(
            f"No picture has two different cues among {_some(known)}; cue conflict needs such"
            " pictures."
        )
    shapes, textures = (
        torch.tensor([number[getattr(named[at], which)] for at in rows])
        for which in ("shape", "texture")
    )
    return Contest(torch.tensor(rows), shapes, textures, tuple(known), members, columns)


def _pairs(cues: Sequence[Cues]) -> dict[str, str]:
    """The shape that each texture goes with, for rendered pictures; nothing for others."""
    rendered = all(one.shape in PAIRS.values() and one.texture in PAIRS for one in cues)
    return PAIRS if rendered else {}


def _decode(features: Features, cues: Sequence[Cues], seed: int) -> dict[str, Interval]:
    """Accuracy of a probe on the shapes and of one on the textures, fitted on three quarters of
    these pictures, tested on the rest.

    What is tested on are drawings, or surfaces, that the probe was not fitted on: each occurs in
    several pictures.
    """
    numbers = {}
    for which in ("shape", "texture"):
        words = [getattr(one, which) for one in cues]
        names = sorted(set(words))
        if len(names) < 2:
            continue
        labels = torch.tensor([names.index(word) for word in words])
        is_held = _hold_out_sources(labels, [getattr(one, f"{which}_id") for one in cues], seed)
        probe = fit_fixed_probe(_rows(features, ~is_held, labels), seed=seed)
        answers = probe.decide(_rows(features, is_held, labels)) == labels[is_held]
        numbers[f"{which} decoded"] = bootstrap_interval(answers, seed)
    return numbers


def _hold_out_sources(labels: Tensor, sources: Sequence[str], seed: int) -> Tensor:
    """Hold out a quarter of the drawings or surfaces of each class, with all pictures made of them;
    pictures without one by themselves.
    """
    names = [source or f"picture {at}" for at, source in enumerate(sources)]
    first = {name: at for at, name in reversed(list(enumerate(names)))}
    is_held = hold_out_of_each_class(
        labels[torch.tensor(list(first.values()))], _HELD_OUT, seed
    ).tolist()
    held = {name for name, is_out in zip(first, is_held, strict=True) if is_out}
    return torch.tensor([name in held for name in names])


def _rows(features: Features, chosen: Tensor, labels: Tensor) -> Features:
    return Features(
        None if features.cls is None else features.cls[chosen],
        features.mean[chosen],
        labels[chosen],
    )


def _accuracy(subject: Subject, pictures: Pictures, seed: int) -> Interval:
    return bootstrap_interval(
        subject.probe.decide(subject.features_of(pictures)) == pictures.labels, seed
    )


def _bars(found: ShapeBias) -> dict[str, Any]:
    bars: dict[str, Any] = {"all": {**number_to_json(found.bias), "decided": found.num_decided}}
    return bars | {
        name: {**number_to_json(value), "decided": found.decided[name]}
        for name, value in found.by_shape.items()
    }


def _decisions(decided: Tensor, contest: Contest) -> str:
    """s for a decision by shape, t for one by texture, - for neither, in the order of
    the pictures.
    """
    marks = (decided == contest.shapes).int() - (decided == contest.textures).int()
    return "".join({1: "s", -1: "t", 0: "-"}[mark] for mark in marks.tolist())


def _notes(found: ShapeBias) -> tuple[str, ...]:
    if found.num_decided < 30:
        return (
            (
                f"Only {found.num_decided} pictures were decided for one of their cues, so the bias"
                " says little."
            ),
        )
    return ()


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (" ..." if len(names) > 8 else "")
