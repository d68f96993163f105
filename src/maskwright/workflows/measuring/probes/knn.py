"""k-NN on pooled features, the protocol of DINO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from maskwright.evaluation.features import POOLINGS
from maskwright.evaluation.knn import KnnSettings, measure_knn
from maskwright.support.checks import check_one_of
from maskwright.workflows.measuring.bench import Bench


@dataclass(frozen=True, kw_only=True)
class KnnProbe:
    """See KnnSettings; pooling is `mean`, `cls` or `both`, and without a class token
    always `mean`.
    """

    k: int = 20
    temperature: float = 0.07
    standardize: bool = False
    pooling: str = "mean"
    needs_encoder: ClassVar[bool] = False
    looks_at: ClassVar[str] = "frozen features"

    def __post_init__(self) -> None:
        check_one_of("pooling", self.pooling, POOLINGS)
        self._settings()

    def measure(self, bench: Bench) -> dict[str, Any]:
        """Let the nearest train pictures vote on every test picture."""
        pair, pooling = bench.features, bench.pooling(self.pooling)
        result = measure_knn(
            pair.train.labeled(pooling),
            pair.test.labeled(pooling),
            self._settings(),
            seed=bench.seed,
        )
        return {**result.to_dict(), "pooling": pooling}

    def _settings(self) -> KnnSettings:
        return KnnSettings(k=self.k, temperature=self.temperature, standardize=self.standardize)
