"""How trials are measured: probes on labeled pictures, and holes filled in under masks that are the
same for all arms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from maskwright.diagnostics.catalog import build_diagnostics
from maskwright.evaluation.readout import DEFAULT_READOUT, find_readout
from maskwright.studies.record import Metric
from maskwright.support.checks import check_at_least
from maskwright.support.errors import MaskwrightError, did_you_mean
from maskwright.workflows.building.policies import parts
from maskwright.workflows.filling.arms import MaskChoice
from maskwright.workflows.measuring.probe_context import Probe
from maskwright.workflows.measuring.probes.catalog import parse_probes
from maskwright.workflows.settings.fields import Leaf, leaves, setting
from maskwright.workflows.settings.recipes import convert

COMMON_MASKS = ("random 0.75", "block(size=2) 0.75", "grid 0.75")
FILLED = {"psnr": (True, "dB"), "ssim": (True, ""), "high_frequency": (False, "")}
"""What can be said of a picture that was filled in: whether larger is better, and the unit."""
LISTS = ("probes", "masks", "filled", "diagnostics")
MEASURE_SEED = 0
CROSS = "psnr of masks by "


@dataclass(frozen=True, kw_only=True)
class MeasureSettings:
    """What is measured after each training.

    main names the one metric whose verdicts are claims; by default the last probe, or the first
    common mask without probes.
    """

    data: str | None = setting(None, help="labeled pictures for the probes, by default the study's")
    labels: str | None = setting(None, help="CSV file of file,label")
    features: str = setting(
        DEFAULT_READOUT, help="what probes read, see `maskwright evaluate --features`"
    )
    probes: Sequence[str] = setting(("knn", "linear"), help="none for pictures without labels")
    limit: int | None = setting(None, help="most pictures of each split for the probes")
    masks: Sequence[str] = setting(COMMON_MASKS, help="POLICY RATIO each, the same for all arms")
    filled: Sequence[str] = setting(("psnr",), help="what is measured of pictures filled in")
    pictures: int = setting(256, help="how many pictures are filled in under each common mask")
    cross: bool = setting(True, help="also fill in under every other arm's masks")
    diagnostics: Sequence[str] = setting((), help="questions of `maskwright diagnose`")
    stimuli: str | None = setting(None, help="pictures whose cues disagree, for cue-conflict")
    textures: str | None = setting(None, help="pictures of textures, for texture")
    main: str | None = setting(None, help="the metric whose verdicts are claims")

    @classmethod
    def parse(cls, value: Any) -> MeasureSettings:
        """Read the `evaluate` section of a plan; raises MaskwrightError for unknown keys and values
        of another type.
        """
        if not isinstance(value, Mapping):
            raise MaskwrightError(
                "`evaluate` in a study plan is a mapping such as {probes: [knn], limit: 2000};"
                f" got {value!r}."
            )
        known = {leaf.name: leaf for leaf in leaves({"evaluate": cls})}
        for key in value:
            if key not in known:
                raise MaskwrightError(
                    f"Unknown key 'evaluate.{key}'.{did_you_mean(str(key), known)} Known:"
                    f" {', '.join(known)}."
                )
        given = {name: one for name, one in value.items() if one is not None or name in LISTS}
        own = {str(name): _typed(known[name], one) for name, one in given.items()}
        built = cls(**own)
        built.check()
        return built

    def check(self) -> None:
        """Refuse features, probes, masks and a main metric that there are not, and counts of
        nothing.
        """
        find_readout(self.features)
        check_at_least("evaluate.limit", self.limit, 2)
        check_at_least("evaluate.pictures", self.pictures, 1)
        self._parsed_probes()
        for mask in self.masks:
            read_mask(mask)
        for name in self.filled:
            if name not in FILLED:
                raise MaskwrightError(
                    f"Unknown number '{name}' in evaluate.filled.{did_you_mean(name, FILLED)}"
                    f" Known: {', '.join(FILLED)}."
                )
        if self.diagnostics:
            build_diagnostics(",".join(self.diagnostics))
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
        probes = [
            Metric(name=f"{name} top1", larger_is_better=True, unit="share", where=probe.looks_at)
            for name, probe in self._parsed_probes().items()
        ]
        filled = [_filled_metric(name, mask) for name in self.filled for mask in self.masks]
        found = [*probes, *filled]
        main = self.main or (probes[-1].name if probes else filled[0].name if filled else None)
        return tuple(Metric(**{**vars(metric), "main": metric.name == main}) for metric in found)

    def _parsed_probes(self) -> dict[str, Probe]:
        """The probes under the names that results carry, which are spelled in one way; raises
        MaskwrightError for unknown ones and options.
        """
        return parse_probes(", ".join(self.probes)) if self.probes else {}

    def frozen_probes(self) -> list[str]:
        """The probes that leave the encoder as it is, in the words of the plan."""
        parsed = zip(self.probes, self._parsed_probes().values(), strict=True)
        return [words for words, probe in parsed if probe.looks_at.startswith("frozen")]

    @property
    def main_metric(self) -> Metric:
        """The one that the verdict is about."""
        return next(metric for metric in self.metrics() if metric.main)


def _typed(leaf: Leaf, value: Any) -> Any:
    """A value of the section in the type of its field; lists are lists of text, also written as one
    text.
    """
    if leaf.name in LISTS:
        return tuple(str(part) for part in parts(value or []))
    return convert(replace(leaf, name=f"{leaf.section}.{leaf.name}"), value)


def filled_name(name: str, mask: str) -> str:
    """The metric of pictures filled in under a common mask: `psnr random 0.75`."""
    choice = read_mask(mask)
    return f"{name} {choice.policy} {choice.ratio:g}"


def _filled_metric(name: str, mask: str) -> Metric:
    larger_is_better, unit = FILLED[name]
    where = "whole pictures" if name == "ssim" else "hidden pixels"
    return Metric(
        name=filled_name(name, mask), larger_is_better=larger_is_better, unit=unit, where=where
    )


def read_mask(text: str) -> MaskChoice:
    """Read `block(size=2) 0.75`: a policy and the share it hides."""
    policy, _, ratio = text.strip().rpartition(" ")
    try:
        share = float(ratio)
    except ValueError:
        share = -1.0
    if not policy or not 0 < share < 1:
        raise MaskwrightError(
            f"A common mask is a policy and a ratio, such as 'block(size=2) 0.75'; got '{text}'."
        )
    return MaskChoice(policy.strip(), share)
