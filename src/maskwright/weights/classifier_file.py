"""A trained classifier as a file: under timm's names where timm has the architecture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maskwright.models.classifier import Classifier
from maskwright.patches.pixels import PixelScale
from maskwright.support.files import write_json
from maskwright.support.torch_files import write_safetensors
from maskwright.weights.checkpoint import describe_model, save_tensors
from maskwright.weights.reading import ABOUT
from maskwright.weights.timm_vit import NotExportable, hub_config, timm_arguments


def save_classifier(
    path: Path, model: Classifier, scale: PixelScale, settings: Mapping[str, Any]
) -> str:
    """Write the weights and, beside them, a JSON on how timm builds the model.

    settings: plain values with `classes`, the names in the order of the scores; they and our own
        description are in the file's metadata.

    Returns a sentence on where they are.
    """
    about = describe_model(model, scale, settings)
    try:
        architecture, arguments = classifier_arguments(model, scale)
    except NotExportable as error:
        save_tensors(path, model, about)
        return f"the classifier is {path}, under our own names ({error})"
    # timm has no module around the encoder: its names stand at the top, beside those of the head.
    state = {
        name.removeprefix("encoder."): value.detach().cpu().contiguous()
        for name, value in model.state_dict().items()
    }
    write_safetensors(path, state, {"format": "pt", ABOUT: json.dumps(about)})
    write_json(path.with_suffix(".json"), _describe(path, architecture, arguments, scale, settings))
    return f"the classifier for timm is {path}"


def classifier_arguments(model: Classifier, scale: PixelScale) -> tuple[str, dict[str, Any]]:
    """The name of timm's architecture and the arguments of `timm.create_model` that rebuild this
    classifier.

    Raises NotExportable for positions that timm does not have.
    """
    architecture, _ = hub_config(model.config, scale)
    arguments = timm_arguments(model.config)
    if model.pooling == "mean":
        # timm drops both norms when asked to drop the last; with average pooling it has fc_norm
        # alone.
        arguments.pop("final_norm", None)
    return architecture, {
        **arguments,
        "num_classes": model.num_classes,
        "global_pool": "avg" if model.pooling == "mean" else "token",
    }


def _describe(
    path: Path,
    architecture: str,
    arguments: dict[str, Any],
    scale: PixelScale,
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """The content of the JSON, with the lines of code that load the file."""
    return {
        "architecture": architecture,
        "arguments": arguments,
        "classes": list(settings.get("classes", ())),
        "mean": list(scale.mean),
        "std": list(scale.std),
        "usage": [
            f"about = json.load(open('{path.stem}.json'))",
            (
                f"model = timm.create_model(about['architecture'], checkpoint_path='{path.name}',"
                " **about['arguments']).eval()"
            ),
        ],
    }
