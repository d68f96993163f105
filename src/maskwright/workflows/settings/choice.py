"""What choices depend on, and a choice with its reason."""

from __future__ import annotations

from dataclasses import dataclass

from maskwright.models.config import ModelConfig


@dataclass(frozen=True)
class StartFacts:
    """Weights that a training starts from.

    source: the file, folder or name.
    config: the shape of their model.
    has_decoder: whether they hold a decoder.
    """

    source: str
    config: ModelConfig
    has_decoder: bool


@dataclass(frozen=True)
class Facts:
    """What choices depend on: the pictures and the machine.

    count: how many pictures are trained on.
    short_side: of the median picture, in pixels.
    channels: 1 for gray, 3 for color.
    device: cpu, cuda or mps.
    cores: of the CPU that this process may use.
    processes: that share the pictures.
    start: the weights to start from, where some are given.
    """

    count: int
    short_side: int
    channels: int
    device: str
    cores: int
    processes: int = 1
    start: StartFacts | None = None


@dataclass(frozen=True)
class Choice:
    """A value that was chosen, and why."""

    name: str
    value: object
    reason: str

    def __str__(self) -> str:
        return f"{self.name} {self.value}: {self.reason}"
