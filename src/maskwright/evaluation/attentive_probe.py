"""Attentive probe: a few learned queries pool the patch tokens, then a linear layer answers.

With one layer of attention, the key projection folds into the queries and the value projection into
the linear layer, so neither is needed: each query is a vector that scores tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskwright.data.store.stratified import hold_out_of_each_class
from maskwright.evaluation.answers import Answers, judge_answers
from maskwright.evaluation.frozen import evaluation_mode
from maskwright.evaluation.gradient_probe import NormalizedLinear, Rate
from maskwright.support.checks import check_at_least
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator

# Called with the epochs done and all that there are.
Progress = Callable[[int, int], None]
# Of AdamW, for queries and linear layer alike.
WEIGHT_DECAY = 0.1
# Share of all steps in which the rate rises.
WARMUP = 0.1


@dataclass(frozen=True, kw_only=True)
class AttentiveSettings:
    """How an attentive probe is trained: AdamW along a cosine with a tenth of warm-up.

    queries: vectors that each pool all patch tokens.
    epochs: passes over all of train.
    batch: at most so many images per step, fewer where that leaves less than 16 steps per epoch.
    held_out: share of each train class kept for choosing the rate.
    rates: tried side by side on held-out train.
    """

    queries: int = 4
    epochs: int = 30
    batch: int = 256
    held_out: float = 0.2
    rates: tuple[float, ...] = (1e-3, 3e-3, 1e-2)

    def __post_init__(self) -> None:
        for name, least in (("queries", 1), ("epochs", 1), ("batch", 2)):
            check_at_least(name, getattr(self, name), least)
        if not self.rates or min(self.rates) <= 0 or not 0 < self.held_out < 1:
            raise MaskwrightError(
                f"An attentive probe needs rates above 0 and held_out in (0, 1); got {self.rates},"
                f" {self.held_out:g}."
            )


@dataclass(frozen=True)
class TokenSet:
    """Patch tokens of labeled images.

    of: gives those at (B,) ids as (B, N, D) float32.
    labels: (n,) int64.
    width: D.
    """

    of: Callable[[Tensor], Tensor]
    labels: Tensor
    width: int


class AttentiveHead(nn.Module):
    """(B, N, D) patch tokens to (B, K) class scores."""

    def __init__(self, width: int, queries: int, num_classes: int, rng: torch.Generator) -> None:
        super().__init__()
        # Without affine, as in the linear probe: the layer behind it can scale by itself.
        self.norm = nn.BatchNorm1d(width, affine=False, eps=1e-6)
        self.queries = nn.Parameter(0.02 * torch.randn(queries, width, generator=rng))
        self.classify = NormalizedLinear(queries * width, num_classes, rng)

    def forward(self, tokens: Tensor) -> Tensor:
        # Every token is normalized by the statistics of all tokens: (B * N, D).
        standard = self.norm(tokens.flatten(0, 1)).view_as(tokens)
        scale = tokens.shape[-1] ** -0.5
        # (B, N, Q): each query spreads a sum of 1 over the patches
        attention = torch.softmax(standard @ self.queries.T * scale, dim=1)
        # (B, Q, N) @ (B, N, D) -> (B, Q * D)
        pooled = (attention.transpose(1, 2) @ standard).flatten(1)
        return self.classify(pooled)


@dataclass(frozen=True)
class AttentiveResult:
    """The answers on the test images, and the rate chosen without them.

    answers: on the test images.
    rate: the one chosen.
    tried: held-out accuracy by rate; empty where there was nothing to choose.
    settings: how it was trained.
    num_train: images that it was refitted on.
    """

    answers: Answers
    rate: float
    tried: dict[float, float]
    settings: AttentiveSettings
    num_train: int

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        protocol = {
            **asdict(self.settings),
            "optimizer": "AdamW, decay 0.1",
            "batch": pick_batch(self.num_train, self.settings.batch),
            "chosen_on": "held-out train",
            "refit_on": "all of train",
        }
        return {
            "probe": "attentive",
            **self.answers.to_dict(),
            "num_train": self.num_train,
            "rate": self.rate,
            "held_out_top1": {f"{rate:g}": accuracy for rate, accuracy in self.tried.items()},
            "protocol": protocol,
            "notes": [],
        }


@dataclass(frozen=True, kw_only=True)
class AttentiveTrainer:
    """Trains and reads heads on the tokens of train.

    train: tokens of labeled images.
    settings: how heads are trained.
    seed: draws weights and orders.
    device: where heads are trained.
    """

    train: TokenSet
    settings: AttentiveSettings
    seed: int
    device: torch.device

    @cached_property
    def labels(self) -> Tensor:
        """(K,) labels of train, rising."""
        return self.train.labels.unique()

    def choose_rate(self, progress: Callable[[int], None]) -> dict[float, float]:
        """Accuracy by rate on a held-out part of train; empty where nothing can be chosen."""
        rates = self.settings.rates
        held = hold_out_of_each_class(self.train.labels, self.settings.held_out, self.seed)
        if not held.any() or len(rates) == 1:
            return {}
        ids = torch.arange(len(held))
        heads = self.fit(ids[~held], rates, progress)
        truth = torch.searchsorted(self.labels, self.train.labels[held])
        tried = {}
        for rate, head in zip(rates, heads, strict=True):
            answers = self.score(head, self.train, ids[held]).argmax(1)
            tried[rate] = float((answers == truth).double().mean())
        return tried

    def fit(
        self, ids: Tensor, rates: tuple[float, ...], progress: Callable[[int], None]
    ) -> list[AttentiveHead]:
        """Train one head per rate, all equal at first, on the same batches."""
        heads = [self._new_head() for _ in rates]
        optimizers = [
            torch.optim.AdamW(head.parameters(), lr=rate, weight_decay=WEIGHT_DECAY)
            for head, rate in zip(heads, rates, strict=True)
        ]
        batch = pick_batch(len(ids), self.settings.batch)
        num_steps = self.settings.epochs * (len(ids) // batch)
        done = 0
        for epoch in range(self.settings.epochs):
            progress(epoch)
            for batch_ids in _order(ids, batch, self.seed, epoch):
                share = Rate(1.0, WARMUP).at(done / num_steps)
                # Tokens are fetched once for all heads: encoding them is what takes time.
                tokens = self.train.of(batch_ids)
                classes = torch.searchsorted(self.labels, self.train.labels[batch_ids])
                classes = classes.to(self.device)
                for head, optimizer, rate in zip(heads, optimizers, rates, strict=True):
                    optimizer.param_groups[0]["lr"] = rate * share
                    optimizer.zero_grad()
                    F.cross_entropy(head(tokens), classes).backward()
                    optimizer.step()
                done += 1
        return heads

    def score(self, head: AttentiveHead, tokens: TokenSet, ids: Tensor) -> Tensor:
        """Class scores (n, K) of some images, on the CPU."""
        with evaluation_mode(head, head.queries.device):
            parts = ids.split(self.settings.batch)
            return torch.cat([head(tokens.of(part)).float().cpu() for part in parts])

    def _new_head(self) -> AttentiveHead:
        # The same stream for every head, so that rates are compared from the same start.
        rng = torch_generator(self.seed, "attentive probe")
        head = AttentiveHead(self.train.width, self.settings.queries, len(self.labels), rng)
        return head.to(self.device)


def measure_attentive_probe(
    train: TokenSet,
    test: TokenSet,
    settings: AttentiveSettings,
    *,
    seed: int,
    device: torch.device,
    progress: Progress,
) -> AttentiveResult:
    """Choose the rate on held-out train, refit on all of train, and answer the test once."""
    trainer = AttentiveTrainer(train=train, settings=settings, seed=seed, device=device)
    # Progress counts the epochs of both rounds, of choosing and of refitting.
    total = 2 * settings.epochs
    tried = trainer.choose_rate(lambda epoch: progress(epoch, total))
    rate = max(tried, key=lambda tested: tried[tested]) if tried else settings.rates[0]
    everything = torch.arange(len(train.labels))
    (head,) = trainer.fit(
        everything, (rate,), lambda epoch: progress(settings.epochs + epoch, total)
    )
    scores = trainer.score(head, test, torch.arange(len(test.labels)))
    answers = judge_answers(scores, trainer.labels, test.labels, train.labels, seed)
    return AttentiveResult(answers, rate, tried, settings, len(train.labels))


def pick_batch(num_train: int, most: int) -> int:
    """The images per step: `most`, or fewer so that an epoch has 16 steps, but 16 at least."""
    return min(most, max(16, num_train // 16), num_train)


def _order(ids: Tensor, batch: int, seed: int, epoch: int) -> Iterator[Tensor]:
    """Full batches of ids in random order."""
    order = ids[torch.randperm(len(ids), generator=torch_generator(seed, "order", epoch))]
    # The last images, too few for a batch, have their turn in another epoch.
    yield from order[: len(ids) // batch * batch].split(batch)
