"""Trained scorers as .safetensors: weights, and in the header how to build the network again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from maskwright.models.scorer import CnnScorer, Scorer
from maskwright.patches.grid import Grid
from maskwright.support.errors import MaskwrightError
from maskwright.support.torch_files import write_safetensors
from maskwright.weights.finite import refuse_not_finite

_ENTRY = "maskwright_scorer"


@dataclass(frozen=True, kw_only=True)
class ScorerShape:
    """Everything that decides the parameters of a scorer.

    kind: `transformer` or `cnn`.
    patch_size, channels: of the patches it looks at.
    width, depth: of its layers.
    heads: of the transformer alone.
    """

    kind: str
    patch_size: int
    channels: int
    width: int
    depth: int
    heads: int = 4

    def build(self, grid: Grid, rng: torch.Generator | None = None) -> nn.Module:
        """A scorer of this shape for a grid, with weights drawn by rng."""
        # P, the numbers of a patch.
        values = self.patch_size**2 * self.channels
        if self.kind == "transformer":
            return Scorer(grid, values, self.width, self.depth, self.heads, rng)
        return CnnScorer(grid, values, self.width, self.depth, rng)


def save_scorer(path: Path, scorer: nn.Module, shape: ScorerShape) -> None:
    """Write weights and shape atomically."""
    state = {name: value.detach().cpu().contiguous() for name, value in scorer.state_dict().items()}
    header = {"format": "pt", _ENTRY: json.dumps(asdict(shape))}
    write_safetensors(path, state, header)


def load_scorer(path: Path, grid: Grid) -> nn.Module:
    """Build the scorer of a file for a grid of the same patch size, in evaluation mode.

    Raises MaskwrightError when the file is no scorer or was trained on other patches.
    """
    shape, state = _read(path)
    if shape.patch_size != grid.patch_size:
        raise MaskwrightError(
            f"The scorer in {path} looks at {shape.patch_size}-pixel patches; here is a {grid}. Use"
            " that patch size."
        )
    scorer = shape.build(grid)
    scorer.load_state_dict(state)
    return scorer.eval().requires_grad_(False)


def _read(path: Path) -> tuple[ScorerShape, dict[str, Any]]:
    try:
        with safe_open(path, "pt") as file:
            about = (file.metadata() or {}).get(_ENTRY)
            # The file is no mapping: it has keys and cannot be looped over.
            names = list(file.keys())
            state = {name: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError) as error:
        raise MaskwrightError(
            f"Could not read {path} as a scorer: {error}. It is written by: maskwright select RUN."
        ) from error
    if about is None:
        raise MaskwrightError(
            f"{path} holds weights but no scorer. A scorer is written by: maskwright select RUN."
        )
    refuse_not_finite(state, path)
    return ScorerShape(**json.loads(about)), state
