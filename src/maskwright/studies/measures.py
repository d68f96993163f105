"""How trials are measured: probes on labeled pictures, and holes filled in under masks that are the same for all arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from maskwright.diagnostics.catalog import build_diagnostics
from maskwright.evaluation.readout import DEFAULT_READOUT, find_readout
from maskwright.studies.record import Metric
from maskwright.support.errors import MaskwrightError, did_you_mean
from maskwright.workflows.arms import MaskChoice, parts
from maskwright.workflows.probes import PROBES

COMMON_MASKS = ("random 0.75", "block(size=2) 0.75", "grid 0.75")
FILLED = {"psnr": (True, "dB"), "ssim": (True, ""), "high_frequency": (False, "")}
"""What can be said of a picture that was filled in: whether larger is better, and the unit."""
MEASURE_SEED = 0
CROSS = "psnr of masks by "


@dataclass(frozen=True, kw_only=True)
class MeasureSettings:
    """What is measured after each training.

    data: labeled pictures, by default the study's own; features: what probes read, see `maskwright evaluate --features`; probes: none for pictures without labels; limit: most pictures of each split
    for probes; masks: `POLICY RATIO` each, the same for all arms; filled: psnr, ssim, high_frequency, what is measured under them;
    pictures: how many are filled in; cross: also fill in every arm's pictures under every other arm's masks; diagnostics: questions of
    `maskwright diagnose`, with stimuli and textures where they need them; main: what the verdict is about (last probe or first mask).
    """

    data: str | None = None
    labels: str | None = None
    features: str = DEFAULT_READOUT
    probes: Sequence[str] = ("knn", "linear")
    limit: int | None = None
    masks: Sequence[str] = COMMON_MASKS
    filled: Sequence[str] = ("psnr",)
    pictures: int = 256
    cross: bool = True
    diagnostics: Sequence[str] = ()
    stimuli: str | None = None
    textures: str | None = None
    main: str | None = None

    @classmethod
    def parse(cls, value: Any) -> MeasureSettings:
        """Read the `evaluate` section of a plan; raises MaskwrightError for unknown keys."""
        if not isinstance(value, Mapping):
            raise MaskwrightError(
                f"`evaluate` in a study plan is a mapping such as {{probes: [knn], limit: 2000}}; got {value!r}."
            )
        names = [item.name for item in fields(cls)]
        for key in value:
            if key not in names:
                raise MaskwrightError(
                    f"Unknown key 'evaluate.{key}'.{did_you_mean(str(key), names)} Known: {', '.join(names)}."
                )
        own = dict(value)
        for name, mark in (("probes", ","), ("masks", ";"), ("filled", ","), ("diagnostics", ",")):
            if name in own:
                own[name] = tuple(str(part) for part in parts(own[name] or [], mark))
        if "main" in own:
            own["main"] = str(own["main"])
        built = cls(**own)
        built.check()
        return built

    def check(self) -> None:
        """Refuse features, probes, masks and a main metric that there are not."""
        find_readout(self.features)
        for probe in self.probes:
            if probe.split("(")[0] not in PROBES:
                raise MaskwrightError(
                    f"Unknown probe '{probe}'.{did_you_mean(probe, PROBES)} Known: {', '.join(PROBES)}."
                )
        for mask in self.masks:
            read_mask(mask)
        for name in self.filled:
            if name not in FILLED:
                raise MaskwrightError(
                    f"Unknown number '{name}' in evaluate.filled.{did_you_mean(name, FILLED)} Known: {', '.join(FILLED)}."
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
                f"Unknown main metric '{self.main}'.{did_you_mean(self.main, names)} Measured: {', '.join(names)}."
            )

    def metrics(self) -> tuple[Metric, ...]:
        """What trials are compared by, the main one marked."""
        probes = [
            Metric(
                name=f"{probe} top1", larger_is_better=True, unit="share", where="frozen features"
            )
            for probe in self.probes
        ]
        filled = [_filled_metric(name, mask) for name in self.filled for mask in self.masks]
        found = [*probes, *filled]
        main = self.main or (probes[-1].name if probes else filled[0].name if filled else None)
        return tuple(Metric(**{**vars(metric), "main": metric.name == main}) for metric in found)

    @property
    def main_metric(self) -> Metric:
        """The one that the verdict is about."""
        return next(metric for metric in self.metrics() if metric.main)


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
