"""Writing a model in another format, and comparing what that format's software reads from it."""

from __future__ import annotations

from pathlib import Path

import torch

from maskwright.models.image_encoder import ImageEncoder
from maskwright.support.errors import MaskwrightError
from maskwright.weights.checkpoint import LoadedEncoder
from maskwright.weights.export_formats import FORMATS, Check

# Other software adds numbers in another order, which shows in the sixth digit; weights in a wrong
# place are off by far more.
TOLERANCE = 1e-4


def export_model(loaded: LoadedEncoder, name: str, out: Path) -> Check:
    """Write a model and compare what comes back.

    name: of the format, from FORMATS.
    out: the file or folder to write.

    Raises MaskwrightError for what the format cannot hold, and, naming the difference, when the
    file does not give the model's numbers back to within 1e-4 of the largest: it is not to be
    trusted.
    """
    file_format = FORMATS[name]
    # Files are written and compared on the CPU, whatever the model was trained on.
    model = loaded.model.cpu().eval()
    if file_format.needs_decoder and isinstance(model, ImageEncoder):
        raise MaskwrightError(
            f"The {name} format holds both halves and this is an encoder only; use timm, onnx or"
            " safetensors."
        )
    file_format.write(out, LoadedEncoder(model, loaded.scale, loaded.settings, loaded.facts))
    with torch.no_grad():
        check = file_format.check(out, model)
    # Not `>`: NaN must fail too.
    if not check.difference <= TOLERANCE:
        raise MaskwrightError(
            f"{out} was written but does not give the model's numbers back ({check}); do not"
            " use it."
        )
    return check
