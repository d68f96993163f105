"""Shape or texture: what a fixed probe answers when outline and surface disagree (Geirhos 2019)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from maskwright.data.rendered.cue_names import Cues, read_categories, read_cues, usual_categories
from maskwright.data.store.stratified import hold_out_of_each_class
from maskwright.diagnostics.cue_contest import CueContest, match_categories, rendered_pairs
from maskwright.diagnostics.diagnostic import DiagnosticPictures
from maskwright.diagnostics.findings import Findings, Number, number_to_json
from maskwright.diagnostics.interval_charts import interval_bars
from maskwright.diagnostics.shape_bias import (
    POOLS,
    ShapeBias,
    bias_difference,
    count_decisions,
    pool_categories,
)
from maskwright.evaluation.features import Features
from maskwright.evaluation.fixed_probe import fit_fixed_probe
from maskwright.evaluation.metrics import Interval, bootstrap_interval
from maskwright.evaluation.subject import Pictures, Subject
from maskwright.support.checks import check_one_of
from maskwright.visual.charts import BarPanel, bar_chart

CONTROL = (
    "Hold against random weights and raw pixels, 0.5 (no preference, dashed) and the probe's"
    " accuracy on its own test pictures; only pictures decided for one of the two cues count, and"
    " pictures whose cues agree are left out."
)
# Share of the drawings and surfaces that decoding is tested on.
HELD_OUT = 0.25
# A bias of fewer decisions than this has an interval that says little.
FEW_DECISIONS = 30


@dataclass(frozen=True)
class CueConflict:
    """Shape bias = shape decisions / (shape + texture decisions) on cue-conflict pictures.

    Such a picture has the outline of one class and the surface of another. Only pictures that the
    probe gives to one of the two count.

    Formula: shape bias = shape / (shape + texture), counts of decisions
    Source: Geirhos et al. 2019.

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

    def measure(self, subject: Subject, pictures: DiagnosticPictures, seed: int = 0) -> Findings:
        """Ask one subject."""
        stimuli = pictures.take("stimuli")
        # The probe is fitted before the clock starts, because all diagnostics share it.
        probe = subject.probe
        begun = time.perf_counter()
        cues = read_cues(stimuli.keys, self.cues)
        contest = match_categories(cues, probe, subject.train.classes, self._categories(cues))

        # (n, K) class scores -> (m, C) category scores of the pictures that count.
        features = subject.features_of(stimuli)
        scores = pool_categories(probe.scores(features)[contest.rows], contest.members, self.pool)
        decided = scores.argmax(1)
        bias = count_decisions(decided, contest.shapes, contest.textures, contest.names, seed)
        numbers: dict[str, Number] = {
            "shape bias": bias.bias,
            "shape decisions": bias.shape,
            "texture decisions": bias.texture,
            "pictures": float(len(contest.rows)),
            "decided": float(bias.num_decided),
            "probe's own test": _accuracy(subject, pictures.test, seed),
        }
        if self.decode:
            numbers |= _decode(features, cues, seed)
        protocol = {
            **asdict(self),
            "categories": contest.describe(),
            "interval": "95% bootstrap over pictures",
        }
        return Findings(
            diagnostic="cue-conflict",
            subject=subject.name,
            numbers=numbers,
            control=CONTROL,
            protocol=protocol,
            tables={"bars": _bars(bias), "decisions": _mark_decisions(decided, contest)},
            notes=_notes(bias),
            seconds=time.perf_counter() - begun,
        )

    def compare(
        self, findings: Sequence[Findings], baselines: Sequence[str], seed: int = 0
    ) -> list[Findings]:
        """Add how much larger the bias of each encoder is than that of each baseline."""
        references = {
            finding.subject: finding.tables["decisions"]
            for finding in findings
            if finding.subject in baselines
        }
        compared = []
        for finding in findings:
            if finding.subject not in references:
                decisions = finding.tables["decisions"]
                # Over the same pictures, drawn together.
                differences = {
                    f"bias - {name}": bias_difference(decisions, reference, seed)
                    for name, reference in references.items()
                }
                finding = replace(finding, numbers={**finding.numbers, **differences})
            compared.append(finding)
        return compared

    def figure(self, findings: Sequence[Findings]) -> Any:
        """Bias for each shape category and for all, a bar per subject, with intervals."""
        series = []
        for finding in findings:
            bars = finding.tables["bars"]
            whole = bars["all"]["value"]
            value = "-" if whole is None else f"{whole:.2f}"
            series.append(interval_bars(f"{finding.subject} {value}", bars))
        panel = BarPanel("shape category", "shape bias", series, {"no preference": 0.5}, top=1.0)
        title = "Cue conflict: 1 = decides by shape, 0 = decides by texture"
        return bar_chart(panel, title, [findings[0].control])

    def _categories(self, cues: Sequence[Cues]) -> dict[str, str]:
        if self.mapping:
            return read_categories(self.mapping)
        return usual_categories(rendered_pairs(cues))


def _decode(features: Features, cues: Sequence[Cues], seed: int) -> dict[str, Interval]:
    """Accuracy of a probe on the shapes and of one on the textures of these pictures.

    Each is tested on drawings, or surfaces, that it was not fitted on: each occurs in several
    pictures.
    """
    sides = {
        "shape": ([cue.shape for cue in cues], [cue.shape_id for cue in cues]),
        "texture": ([cue.texture for cue in cues], [cue.texture_id for cue in cues]),
    }
    numbers = {}
    for side, (words, sources) in sides.items():
        names = sorted(set(words))
        # One class alone gives nothing to tell apart.
        if len(names) < 2:
            continue
        labels = torch.tensor([names.index(word) for word in words])
        is_held = _hold_out_sources(labels, sources, seed)
        probe = fit_fixed_probe(_rows(features, ~is_held, labels), seed=seed)
        answers = probe.decide(_rows(features, is_held, labels)) == labels[is_held]
        numbers[f"{side} decoded"] = bootstrap_interval(answers, seed)
    return numbers


def _hold_out_sources(labels: Tensor, sources: Sequence[str], seed: int) -> Tensor:
    """Hold out a quarter of the drawings or surfaces of each class, with all their pictures."""
    # A picture without a named source is a source of its own.
    names = [source or f"picture {at}" for at, source in enumerate(sources)]
    # Backwards, so that each source keeps its first picture, which gives its label.
    first = {name: at for at, name in reversed(list(enumerate(names)))}
    labels_of_sources = labels[torch.tensor(list(first.values()))]
    is_held = hold_out_of_each_class(labels_of_sources, HELD_OUT, seed).tolist()
    held = {name for name, is_out in zip(first, is_held, strict=True) if is_out}
    return torch.tensor([name in held for name in names])


def _rows(features: Features, rows: Tensor, labels: Tensor) -> Features:
    """The features of some pictures, under other labels."""
    # Features carry the labels of their data set, which are not those of a cue.
    return replace(features, labels=labels).take(rows)


def _accuracy(subject: Subject, pictures: Pictures, seed: int) -> Interval:
    decisions = subject.probe.decide(subject.features_of(pictures))
    return bootstrap_interval(decisions == pictures.labels, seed)


def _bars(bias: ShapeBias) -> dict[str, Any]:
    """The bias of all and of each shape category, ready for JSON."""
    bars: dict[str, Any] = {"all": {**number_to_json(bias.bias), "decided": bias.num_decided}}
    for name, value in bias.by_shape.items():
        bars[name] = {**number_to_json(value), "decided": bias.decided[name]}
    return bars


def _mark_decisions(decided: Tensor, contest: CueContest) -> str:
    """s for a decision by shape, t for one by texture, - for neither, picture by picture."""
    sides = (decided == contest.shapes).int() - (decided == contest.textures).int()
    marks = {1: "s", -1: "t", 0: "-"}
    return "".join(marks[side] for side in sides.tolist())


def _notes(bias: ShapeBias) -> tuple[str, ...]:
    if bias.num_decided >= FEW_DECISIONS:
        return ()
    return (
        f"Only {bias.num_decided} pictures were decided for one of their cues, so the bias says"
        " little.",
    )
