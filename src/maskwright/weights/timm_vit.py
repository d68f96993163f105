"""The encoder for timm: a .safetensors file with exactly timm's names, and a .json beside it that says how to open it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_atomic, write_json


class NotExportable(MaskwrightError):
    """This encoder is of a kind that timm's VisionTransformer does not have."""


def export_encoder(path: Path | str, model: MaskedAutoencoder, scale: PixelScale, note: str = "") -> tuple[Path, Path]:
    """Write the encoder alone (no mask token, no decoder: timm would misread them) and its description; returns both paths.

    Raises MaskwrightError for positions that timm's VisionTransformer has no table for.
    """
    path = Path(path).with_suffix(".safetensors")
    arguments = timm_arguments(model.config)
    state = {name: value.detach().cpu().contiguous() for name, value in model.encoder.state_dict().items()}
    write_atomic(path, lambda temporary: save_file(state, temporary, metadata={"format": "pt"}))
    about = path.with_suffix(".json")
    write_json(about, _describe(path, arguments, scale, note))
    return path, about


def timm_arguments(config: ModelConfig) -> dict[str, Any]:
    """The arguments of timm's VisionTransformer that rebuild this encoder; sincos tables travel as timm's `pos_embed`."""
    if config.positions == "rotary":
        raise NotExportable(
            "timm's VisionTransformer has no rotary positions like ours, so this encoder cannot be exported to it; "
            "use the checkpoint with maskwright, or train with positions sincos or learned."
        )
    return {
        "img_size": list(config.image_size),
        "patch_size": config.patch_size,
        "in_chans": config.channels,
        "num_classes": 0,
        "global_pool": "token" if config.class_token else "",
        "embed_dim": config.width,
        "depth": config.depth,
        "num_heads": config.heads,
        "mlp_ratio": config.mlp_ratio,
        "class_token": config.class_token,
        "reg_tokens": config.registers,
        "pos_embed": "none" if config.positions == "none" else "learn",
    }


def _describe(path: Path, arguments: dict[str, Any], scale: PixelScale, note: str) -> dict[str, Any]:
    return {
        "architecture": "timm.models.vision_transformer.VisionTransformer",
        "arguments": arguments,
        "image_size": arguments["img_size"],
        "mean": list(scale.mean),
        "std": list(scale.std),
        "note": note,
        "usage": [
            f"about = json.load(open('{path.stem}.json'))",
            "model = timm.models.vision_transformer.VisionTransformer(**about['arguments'])",
            f"model.load_state_dict(safetensors.torch.load_file('{path.name}'))",
        ],
    }
