"""k-NN on pooled features: the protocol of DINO, on standardized features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from maskwright.evaluation.features import POOLINGS
from maskwright.evaluation.knn import KnnSettings, measure_knn
from maskwright.support.checks import check_one_of
from maskwright.workflows.measuring.probe_context import ProbeContext


@dataclass(frozen=True, kw_only=True)
class KnnProbe(KnnSettings):
    """Let the nearest train pictures vote on the class of each test picture, as DINO does.

    Nearness is the cosine of two pictures' features, and nearer pictures have more weight. Nothing
    is trained.

    Formula: vote of class c = sum over its neighbors of exp(cosine / temperature)
    Source: Caron et al. 2021 (DINO).

    standardize: on, unlike in the published protocol: features of several blocks stand side by
        side, and without it those of the widest spread decide alone (docs/log.md).
    pooling: `mean`, `cls` or `both`; always `mean` for raw pixels.
    """

    standardize: bool = True
    pooling: str = "mean"
    needs_encoder: ClassVar[bool] = False
    looks_at: ClassVar[str] = "frozen features"
    task: ClassVar[str] = "classes"

    def __post_init__(self) -> None:
        check_one_of("pooling", self.pooling, POOLINGS)
        super().__post_init__()

    def measure(self, context: ProbeContext) -> dict[str, Any]:
        """Let the nearest train pictures vote on every test picture."""
        pooling = context.subject.pick_pooling(self.pooling)
        # The protocol in the result holds the settings alone; pooling stands beside it.
        settings = KnnSettings(k=self.k, temperature=self.temperature, standardize=self.standardize)
        result = measure_knn(
            context.features.train.labeled(pooling),
            context.features.test.labeled(pooling),
            settings,
            seed=context.subject.seed,
        )
        return {**result.to_dict(), "pooling": pooling}
