"""Linear probes on pooled features: all of train, every layer, and a few labels only."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

from maskwright.evaluation.features import POOLINGS
from maskwright.evaluation.few_shot import FewShotSettings, measure_few_shot
from maskwright.evaluation.linear_fit import LinearProbeSettings, best_attempt
from maskwright.evaluation.linear_probe import LinearProbeResult, measure_linear_probe
from maskwright.support.checks import check_one_of
from maskwright.workflows.measuring.probe_context import ProbeContext

# Every block is tuned, so the grid is coarser than that of the linear probe.
FEWER_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


@dataclass(frozen=True, kw_only=True)
class LinearProbe:
    """A linear probe whose penalty, and with `best` whose pooling, is chosen on held-out train.

    It is a logistic regression on standardized features. The encoder stays as it is, so this asks
    what a plane can separate in its features.

    Formula: min over W of cross entropy(W z) + penalty * |W|^2
    Source: Chen et al. 2020 (SimCLR) for the protocol of frozen features.

    pooling: `best`, or `mean`, `cls` or `both` for all encoders.
    held_out: share of each train class kept for tuning.
    iterations: of L-BFGS.
    choose_on: with more train pictures than this, choices are made on so many.
    """

    pooling: str = "best"
    held_out: float = 0.2
    iterations: int = 60
    choose_on: int = 10_000
    needs_encoder: ClassVar[bool] = False
    looks_at: ClassVar[str] = "frozen features"
    task: ClassVar[str] = "classes"

    def __post_init__(self) -> None:
        check_one_of("pooling", self.pooling, ("best", *POOLINGS))
        # Building the settings checks every other value before anything is loaded.
        self._settings("mean")

    def measure(self, context: ProbeContext) -> dict[str, Any]:
        """Fit on train, tuned on a part of it."""
        settings = self._settings(context.subject.pick_pooling(self.pooling))
        pair = context.features
        result = measure_linear_probe(pair.train, pair.test, settings, seed=context.subject.seed)
        return result.to_dict()

    def _settings(self, pooling: str) -> LinearProbeSettings:
        return LinearProbeSettings(
            pooling="choose" if pooling == "best" else pooling,
            held_out=self.held_out,
            iterations=self.iterations,
            choose_on=self.choose_on,
        )


@dataclass(frozen=True, kw_only=True)
class LayersProbe:
    """A linear probe after every block; layer and penalty are chosen on held-out train.

    The figure shows all blocks. The number that is reported is that of the chosen one.

    Formula: as linear, on the output of each block
    Source: Chen et al. 2020 (iGPT).

    pooling: `mean`, `cls` or `both` for all layers.
    held_out: share of each train class kept for tuning.
    iterations: of L-BFGS.
    """

    pooling: str = "mean"
    held_out: float = 0.2
    iterations: int = 60
    needs_encoder: ClassVar[bool] = True
    looks_at: ClassVar[str] = "frozen features of the best layer"
    task: ClassVar[str] = "classes"

    def __post_init__(self) -> None:
        self._settings("mean")

    def measure(self, context: ProbeContext) -> dict[str, Any]:
        """The chosen layer's result, with all layers in `by_layer` (a picture, not a choice)."""
        subject, pair = context.subject, context.layers
        settings = self._settings(subject.pick_pooling(self.pooling))
        by_layer, results = [], []
        # Every layer is tuned for itself: features of other layers need other penalties.
        for layer in range(1, len(pair.train) + 1):
            detail = f"{subject.name}, block {layer}"
            context.reporter.progress("layers", layer - 1, len(pair.train), detail)
            result = measure_linear_probe(
                pair.train.at(layer), pair.test.at(layer), settings, seed=subject.seed
            )
            results.append(result)
            by_layer.append(_describe_layer(layer, result))
        context.reporter.finish()

        # The test is no part of the choice; of equal layers the later one is taken.
        held_out = [(row["held_out_top1"], row["layer"]) for row in by_layer]
        _, best = max(held_out)
        return {
            **results[best - 1].to_dict(),
            "probe": "layers",
            "layer": best,
            "by_layer": by_layer,
        }

    def _settings(self, pooling: str) -> LinearProbeSettings:
        # With the pooling as it was written, so that a wrong word is refused.
        settings = LinearProbeSettings(
            pooling=self.pooling,
            penalties=FEWER_PENALTIES,
            held_out=self.held_out,
            iterations=self.iterations,
        )
        return replace(settings, pooling=pooling)


def _describe_layer(layer: int, result: LinearProbeResult) -> dict[str, Any]:
    # Without anything held out all layers count alike, and the last is taken.
    held = best_attempt(result.attempts).accuracy if result.attempts else 0.0
    return {
        "layer": layer,
        "held_out_top1": held,
        "top1": result.answers.top1.to_dict(),
        "penalty": result.penalty,
    }


@dataclass(frozen=True, kw_only=True)
class FewShotProbe(FewShotSettings):
    """A linear probe that sees few labels, drawn anew `draws` times.

    The mean over the draws is reported with their spread, because few labels are a matter of luck.

    Formula: as linear, on few labels; mean over draws
    Source: Assran et al. 2022 (MSN) for the protocol.
    """

    needs_encoder: ClassVar[bool] = False
    looks_at: ClassVar[str] = "frozen features, few labels"
    task: ClassVar[str] = "classes"

    def measure(self, context: ProbeContext) -> dict[str, Any]:
        """The mean over draws, with its interval over test pictures and its spread over draws."""
        pair, subject = context.features, context.subject
        # The settings are the probe itself, with the pooling that this encoder has.
        settings = replace(self, pooling=subject.pick_pooling(self.pooling))
        result = measure_few_shot(pair.train, pair.test, settings, seed=subject.seed)
        return {**result, "protocol": asdict(settings)}
