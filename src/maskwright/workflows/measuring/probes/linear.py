"""Linear probes on pooled features: all of train, every layer, and a few labels only."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

from maskwright.evaluation.features import POOLINGS
from maskwright.evaluation.few_shot import FewShotSettings, measure_few_shot
from maskwright.evaluation.linear_probe import (
    LinearProbeSettings,
    best_attempt,
    measure_linear_probe,
)
from maskwright.support.checks import check_at_least, check_one_of
from maskwright.workflows.measuring.bench import Bench

FEWER_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


@dataclass(frozen=True, kw_only=True)
class LinearProbe:
    """See LinearProbeSettings; penalties, and with `best` the pooling, are chosen on a held-out
    share of train.
    """

    pooling: str = "best"
    held_out: float = 0.2
    iterations: int = 60
    choose_on: int = 10_000
    needs_encoder: ClassVar[bool] = False
    looks_at: ClassVar[str] = "frozen features"

    def __post_init__(self) -> None:
        check_one_of("pooling", self.pooling, ("best", *POOLINGS))
        self._settings("mean")

    def measure(self, bench: Bench) -> dict[str, Any]:
        """Fit on train, tuned on a part of it."""
        pair = bench.features
        return measure_linear_probe(
            pair.train, pair.test, self._settings(bench.pooling(self.pooling)), seed=bench.seed
        ).to_dict()

    def _settings(self, pooling: str) -> LinearProbeSettings:
        word = "choose" if pooling == "best" else pooling
        return LinearProbeSettings(
            pooling=word,
            held_out=self.held_out,
            iterations=self.iterations,
            choose_on=self.choose_on,
        )


@dataclass(frozen=True, kw_only=True)
class LayersProbe:
    """A linear probe after every block; the layer that answers is chosen, like its penalty, on a
    held-out share of train.

    pooling: `mean`, `cls` or `both` for all layers.
    """

    pooling: str = "mean"
    held_out: float = 0.2
    iterations: int = 60
    needs_encoder: ClassVar[bool] = True
    looks_at: ClassVar[str] = "frozen features of the best layer"

    def __post_init__(self) -> None:
        self._settings("mean")

    def measure(self, bench: Bench) -> dict[str, Any]:
        """The chosen layer's result, with the test accuracy of all of them in `by_layer` (a
        picture, not a choice).
        """
        pair, settings = bench.layers, self._settings(bench.pooling(self.pooling))
        by_layer, results = [], []
        for layer in range(1, len(pair.train) + 1):
            bench.reporter.progress(
                "layers", layer - 1, len(pair.train), f"{bench.name}, block {layer}"
            )
            result = measure_linear_probe(
                pair.train.at(layer), pair.test.at(layer), settings, seed=bench.seed
            )
            held = best_attempt(result.attempts).accuracy if result.attempts else 0.0
            by_layer.append(
                {
                    "layer": layer,
                    "held_out_top1": held,
                    "top1": result.answers.top1.to_dict(),
                    "penalty": result.penalty,
                }
            )
            results.append(result)
        bench.reporter.finish()
        chosen = max(
            range(len(results)), key=lambda place: (by_layer[place]["held_out_top1"], place)
        )
        return {
            **results[chosen].to_dict(),
            "probe": "layers",
            "layer": chosen + 1,
            "by_layer": by_layer,
        }

    def _settings(self, pooling: str) -> LinearProbeSettings:
        given = LinearProbeSettings(
            pooling=self.pooling,
            penalties=FEWER_PENALTIES,
            held_out=self.held_out,
            iterations=self.iterations,
        )
        return replace(given, pooling=pooling)


@dataclass(frozen=True, kw_only=True)
class FewShotProbe:
    """A linear probe that sees few labels, drawn anew `draws` times; shots: `1%` of each train
    class, or `5` pictures of each.
    """

    shots: str = "1%"
    draws: int = 5
    pooling: str = "mean"
    needs_encoder: ClassVar[bool] = False
    looks_at: ClassVar[str] = "frozen features, few labels"

    def __post_init__(self) -> None:
        check_at_least("draws", self.draws, 1)
        self._settings("mean")

    def measure(self, bench: Bench) -> dict[str, Any]:
        """The mean over draws, with its interval over test pictures and its spread over draws."""
        pair, settings = bench.features, self._settings(bench.pooling(self.pooling))
        return measure_few_shot(pair.train, pair.test, settings, seed=bench.seed) | {
            "protocol": asdict(settings)
        }

    def _settings(self, pooling: str) -> FewShotSettings:
        given = FewShotSettings(shots=str(self.shots), draws=self.draws, pooling=self.pooling)
        return replace(given, pooling=pooling)
