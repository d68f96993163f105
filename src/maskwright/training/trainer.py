"""Lightning's Trainer as this project runs it: quiet, atomic, no hidden resampling of data."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, Trainer
from lightning.pytorch.strategies import StrategyRegistry

from maskwright.support.errors import unknown_name
from maskwright.training.checkpoints import AtomicCheckpointIO

# Loggers of Lightning that say at every start what a run has said better.
QUIET = (
    "lightning.pytorch.utilities.rank_zero",
    "lightning.pytorch.accelerators.cuda",
    "lightning.fabric.utilities.seed",
)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a training runs on, in Lightning's words.

    device: the kind, and the index where a single card is meant.
    precision: of the arithmetic, such as bf16-mixed.
    devices, nodes: how many of each.
    strategy: how processes work together.
    accumulate: batches per optimizer step.
    """

    device: torch.device
    precision: str
    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"
    accumulate: int = 1


def build_trainer(folder: Path, machine: Machine, callbacks: Sequence[Callback]) -> Trainer:
    """Build the trainer; it ends when the callback `Checkpoints` says so."""
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
    check_strategy(machine.strategy)
    accelerator = {"cuda": "gpu", "mps": "mps"}.get(machine.device.type, "cpu")
    # `cuda:1` means that card; a number means that many.
    is_single_card = machine.device.type == "cuda" and machine.device.index is not None
    devices: Any = [machine.device.index] if is_single_card else machine.devices
    return Trainer(
        accelerator=accelerator,
        devices=devices,
        num_nodes=machine.nodes,
        strategy=machine.strategy,
        precision=machine.precision,  # type: ignore[arg-type]
        # The clock ends the training: with max_steps Lightning repeats an epoch when it is resumed
        # at its end.
        max_epochs=-1,
        max_steps=-1,
        accumulate_grad_batches=machine.accumulate,
        # Any value but None calls the module's own clipping, which knows the real limit.
        gradient_clip_val=1.0,
        callbacks=list(callbacks),
        plugins=[AtomicCheckpointIO()],
        # Rows, checkpoints, progress and order of the data are this project's own.
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        limit_val_batches=0,
        num_sanity_val_steps=0,
        default_root_dir=folder,
    )


def check_strategy(name: str) -> None:
    """Raise MaskwrightError unless Lightning knows a strategy of this name."""
    known = ["auto", *StrategyRegistry.available_strategies()]
    if name in known:
        return
    # Variants nobody would look for here would only make the list longer.
    usual = [word for word in known if "_find_" not in word and "notebook" not in word]
    raise unknown_name("strategy", name, usual)


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keep Lightning's adverts and known harmless warnings away from the person at the screen."""
    with warnings.catch_warnings():
        for message in (
            r".*LeafSpec.*",
            r".*is not supported by the model summary.*",
            r".*does not have many workers.*",
            r".*`max_epochs` was not set.*",
            r".*dataloader is not resumable.*",
            r".*num_workers.*",
            r".*in eval mode at the start of training.*",
        ):
            warnings.filterwarnings("ignore", message=message)
        yield
