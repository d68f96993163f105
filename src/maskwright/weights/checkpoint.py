"""Our own checkpoints: a plain torch file with the weights and everything needed to build the model again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_atomic
from maskwright.weights.facts import FORMAT, FileFacts, inspect_file, read_file

__all__ = ["FileFacts", "LoadedModel", "describe_model", "inspect_file", "load_model", "model_from", "save_model"]

_PREFIX = "model."


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode with the pixel scale it was trained on, the settings of its run and facts of its file."""

    model: MaskedAutoencoder
    scale: PixelScale
    settings: dict[str, Any]
    facts: dict[str, Any]


def describe_model(model: MaskedAutoencoder, scale: PixelScale, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The `maskwright` entry of a checkpoint: plain numbers and strings alone, so that it loads with weights_only=True."""
    return {
        "format": FORMAT,
        "model": model.config.to_dict(),
        "pixel_scale": {"mean": list(scale.mean), "std": list(scale.std)},
        "settings": dict(settings),
    }


def save_model(path: Path | str, model: MaskedAutoencoder, scale: PixelScale, settings: Mapping[str, Any]) -> None:
    """Write the model's weights and description atomically; `settings` holds plain values (numbers, strings, lists, mappings)."""
    state = {_PREFIX + name: value.detach().cpu() for name, value in model.state_dict().items()}
    content = {"state_dict": state, "maskwright": describe_model(model, scale, settings)}
    write_atomic(path, lambda temporary: torch.save(content, temporary))


def load_model(path: Path | str) -> LoadedModel:
    """Rebuild the model of a checkpoint written by `save_model` or by a training run.

    Raises MaskwrightError, naming the file and what it seems to be, for any other or damaged file.
    """
    content = read_file(path)
    if not isinstance(content.get("maskwright"), Mapping):
        raise MaskwrightError(f"{path} is {inspect_file(path).summary}; this needs a maskwright checkpoint.")
    return model_from(content, path)


def model_from(content: Mapping[str, Any], path: Path | str) -> LoadedModel:
    """Rebuild the model from the content of a checkpoint; `path` is for the error messages."""
    about = content["maskwright"]
    if about.get("format") != FORMAT:
        raise MaskwrightError(
            f"{path} has format {about.get('format')}; this version reads format {FORMAT}. Use the maskwright that wrote it."
        )
    try:
        config = ModelConfig.from_dict(about["model"])
        scale = PixelScale(tuple(about["pixel_scale"]["mean"]), tuple(about["pixel_scale"]["std"]))
        state = _model_state(content["state_dict"])
    except (KeyError, TypeError) as error:
        raise MaskwrightError(f"{path} is a maskwright checkpoint with parts missing ({error}); use an earlier one.") from error
    model = MaskedAutoencoder(config)
    load_strictly(model, state, path)
    facts = {key: content[key] for key in ("epoch", "global_step") if key in content}
    return LoadedModel(model.eval(), scale, dict(about.get("settings", {})), facts)


def load_strictly(model: MaskedAutoencoder, state: Mapping[str, Tensor], path: Path | str) -> None:
    """Copy a state dict into a model; raises MaskwrightError that names the first few tensors that do not fit."""
    own = model.state_dict()
    wrong = sorted(set(own) ^ set(state)) + [name for name in own if name in state and own[name].shape != state[name].shape]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise MaskwrightError(f"The weights in {path} do not fit the model it describes: {', '.join(wrong[:3])}{more}.")
    model.load_state_dict(dict(state))


def _model_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The model's share of a training checkpoint; a compiled model carries `_orig_mod.` in its names."""
    return {key.removeprefix(_PREFIX).replace("_orig_mod.", ""): value for key, value in state.items() if key.startswith(_PREFIX)}
