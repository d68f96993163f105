"""How large each part of the check is, for a card, for Apple's MPS and for a trial on a CPU."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from peers_and_ours import Place, Shape

VIT_B = Shape(224, 16, 768, 12, 12, 512, 8, 16, 64)
VIT_L = Shape(224, 16, 1024, 24, 16, 512, 8, 16, 64)
VIT_S = Shape(224, 16, 384, 12, 6, 256, 4, 8, 32)
TINY = Shape(32, 8, 32, 1, 2, 32, 1, 2, 4)


@dataclass(frozen=True, kw_only=True)
class Run:
    """A pretraining of the check.

    model: its name.
    image, patch, batch: as in `maskwright pretrain`.
    stored: side of the stored pictures.
    batches: of an epoch.
    steps: of the run.
    """

    model: str
    image: int
    patch: int
    batch: int
    stored: int
    batches: int
    steps: int


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """All parts.

    place: where everything computes.
    shapes: names and shapes of the models whose steps are timed.
    batches: pictures of a step.
    rounds: how often each step is timed, in turns.
    repeats: steps between two looks at the clock.
    product: side of the square matrices whose product is taken for the peak.
    run: the whole pretraining.
    precisions: the pretraining that is repeated in several precisions.
    policy_shape: the model under which policies are compared.
    learning: the pretraining whose features are probed, its pictures and its minutes at most.
    """

    place: Place
    shapes: dict[str, Shape]
    batches: tuple[int, ...]
    rounds: int
    repeats: int
    product: int
    run: Run
    precisions: Run
    policy_shape: Shape
    learning: Run
    pictures: str
    minutes: float


CUDA = Sizes(
    place=Place(torch.device("cuda"), torch.bfloat16),
    shapes={"ViT-L/16": VIT_L, "ViT-B/16": VIT_B},
    batches=(64, 128, 256, 512),
    rounds=7,
    repeats=3,
    product=8192,
    run=Run(model="vit_base", image=224, patch=16, batch=256, stored=256, batches=24, steps=96),
    precisions=Run(
        model="vit_small", image=64, patch=8, batch=64, stored=72, batches=50, steps=200
    ),
    policy_shape=replace(VIT_B, batch=128),
    learning=Run(model="vit_tiny", image=64, patch=8, batch=256, stored=64, batches=0, steps=0),
    pictures="shapes-textures:n=8000",
    minutes=5.0,
)
MPS = replace(
    CUDA,
    place=Place(torch.device("mps"), None),
    shapes={"ViT-B/16": VIT_B, "ViT-S/16": VIT_S},
    batches=(16, 64),
    rounds=5,
    repeats=1,
    product=4096,
    run=Run(model="vit_small", image=224, patch=16, batch=32, stored=256, batches=16, steps=48),
    precisions=replace(CUDA.precisions, steps=100),
    policy_shape=replace(VIT_S, batch=32),
    minutes=1.5,
)
SMALL_RUN = Run(model="vit_nano", image=32, patch=8, batch=8, stored=40, batches=4, steps=8)
TRIAL = Sizes(
    place=Place(torch.device("cpu"), torch.bfloat16),
    shapes={"tiny": TINY},
    batches=(4, 8),
    rounds=2,
    repeats=1,
    product=256,
    run=SMALL_RUN,
    precisions=SMALL_RUN,
    policy_shape=TINY,
    learning=SMALL_RUN,
    pictures="shapes-textures:n=200",
    minutes=0.05,
)
SIZES = {"cuda": CUDA, "mps": MPS, "cpu": TRIAL}
