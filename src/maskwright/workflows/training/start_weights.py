"""Starting a run from weights that exist: the parts that fit are copied, positions are resized, the
rest is named.
"""

from __future__ import annotations

from torch import nn

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.patches.positions import resize_positions
from maskwright.support.errors import MaskwrightError
from maskwright.weights.hints import Hints
from maskwright.workflows.runs.locate import load_any_encoder


def start_from(path: str, model: MaskedAutoencoder) -> str:
    """Copy the weights of a run or checkpoint into a model; returns a sentence on what
    was copied.

    path: whatever `load_any_encoder` takes. Positions are resized to this run's grid, the stem to
        its number of channels.

    Raises MaskwrightError when the encoders differ in shape.
    """
    source = load_any_encoder(path, Hints(channels=model.config.channels)).model
    prefix = source.config.num_prefix
    state = source.state_dict()
    for name, table in _positions(model).items():
        if name in state and prefix == model.config.num_prefix:
            state[name] = resize_positions(state[name], source.grid, model.grid, prefix).reshape(
                table.shape
            )
    own = model.state_dict()
    fits = {
        name: value
        for name, value in state.items()
        if name in own and own[name].shape == value.shape
    }
    missing = [name for name in own if name.startswith("encoder.") and name not in fits]
    if missing:
        raise MaskwrightError(
            f"The encoder in {path} does not fit this run's: {', '.join(missing[:3])} differ. Use"
            " the same model and patch size."
        )
    model.load_state_dict(fits, strict=False)
    fresh = len(own) - len(fits)
    return f"Starting from {path}" + (
        f"; {fresh} tensors of the decoder do not fit and start fresh" if fresh else ""
    )


def _positions(model: MaskedAutoencoder) -> dict[str, nn.Parameter]:
    return {name: value for name, value in model.named_parameters() if name.endswith("pos_embed")}
