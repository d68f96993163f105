"""timm's vision transformers by name: `timm:NAME` with its weights, `timm:NAME@random` without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from maskwright.models.config import ModelConfig
from maskwright.models.encoder import Encoder
from maskwright.models.image_encoder import ImageEncoder
from maskwright.models.positional import ROTARY_BASE
from maskwright.patches.grid import Grid
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError, did_you_mean
from maskwright.weights.dinov3 import from_timm_names
from maskwright.weights.fair_mae import to_our_names
from maskwright.weights.hints import Hints
from maskwright.weights.hub import can_fetch
from maskwright.weights.inference import infer_config
from maskwright.weights.timm_activation import activation_of_module
from maskwright.weights.translation import complete

PREFIX = "timm:"
# Heads of classifiers and poolings, which an encoder has no use for.
_LEFT_OUT = ("head.", "head_dist.", "fc_norm.", "attn_pool.")


@dataclass(frozen=True)
class TimmModel:
    """The encoder of a model of timm.

    config: its sizes.
    state: its weights under our names.
    scale: of the pixels it was trained on.
    facts: its name, its license and whether its weights are random.
    """

    config: ModelConfig
    state: dict[str, Tensor]
    scale: PixelScale
    facts: dict[str, Any]


def open_timm(name: str, *, random: bool) -> TimmModel:
    """Read a model of timm by its name.

    random: fresh weights drawn as ours are, not timm's.

    Raises MaskwrightError for unknown names, for architectures that are no plain vision
    transformer, and when the weights can be had neither from the cache nor from the network.
    """
    skeleton = _build(name)
    about = skeleton.pretrained_cfg
    # What cannot be read is refused here, before anything is fetched.
    config, _ = read_timm(skeleton)
    if random:
        state = ImageEncoder(config).state_dict()
    else:
        config, state = read_timm(_with_weights(name, about))
    scale = PixelScale(tuple(about["mean"]), tuple(about["std"]))
    license_name = about.get("license") or "unknown"
    facts = {"timm": name, "license": license_name, "random": random}
    return TimmModel(config, state, scale, facts)


def read_timm(model: nn.Module) -> tuple[ModelConfig, dict[str, Tensor]]:
    """The configuration and weights, under our names, of a VisionTransformer of timm.

    Raises MaskwrightError for parts that ours lacks.
    """
    from timm.models.vision_transformer import VisionTransformer

    if _is_dinov3(model):
        return _read_dinov3(model)
    if not isinstance(model, VisionTransformer):
        raise MaskwrightError(
            f"{type(model).__name__} is no plain vision transformer of timm; those are named vit_*"
            " or deit_*."
        )
    # All blocks are built alike, so the first stands for them.
    block: Any = model.blocks[0]
    activation = _read_activation(block.mlp)
    state = {
        name: value for name, value in model.state_dict().items() if not name.startswith(_LEFT_OUT)
    }
    height, width = model.patch_embed.img_size
    hints = Hints(
        heads=block.attn.num_heads,
        norm_eps=block.norm1.eps,
        stored_size=(height, width),
        positions=_positions(state),
        activation=activation,
    )
    full = complete(state, hints.stored_size)
    config = infer_config(full, hints)
    # Without memory: only the names of our encoder's parameters are asked for.
    with torch.device("meta"):
        known = Encoder(config, Grid.of_image(*config.image_size, config.patch_size)).state_dict()
    if odd := sorted(set(full) ^ set(known)):
        raise MaskwrightError(
            f"This model of timm is not built like a plain vision transformer: {', '.join(odd[:3])}"
            " have no counterpart."
        )
    return config, to_our_names(full)


def _read_activation(mlp: Any) -> str:
    """Our word for the activation of a block; raises MaskwrightError for one that ours lacks."""
    module = getattr(mlp, "act", None)
    activation = activation_of_module(module)
    if activation is None:
        raise MaskwrightError(
            f"This model's layers are {type(mlp).__name__} with {type(module).__name__}, which is"
            " not supported; a model here has plain layers with one of the GELUs."
        )
    return activation


def _is_dinov3(model: nn.Module) -> bool:
    """Whether a model is timm's DINOv3, which it builds from EVA's parts."""
    rope = getattr(model, "rope", None)
    return type(rope).__name__ == "RotaryEmbeddingDinoV3"


def _read_dinov3(model: Any) -> tuple[ModelConfig, dict[str, Tensor]]:
    """As `read_timm`, for timm's DINOv3."""
    block = model.blocks[0]
    plain_turns = (model.rope.temperature, model.rope.rotate_half, model.rope.grid_offset)
    if (
        plain_turns != (ROTARY_BASE, True, 0)
        or activation_of_module(getattr(block.mlp, "act", None)) != "gelu"
    ):
        raise MaskwrightError(
            "This DINOv3 of timm is not supported: its layers are gated (SwiGLU), or its positions"
            " turn in another way."
        )
    _, height, width = model.pretrained_cfg["input_size"]
    hints = Hints(
        heads=block.attn.num_heads,
        norm_eps=block.norm1.eps,
        stored_size=(height, width),
        positions="rotary_image",
    )
    full = complete(from_timm_names(model.state_dict(), "this model"), hints.stored_size)
    return infer_config(full, hints), to_our_names(full)


def _positions(state: dict[str, Tensor]) -> str | None:
    """The kind of positions; None where the table is to be compared with the formula."""
    if "pos_embed" not in state:
        return "none"
    # A table on the meta device has no numbers to compare.
    return "learned" if state["pos_embed"].is_meta else None


def _build(name: str) -> Any:
    """The architecture without memory for weights."""
    import timm

    try:
        with torch.device("meta"):
            return timm.create_model(name, pretrained=False)
    except RuntimeError as error:
        known = timm.list_models("vit_*")
        raise MaskwrightError(
            f"timm has no model '{name}'.{did_you_mean(name.split('.')[0], known)} See"
            " timm.list_models()."
        ) from error


def _with_weights(name: str, about: dict[str, Any]) -> Any:
    import timm

    repository = about.get("hf_hub_id")
    sentence = (
        f"The weights of timm's {name} are neither in the cache nor to be had from here. Where"
        ' there is a network, run python -c "import timm, torch;'
        f" torch.save(timm.create_model('{name}', pretrained=True).state_dict(), '{name}.pth')\","
        " bring that file here and give it instead; or ask for fresh weights by"
        f" {PREFIX}{name}@random."
    )
    if repository and not can_fetch(repository):
        raise MaskwrightError(sentence)
    # timm draws weights before it reads the file; the caller's random numbers stay as they were.
    try:
        with torch.random.fork_rng(devices=[]):
            return timm.create_model(name, pretrained=True)
    except (OSError, RuntimeError) as error:
        raise MaskwrightError(f"{sentence} (timm said: {error})") from error
