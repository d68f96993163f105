"""Starting a run from weights that exist.

The parts that fit are copied, positions are resized, the rest is named.
"""

from __future__ import annotations

from torch import nn

from maskwright.models.autoencoder import MaskedAutoencoder
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
    source = load_any_encoder(path, Hints(channels=model.config.channels)).model
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
    fresh = len(target) - len(fitting)
    if fresh:
        return f"Starting from {path}; {fresh} tensors of the decoder do not fit and start fresh"
    return f"Starting from {path}"


def _positions(model: MaskedAutoencoder) -> dict[str, nn.Parameter]:
    return {name: value for name, value in model.named_parameters() if name.endswith("pos_embed")}
