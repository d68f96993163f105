"""How trials are measured: by probes, and by pictures filled in under common masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from maskwright.diagnostics.catalog import build_diagnostics
from maskwright.evaluation.readout import DEFAULT_READOUT, find_readout
from maskwright.studies.metrics import FILL_METRICS, PROBE_METRICS, SELECT_METRICS
from maskwright.studies.record import Metric
from maskwright.support.checks import check_at_least
from maskwright.support.errors import MaskwrightError, did_you_mean
from maskwright.workflows.building.policies import parts
from maskwright.workflows.filling.arms import MaskChoice
from maskwright.workflows.measuring.probe_context import Probe
from maskwright.workflows.measuring.probes.catalog import parse_probes
from maskwright.workflows.settings import help_texts
from maskwright.workflows.settings.conversion import convert
from maskwright.workflows.settings.fields import Leaf, leaves, setting

COMMON_MASKS = ("random 0.75", "block(size=2) 0.75", "grid 0.75")
"""Scattered, clustered and regular holes, so that no arm is measured at its own habit alone."""
LISTS = ("probes", "masks", "filled", "diagnostics", "also")
"""Fields that are lists of text, which may be empty."""
MEASURE_SEED = 0
"""All arms are measured under one seed, so that they see the same masks."""


@dataclass(frozen=True, kw_only=True)
class MeasureSettings:
    """What is measured after each training.

    main: the one metric whose verdicts are claims, by default that of the last probe, or that of
        the first common mask where there are no probes.
    """

    data: str | None = setting(None, help="labeled pictures for the probes, by default the study's")
    labels: str | None = setting(None, help=help_texts.LABELS)
    features: str = setting(
        DEFAULT_READOUT, help="what probes read, see `maskwright evaluate --features`"
    )
    probes: Sequence[str] = setting(("knn", "linear"), help="none for pictures without labels")
    limit: int | None = setting(None, help=help_texts.PROBE_LIMIT)
    masks: Sequence[str] = setting(COMMON_MASKS, help="POLICY RATIO each, the same for all arms")
    filled: Sequence[str] = setting(("psnr",), help="what is measured of pictures filled in")
    pictures: int = setting(256, help="how many pictures are filled in under each common mask")
    also: Sequence[str] = setting((), help="other labeled pictures for the frozen probes")
    kept: bool = setting(False, help="also measure the frozen probes on the epochs that runs kept")
    scratch: bool = setting(False, help="also fine-tune random weights: a training from scratch")
    cross: bool = setting(True, help="also fill in under every other arm's masks")
    selection: bool = setting(False, help="measure the scorer that the plan's `select` trains")
    diagnostics: Sequence[str] = setting((), help="questions of `maskwright diagnose`")
    stimuli: str | None = setting(None, help="pictures whose cues disagree, for cue-conflict")
    textures: str | None = setting(None, help="pictures of textures, for texture")
    stylized: str | None = setting(None, help="stylized pictures, for stylized")
    main: str | None = setting(None, help="the metric whose verdicts are claims")

    @classmethod
    def parse(cls, value: Any) -> MeasureSettings:
        """Read the `evaluate` section of a plan.

        Raises MaskwrightError for unknown keys and values of another type.
        """
        if not isinstance(value, Mapping):
            raise MaskwrightError(
                "`evaluate` in a study plan is a mapping such as {probes: [knn], limit: 2000};"
                f" got {value!r}."
            )
        # A misspelled key must not be ignored: it would measure something else in silence.
        known = {leaf.name: leaf for leaf in leaves({"evaluate": cls})}
        for key in value:
            if key not in known:
                raise MaskwrightError(
                    f"Unknown key 'evaluate.{key}'.{did_you_mean(str(key), known)} Known:"
                    f" {', '.join(known)}."
                )
        # Nothing said means the default, but an empty list means "none of these".
        fields = {
            str(name): _typed(known[name], written)
            for name, written in value.items()
            if written is not None or name in LISTS
        }
        measures = cls(**fields)
        measures.check()
        return measures

    def check(self) -> None:
        """Refuse unknown features, probes, masks and metrics, and counts below what is needed."""
        # Cheap checks of single fields first; none of them touches a file.
        find_readout(self.features)
        check_at_least("evaluate.limit", self.limit, 2)
        check_at_least("evaluate.pictures", self.pictures, 1)
        self.parsed_probes()
        for mask in self.masks:
            read_mask(mask)
        for name in self.filled:
            if name not in FILL_METRICS:
                raise MaskwrightError(
                    f"Unknown number '{name}' in evaluate.filled."
                    f"{did_you_mean(name, FILL_METRICS)} Known: {', '.join(FILL_METRICS)}."
                )
        if self.diagnostics:
            build_diagnostics(",".join(self.diagnostics))
        # Last, because the names of metrics need probes and masks that can be read.
        names = [metric.name for metric in self.metrics()]
        if not names:
            raise MaskwrightError(
                "The plan measures nothing; give evaluate.probes or evaluate.masks."
            )
        if self.main is not None and self.main not in names:
            raise MaskwrightError(
                f"Unknown main metric '{self.main}'.{did_you_mean(self.main, names)} Measured:"
                f" {', '.join(names)}."
            )

    def metrics(self) -> tuple[Metric, ...]:
        """What trials are compared by, the main one marked."""
        # Under their names in results, whatever spaces the plan has.
        probes = [
            kind.metric(name, probe.looks_at)
            for name, probe in self.parsed_probes().items()
            for kind in PROBE_METRICS
            if kind.task == probe.task
        ]
        filled = [FILL_METRICS[key].metric(masks) for key in self.filled for masks in self._masks()]
        scorers = [kind.metric() for kind in SELECT_METRICS] if self.selection else []
        main = self.main
        if main is None and scorers:
            main = scorers[0].name
        elif main is None and probes:
            # The first metric of the last probe, which is the strongest one by custom.
            last = next(reversed(self.parsed_probes()))
            main = next(metric.name for metric in probes if metric.name.startswith(f"{last} "))
        elif main is None and filled:
            main = filled[0].name
        return tuple(
            replace(metric, main=metric.name == main) for metric in (*probes, *filled, *scorers)
        )

    def _masks(self) -> list[str]:
        """The common masks, written in one way."""
        return [format_mask(read_mask(mask)) for mask in self.masks]

    def parsed_probes(self) -> dict[str, Probe]:
        """The probes by the names that results carry, written in one way.

        Raises MaskwrightError for unknown probes and options.
        """
        return parse_probes(", ".join(self.probes)) if self.probes else {}

    def floor_probes(self) -> list[str]:
        """The probes that random weights are measured by: with `scratch` those that train too."""
        return list(self.probes) if self.scratch else self.frozen_probes()

    def frozen_probes(self) -> list[str]:
        """The probes that leave the encoder as it is, in the words of the plan."""
        parsed = zip(self.probes, self.parsed_probes().values(), strict=True)
        return [text for text, probe in parsed if probe.looks_at.startswith("frozen")]

    @property
    def needs_labels(self) -> bool:
        """Whether any probe asks for the classes of pictures."""
        return any(probe.task == "classes" for probe in self.parsed_probes().values())

    @property
    def main_metric(self) -> Metric:
        """The one that the verdict is about."""
        return next(metric for metric in self.metrics() if metric.main)


def _typed(leaf: Leaf, value: Any) -> Any:
    """A value of the section in the type of its field; a list may also be one text."""
    if leaf.name in LISTS:
        return tuple(str(part) for part in parts(value or []))
    return convert(replace(leaf, name=f"{leaf.section}.{leaf.name}"), value)


def format_mask(choice: MaskChoice) -> str:
    """Write `block(size=2) 0.75`, which `read_mask` reads back."""
    return f"{choice.policy} {choice.ratio:g}"


def read_mask(text: str) -> MaskChoice:
    """Read `block(size=2) 0.75`: a policy and the share it hides."""
    # The ratio is the last word: a policy may have spaces inside its parentheses.
    policy, _, ratio = text.strip().rpartition(" ")
    # What is no number becomes a ratio that is refused below.
    try:
        share = float(ratio)
    except ValueError:
        share = -1.0
    if not policy or not 0 < share < 1:
        raise MaskwrightError(
            f"A common mask is a policy and a ratio, such as 'block(size=2) 0.75'; got '{text}'."
        )
    return MaskChoice(policy.strip(), share)
