"""The encoder as an ONNX graph: `images` (B, C, H, W) in the model's numbers to `tokens`."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.image_encoder import ImageEncoder
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_atomic

_EXTRA = "ONNX needs more packages: pip install 'maskwright[onnx]'."
# A protobuf message ends at 2 GiB; the graph itself takes a part of it.
_MOST_BYTES = 2**31 - 2**20


class _Encode(nn.Module):
    """`encode` as a forward method, which is what the exporter takes."""

    def __init__(self, model: MaskedAutoencoder | ImageEncoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        return self.model.encode(images)


def save_onnx(path: Path, model: MaskedAutoencoder | ImageEncoder, scale: PixelScale) -> None:
    """Write the graph with a free batch dimension.

    The pixel scale, patch size and number of prefix tokens stand in its metadata.
    """
    # The exporter needs both, and says so in words of its own.
    try:
        import onnx
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise MaskwrightError(_EXTRA) from error
    if sum(value.numel() for value in model.encoder.parameters()) * 4 > _MOST_BYTES:
        raise MaskwrightError(
            "This encoder is larger than the 2 GB that one ONNX file can hold; export it as timm or"
            " safetensors."
        )
    config = model.config
    # Two images: a batch of one would be taken for a constant.
    images = torch.zeros(2, config.channels, *config.image_size)
    with torch.no_grad(), warnings.catch_warnings():
        # The exporter warns of its own deprecations.
        warnings.simplefilter("ignore")
        program = _quiet_export(_Encode(model).eval(), images)
    proto = program.model_proto
    # What a user of the graph needs to prepare images and to read the tokens.
    metadata = {
        "mean": scale.mean,
        "std": scale.std,
        "patch_size": config.patch_size,
        "num_prefix": config.num_prefix,
    }
    onnx.helper.set_model_props(proto, {name: str(value) for name, value in metadata.items()})
    write_atomic(path, lambda temporary: onnx.save(proto, str(temporary)))


def _quiet_export(module: nn.Module, images: Tensor) -> Any:
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        return torch.onnx.export(
            module,
            (images,),
            dynamo=True,
            input_names=["images"],
            output_names=["tokens"],
            dynamic_shapes={"images": {0: torch.export.Dim("batch", min=1)}},
            verbose=False,
        )
    finally:
        log.setLevel(level)


def run_onnx(path: Path, images: Tensor) -> Tensor:
    """What onnxruntime computes with the file on the CPU."""
    try:
        import onnxruntime
    except ImportError as error:
        raise MaskwrightError(_EXTRA) from error
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (tokens,) = session.run(["tokens"], {"images": images.numpy().astype(np.float32)})
    return torch.from_numpy(np.asarray(tokens))
