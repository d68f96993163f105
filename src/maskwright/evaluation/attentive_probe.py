"""Attentive probe: a few learned queries pool the patch tokens of a frozen encoder, then a linear
layer answers.

With one layer of attention, the key projection folds into the queries and the value projection into
the linear layer, so neither is needed: each query is a vector that scores tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskwright.data.store.splits import hold_out_of_each_class
from maskwright.evaluation.answers import Answers, judge_answers
from maskwright.evaluation.frozen import held_still
from maskwright.evaluation.gradient_probe import NormalizedLinear, Rate
from maskwright.support.checks import check_at_least
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class AttentiveSettings:
    """How an attentive probe is trained: AdamW, cosine with a tenth of warm-up; rates are tried
    side by side on held-out train.

    batch: at most so many images per step, fewer where that leaves less than 16 steps per epoch.
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
    """Patch tokens of labeled images: `of` gives those at some ids as (B, N, D) float32; labels
    (n,).
    """

    of: Callable[[Tensor], Tensor]
    labels: Tensor
    width: int


class AttentiveHead(nn.Module):
    """(B, N, D) patch tokens to (B, K) class scores."""

    def __init__(self, width: int, queries: int, num_classes: int, rng: torch.Generator) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width, affine=False, eps=1e-6)
        self.queries = nn.Parameter(0.02 * torch.randn(queries, width, generator=rng))
        self.classify = NormalizedLinear(queries * width, num_classes, rng)

    def forward(self, tokens: Tensor) -> Tensor:
        standard = self.norm(tokens.flatten(0, 1)).view_as(tokens)
        paid = torch.softmax(standard @ self.queries.T * tokens.shape[-1] ** -0.5, dim=1)
        return self.classify((paid.transpose(1, 2) @ standard).flatten(1))


@dataclass(frozen=True)
class AttentiveResult:
    """The answers on the test images, the rate chosen without them, and held-out
    accuracy by rate.
    """

    answers: Answers
    rate: float
    tried: dict[float, float]
    settings: AttentiveSettings
    num_train: int

    def to_dict(self) -> dict[str, Any]:
        protocol = {
            **asdict(self.settings),
            "optimizer": "AdamW, decay 0.1",
            "batch": pick_batch(self.num_train, self.settings.batch),
            "chosen_on": "held-out train",
            "refit_on": "all of train",
        }
        tried = {f"{rate:g}": accuracy for rate, accuracy in self.tried.items()}
        told = {
            "num_train": self.num_train,
            "rate": self.rate,
            "held_out_top1": tried,
            "protocol": protocol,
            "notes": [],
        }
        return {"probe": "attentive", **self.answers.to_dict(), **told}


def measure_attentive_probe(
    train: TokenSet,
    test: TokenSet,
    settings: AttentiveSettings,
    *,
    seed: int,
    device: torch.device,
    progress: Progress,
) -> AttentiveResult:
    """Choose the rate on a held-out part of train, refit on all of train, and answer the test
    images once.
    """
    labels = train.labels.unique()
    held = hold_out_of_each_class(train.labels, settings.held_out, seed)
    everything = torch.arange(len(held))
    total = 2 * settings.epochs
    tried: dict[float, float] = {}
    if held.any() and len(settings.rates) > 1:
        heads = _fit(
            train,
            everything[~held],
            labels,
            settings.rates,
            settings,
            seed,
            device,
            lambda epoch: progress(epoch, total),
        )
        truth = torch.searchsorted(labels, train.labels[held])
        for rate, head in zip(settings.rates, heads, strict=True):
            tried[rate] = float(
                (_score(head, train, everything[held], settings.batch).argmax(1) == truth)
                .double()
                .mean()
            )
    rate = max(tried, key=lambda one: tried[one]) if tried else settings.rates[0]
    (head,) = _fit(
        train,
        everything,
        labels,
        (rate,),
        settings,
        seed,
        device,
        lambda epoch: progress(settings.epochs + epoch, total),
    )
    scores = _score(head, test, torch.arange(len(test.labels)), settings.batch)
    return AttentiveResult(
        judge_answers(scores, labels, test.labels, train.labels, seed),
        rate,
        tried,
        settings,
        len(train.labels),
    )


def _fit(
    train: TokenSet,
    ids: Tensor,
    labels: Tensor,
    rates: tuple[float, ...],
    settings: AttentiveSettings,
    seed: int,
    device: torch.device,
    progress: Callable[[int], None],
) -> list[AttentiveHead]:
    """Train one head per rate, all equal at first, on the same batches: tokens are fetched once for
    all of them.
    """
    heads = [
        AttentiveHead(
            train.width, settings.queries, len(labels), torch_generator(seed, "attentive probe")
        ).to(device)
        for _ in rates
    ]
    optimizers = [
        torch.optim.AdamW(head.parameters(), lr=rate, weight_decay=0.1)
        for head, rate in zip(heads, rates, strict=True)
    ]
    batch = pick_batch(len(ids), settings.batch)
    steps, done = len(ids) // batch, 0
    for epoch in range(settings.epochs):
        progress(epoch)
        for some in _order(ids, batch, seed, epoch):
            share = Rate(1.0, 0.1).at(done / (settings.epochs * steps))
            tokens, classes = (
                train.of(some),
                torch.searchsorted(labels, train.labels[some]).to(device),
            )
            for head, optimizer, rate in zip(heads, optimizers, rates, strict=True):
                optimizer.param_groups[0]["lr"] = rate * share
                optimizer.zero_grad()
                F.cross_entropy(head(tokens), classes).backward()
                optimizer.step()
            done += 1
    return heads


def pick_batch(num_train: int, most: int) -> int:
    """The images per step: `most`, or fewer so that an epoch has 16 steps, but 16 at least; never
    more than there are.
    """
    return min(most, max(16, num_train // 16), num_train)


def _order(ids: Tensor, batch: int, seed: int, epoch: int) -> Iterator[Tensor]:
    order = ids[torch.randperm(len(ids), generator=torch_generator(seed, "order", epoch))]
    yield from order[: len(ids) // batch * batch].split(batch)


def _score(head: AttentiveHead, tokens: TokenSet, ids: Tensor, batch: int) -> Tensor:
    with held_still(head, head.queries.device):
        return torch.cat([head(tokens.of(some)).float().cpu() for some in ids.split(batch)])
