"""Starting a run from weights that exist.

The parts that fit are copied, positions are resized, the rest is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ROTARY, ModelConfig
from maskwright.patches.positions import resize_positions
from maskwright.support.errors import MaskwrightError
from maskwright.weights.hints import Hints
from maskwright.workflows.runs.locate import load_any_encoder


def start_from(path: str, model: MaskedAutoencoder) -> str:
    """Copy the weights of a run or checkpoint into a model; returns a sentence on what happened.

    path: whatever `load_any_encoder` takes. Positions are resized to this run's grid, the stem to
        its number of channels.

    Raises MaskwrightError when the encoders differ in shape.
    """
    # The number of channels is a hint: the stem is adapted to it.
    loaded = load_any_encoder(path, Hints(channels=model.config.channels))
    source = loaded.model
    _refuse_other_numbers(path, source.config, model.config)
    prefix = source.config.num_prefix
    state = source.state_dict()
    # Learned positions belong to a grid and to the tokens before it.
    for name, table in _positions(model).items():
        if name in state and prefix == model.config.num_prefix:
            resized = resize_positions(state[name], source.grid, model.grid, prefix)
            state[name] = resized.reshape(table.shape)

    target = model.state_dict()
    fitting = {
        name: value
        for name, value in state.items()
        if name in target and target[name].shape == value.shape
    }
    # A decoder may be another; half an encoder would be a silent mistake.
    missing = [name for name in target if name.startswith("encoder.") and name not in fitting]
    if missing:
        raise MaskwrightError(
            f"The encoder in {path} does not fit this run's: {', '.join(missing[:3])} differ. Use"
            " the same model and patch size."
        )
    # Not strict: a decoder that does not fit stays as it was drawn.
    model.load_state_dict(fitting, strict=False)
    return _describe(path, len(target) - len(fitting), loaded.facts)


def _describe(path: str, fresh: int, facts: Mapping[str, Any]) -> str:
    """What happened: how many tensors start fresh, and the terms that come along."""
    said = f"Starting from {path}"
    if fresh:
        said += f"; {fresh} tensors of the decoder do not fit and start fresh"
    if license_name := facts.get("license"):
        said += f"; the license of its weights: {license_name}"
    return said


def _refuse_other_numbers(path: str, source: ModelConfig, target: ModelConfig) -> None:
    """Raise MaskwrightError where the same weights would compute something else in this run."""
    differing = {
        "positions": source.positions in ROTARY and source.positions != target.positions,
        "activation": source.activation != target.activation,
        "first norm": source.first_norm != target.first_norm,
        "layer scales": (source.layer_scale is None) != (target.layer_scale is None),
    }
    if wrong := [name for name, differs in differing.items() if differs]:
        raise MaskwrightError(
            f"The encoder in {path} does not fit this run's: its {' and '.join(wrong)} differ. A"
            " run can start from an encoder of the same kind alone."
        )


def _positions(model: MaskedAutoencoder) -> dict[str, nn.Parameter]:
    return {name: value for name, value in model.named_parameters() if name.endswith("pos_embed")}
