"""The contract of a diagnostic: one question to every subject, answered in numbers and a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

from maskwright.diagnostics.findings import Findings
from maskwright.evaluation.subject import Pictures, Subject
from maskwright.support.errors import MaskwrightError


@dataclass(frozen=True, kw_only=True)
class DiagnosticPictures:
    """The pictures of one diagnosis, cut to the size of one subject.

    test: labeled pictures that neither encoder nor probe was fitted on.
    extra: other sets, by the names that a diagnostic `wants`.
    """

    test: Pictures
    extra: Mapping[str, Pictures] = field(default_factory=dict)

    def take(self, name: str) -> Pictures:
        """One of the other sets; raises MaskwrightError when it was not given."""
        # From Python a diagnostic can be asked without the command's checks.
        if name not in self.extra:
            raise MaskwrightError(
                f"This diagnostic needs pictures called '{name}', and none were given."
            )
        return self.extra[name]


class Diagnostic(Protocol):
    """One question, as a frozen dataclass of its options.

    wants: names of picture sets beside the test pictures, in the workflow given by flags of the
        same names.
    """

    wants: ClassVar[tuple[str, ...]]

    def measure(self, subject: Subject, pictures: DiagnosticPictures, seed: int = 0) -> Findings:
        """Ask one subject."""
        ...

    def figure(self, findings: Sequence[Findings]) -> Any:
        """One figure for all subjects: a Matplotlib figure or (H, W, 3) uint8."""
        ...


@runtime_checkable
class ComparesSubjects(Protocol):
    """A diagnostic that has more to say once all subjects were asked."""

    def compare(
        self, findings: Sequence[Findings], baselines: Sequence[str], seed: int = 0
    ) -> list[Findings]:
        """Return the findings of all subjects with numbers added.

        baselines: the names of random weights and raw pixels among the subjects.
        """
        ...


@runtime_checkable
class MeasuresOnce(Protocol):
    """A diagnostic that is not about weights: its findings, say one per policy, are the columns."""

    def measure_once(
        self, subject: Subject, pictures: DiagnosticPictures, seed: int = 0
    ) -> list[Findings]:
        """Ask on the pictures and the grid of one subject."""
        ...
