"""Diagnostics on encoders, random weights and raw pixels: who is asked, and with which pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from maskwright.diagnostics.diagnostic import (
    ComparesSubjects,
    Diagnostic,
    DiagnosticPictures,
    MeasuresOnce,
)
from maskwright.diagnostics.findings import Findings, pair_findings
from maskwright.evaluation.metrics import Interval
from maskwright.evaluation.subject import Pictures, Subject
from maskwright.support.reporting import Reporter
from maskwright.workflows.loading.labeled import LabeledSplit
from maskwright.workflows.loading.seen import report_seen
from maskwright.workflows.measuring.diagnose_pictures import Stimuli, open_both
from maskwright.workflows.measuring.store_pictures import StorePictures
from maskwright.workflows.measuring.subjects import NamedEncoder, baselines_of


@dataclass(frozen=True)
class DiagnosedSubject:
    """One subject with the pictures at its size.

    subject: an encoder, random weights or raw pixels.
    pictures: the test pictures, and others that diagnostics want.
    test: the store of the test pictures.
    is_baseline: whether it is nobody's encoder.
    """

    subject: Subject
    pictures: DiagnosticPictures
    test: StorePictures
    is_baseline: bool


@dataclass(frozen=True)
class Diagnosis:
    """What one question brought out.

    findings: of every subject, baselines last.
    differences: of encoders to the first one over the same pictures: pair -> number -> interval.
    """

    findings: list[Findings]
    differences: Mapping[str, Mapping[str, Interval]]


@dataclass(frozen=True)
class DiagnosisContext:
    """What all subjects of a diagnosis share.

    split: labeled pictures to fit probes on and to test on.
    extras: other pictures, by the names that diagnostics want.
    device: where everything computes.
    seed: draws for probes, diagnostics and intervals.
    reporter: where progress and notes are shown.
    """

    split: LabeledSplit
    extras: Mapping[str, LabeledSplit | Stimuli]
    device: torch.device
    seed: int
    reporter: Reporter

    def prepare_all(
        self, encoders: Sequence[NamedEncoder], baselines: bool
    ) -> list[DiagnosedSubject]:
        """Every encoder, then random weights for each shape and raw pixels."""
        others = baselines_of(encoders) if baselines else []
        return [self.prepare(encoder) for encoder in (*encoders, *others)]

    def prepare(self, encoder: NamedEncoder) -> DiagnosedSubject:
        """A subject with all pictures at its size."""
        # Encoders differ in size, and each sees pictures that were cut for it.
        size, channels = encoder.config.image_size, encoder.config.channels
        train, test = open_both(self.split, size, channels, self.reporter)
        extra: dict[str, Pictures] = {}
        for name, source in self.extras.items():
            # Labeled extras are fitted on and tested on; stimuli are only looked at.
            if isinstance(source, LabeledSplit):
                pair = open_both(source, size, channels, self.reporter)
                extra[f"{name}_train"], extra[f"{name}_test"] = pair
            else:
                extra[name] = source.open(size, channels, self.reporter)
        subject = encoder.subject(train, self.device, self.seed)
        pictures = DiagnosticPictures(test=test, extra=extra)
        return DiagnosedSubject(subject, pictures, test, encoder.is_baseline)

    def measure(
        self, name: str, question: Diagnostic, subjects: Sequence[DiagnosedSubject]
    ) -> Diagnosis:
        """Ask all subjects one question, and compare them where it has more to say then."""
        # Questions about pictures and grids alone have the same answer for all subjects.
        if isinstance(question, MeasuresOnce):
            first = subjects[0]
            return Diagnosis(question.measure_once(first.subject, first.pictures, self.seed), {})
        findings = []
        for at, diagnosed in enumerate(subjects):
            self.reporter.progress(name, at, len(subjects), diagnosed.subject.name)
            findings.append(question.measure(diagnosed.subject, diagnosed.pictures, self.seed))
        self.reporter.finish()
        # Paired before leads are added, which would only be the same differences again.
        differences = pair_findings(_comparable(subjects, findings), self.seed)
        # Differences to baselines are known once everybody has answered.
        if isinstance(question, ComparesSubjects):
            baselines = [item.subject.name for item in subjects if item.is_baseline]
            findings = question.compare(findings, baselines, self.seed)
        return Diagnosis(findings, differences)

    def report_seen(
        self, runs: Sequence[str | Path], subjects: Sequence[DiagnosedSubject], data: str
    ) -> dict[str, Any]:
        """How many test pictures each run was trained on, by its name."""
        # Baselines were trained on nothing.
        encoders = [diagnosed for diagnosed in subjects if not diagnosed.is_baseline]
        return {
            diagnosed.subject.name: report_seen(run, diagnosed.test.store, data, self.reporter)
            for run, diagnosed in zip(runs, encoders, strict=True)
        }


def _comparable(
    subjects: Sequence[DiagnosedSubject], findings: Sequence[Findings]
) -> list[Findings]:
    """The findings of encoders that saw the same test pictures as the first."""
    first = subjects[0]
    # An encoder of another size may have skipped a picture, and then no pairs can be made.
    return [
        finding
        for diagnosed, finding in zip(subjects, findings, strict=True)
        if not diagnosed.is_baseline and diagnosed.test.keys == first.test.keys
    ]
