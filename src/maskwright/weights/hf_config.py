"""What the config.json of a model of transformers says about it, as hints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maskwright.support.errors import MaskwrightError
from maskwright.weights.hints import Hints, Target
from maskwright.weights.reading import section

# Epsilon of the layer norms where config.json leaves it out; the default differs by family.
_DEFAULT_EPS = {
    "vit": 1e-12,
    "vit_mae": 1e-12,
    "ijepa": 1e-12,
    "dinov3_vit": 1e-5,
    "clip": 1e-5,
    "clip_vision_model": 1e-5,
}
_OTHER_EPS = 1e-6
# Activation where it is left out.
_DEFAULT_ACTIVATION = {
    "clip": "quick_gelu",
    "clip_vision_model": "quick_gelu",
    "siglip": "gelu_pytorch_tanh",
    "siglip_vision_model": "gelu_pytorch_tanh",
}
# Side of the images where it is left out, for models whose weights do not show it.
_DEFAULT_SIDE = {"dinov3_vit": 224}
# Activations of transformers by ours. `gelu_new` is the same formula as `gelu_pytorch_tanh`.
_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_new": "gelu_tanh",
    "quick_gelu": "quick_gelu",
}


def config_hints(config: Mapping[str, Any]) -> Hints:
    """Heads, sizes, epsilon, activation and target; nothing for an empty config.

    Raises MaskwrightError for an activation that a model here does not have.
    """
    if not config:
        return Hints()
    family = str(config.get("model_type", ""))
    # A model of pictures and texts keeps what is about pictures in a section of its own.
    about = section(config, "vision_config") or config
    size = about.get("image_size", _DEFAULT_SIDE.get(family))
    side = (size, size) if isinstance(size, int) else size
    return Hints(
        heads=about.get("num_attention_heads"),
        decoder_heads=about.get("decoder_num_attention_heads"),
        stored_size=None if side is None else (int(side[0]), int(side[1])),
        target=_target(about, family),
        norm_eps=about.get("layer_norm_eps", _DEFAULT_EPS.get(family, _OTHER_EPS)),
        activation=_activation(about, family),
    )


def _target(about: Mapping[str, Any], family: str) -> Target | None:
    # transformers leaves out settings that have their default, which is raw pixels.
    if "norm_pix_loss" not in about and family != "vit_mae":
        return None
    return "normalized" if about.get("norm_pix_loss") else "raw"


def _activation(about: Mapping[str, Any], family: str) -> str:
    name = str(about.get("hidden_act", _DEFAULT_ACTIVATION.get(family, "gelu")))
    if name not in _ACTIVATIONS:
        raise MaskwrightError(
            f"This model's activation is {name}, which is not supported; a model here has"
            f" {', '.join(_ACTIVATIONS)}."
        )
    return _ACTIVATIONS[name]
