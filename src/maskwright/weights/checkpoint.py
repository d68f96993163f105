"""Our own checkpoints: the weights and everything needed to build the model again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.classifier import classifier_for
from maskwright.models.config import ModelConfig
from maskwright.models.image_encoder import ImageEncoder
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.support.torch_files import write_safetensors, write_torch
from maskwright.weights.finite import refuse_not_finite
from maskwright.weights.formats import describe_unknown, translate
from maskwright.weights.reading import ABOUT, WeightFile, open_weights

# Raised when files change in a way that older versions would misread.
FORMAT = 1
# Names of parameters in the checkpoints of a training module, whose `model` they are, and of the
# average of them that a training may keep.
_PREFIX = "model."
AVERAGED = "averaged.module."


@dataclass(frozen=True)
class LoadedModel:
    """Both halves of a model.

    model: in evaluation mode.
    scale: of the pixels it was trained on.
    settings: of the run that trained it.
    facts: about its file, for people and reports.
    """

    model: MaskedAutoencoder
    scale: PixelScale
    settings: dict[str, Any]
    facts: dict[str, Any]


@dataclass(frozen=True)
class LoadedEncoder:
    """An encoder with or without the decoder it was trained with.

    model: in evaluation mode.
    scale: of the pixels it was trained on.
    settings: of the run that trained it.
    facts: about its file, for people and reports.
    """

    model: MaskedAutoencoder | ImageEncoder
    scale: PixelScale
    settings: dict[str, Any]
    facts: dict[str, Any]


def describe_model(
    model: MaskedAutoencoder | ImageEncoder, scale: PixelScale, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """The `maskwright` entry of a checkpoint."""
    # Plain numbers and strings alone, so that the file loads with weights_only=True.
    return {
        "format": FORMAT,
        "model": model.config.to_dict(),
        "pixel_scale": {"mean": list(scale.mean), "std": list(scale.std)},
        "settings": dict(settings),
    }


def save_model(
    path: Path | str, model: MaskedAutoencoder, scale: PixelScale, settings: Mapping[str, Any]
) -> None:
    """Write the model's weights and description atomically.

    settings: plain values (numbers, strings, lists, mappings).
    """
    state = {_PREFIX + name: value.detach().cpu() for name, value in model.state_dict().items()}
    content = {"state_dict": state, ABOUT: describe_model(model, scale, settings)}
    write_torch(path, content)


def save_tensors(
    path: Path | str, model: MaskedAutoencoder | ImageEncoder, about: Mapping[str, Any]
) -> None:
    """Write a model as safetensors under our names; `load_model` reads it back.

    about: its description, for the file's metadata.
    """
    # safetensors takes no views.
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    metadata = {"format": "pt", ABOUT: json.dumps(about)}
    write_safetensors(path, state, metadata)


def load_model(path: Path | str) -> LoadedModel:
    """Rebuild the model of a checkpoint that maskwright wrote.

    Raises MaskwrightError, naming the file and what it seems to be, for any other or damaged file.
    """
    file = open_weights(path)
    if file.about is None:
        # Say what the file is instead, as far as the formats here know.
        translated = translate(file)
        if translated is None:
            kind = describe_unknown(file)
        else:
            kind = f"a file of another kind ({translated.kind})"
        raise MaskwrightError(f"{path} is {kind}; this needs a maskwright checkpoint.")
    return model_from(file.content, path)


def model_from(content: Mapping[str, Any], path: Path | str) -> LoadedModel:
    """Rebuild the model from the content of a checkpoint; `path` is for the error messages."""
    config, state, scale = parts_of(content, path)
    if not any(name.startswith("decoder.") for name in state):
        raise MaskwrightError(
            f"{path} has an encoder only ({len(state)} tensors): reconstruct needs both halves;"
            " features and evaluation work."
        )
    model = MaskedAutoencoder(config)
    load_strictly(model, state, path)
    settings = dict(content[ABOUT].get("settings", {}))
    return LoadedModel(model.eval(), scale, settings, progress_of(content))


def encoder_from(file: WeightFile) -> LoadedEncoder:
    """Rebuild what is in a file of ours, both halves or the encoder alone."""
    config, state, scale = parts_of(file.content, file.path)
    model = build_for(config, state)
    load_strictly(model, state, file.path)
    settings = dict(file.content[ABOUT].get("settings", {}))
    return LoadedEncoder(model.eval(), scale, settings, progress_of(file.content))


def build_for(config: ModelConfig, state: Mapping[str, Tensor]) -> MaskedAutoencoder | ImageEncoder:
    """Build the model that a state dict under our names is from; its weights are not copied.

    That is both halves, a classifier or an encoder.
    """
    if any(name.startswith("decoder.") for name in state):
        return MaskedAutoencoder(config)
    return classifier_for(config, state) or ImageEncoder(config)


def progress_of(content: Mapping[str, Any]) -> dict[str, Any]:
    """How far the training had come that wrote a checkpoint."""
    return {key: content[key] for key in ("epoch", "global_step") if key in content}


def parts_of(
    content: Mapping[str, Any], path: Path | str
) -> tuple[ModelConfig, dict[str, Tensor], PixelScale]:
    """Configuration, weights under our names and pixel scale of a file of ours.

    Raises MaskwrightError when parts are missing or weights are not finite.
    """
    about = content[ABOUT]
    if about.get("format") != FORMAT:
        raise MaskwrightError(
            f"{path} has format {about.get('format')}; this version reads format {FORMAT}. Use the"
            " maskwright that wrote it."
        )
    # A file that was edited or written by another program may lack any part.
    try:
        config = ModelConfig.from_dict(about["model"])
        scale = PixelScale(tuple(about["pixel_scale"]["mean"]), tuple(about["pixel_scale"]["std"]))
        state = _model_state(content)
    except (KeyError, TypeError) as error:
        raise MaskwrightError(
            f"{path} is a maskwright checkpoint with parts missing ({error}); use an earlier one."
        ) from error
    refuse_not_finite(state, path)
    return config, state, scale


def load_strictly(model: nn.Module, state: Mapping[str, Tensor], path: Path | str) -> None:
    """Copy a state dict into a model; raises MaskwrightError that names tensors that do not fit."""
    check_fit(model, state, path)
    model.load_state_dict(dict(state))


def check_fit(model: nn.Module, state: Mapping[str, Tensor], path: Path | str) -> None:
    """Raise MaskwrightError when names or shapes differ from a model's.

    model: may be on the meta device, without memory.
    """
    expected = model.state_dict()
    wrong = sorted(set(expected) ^ set(state))
    wrong += [
        name for name in expected if name in state and expected[name].shape != state[name].shape
    ]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise MaskwrightError(
            f"The weights in {path} do not fit the model it describes:"
            f" {', '.join(wrong[:3])}{more}."
        )


def _model_state(content: Mapping[str, Any]) -> dict[str, Tensor]:
    """The model's share of a checkpoint, or all tensors of a safetensors file.

    Where a training kept an average of the weights beside them, the average is the model.
    """
    # A safetensors file has its tensors at the top.
    if "state_dict" not in content and any(name.startswith("encoder.") for name in content):
        return {name: value for name, value in content.items() if isinstance(value, Tensor)}
    state = content["state_dict"]
    prefix = AVERAGED if any(key.startswith(AVERAGED) for key in state) else _PREFIX
    # A compiled model carries `_orig_mod.` in its names.
    return {
        key.removeprefix(prefix).replace("_orig_mod.", ""): value
        for key, value in state.items()
        if key.startswith(prefix)
    }
