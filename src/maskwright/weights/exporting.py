"""Writing a model in another format, reading it back with the software that format is for, and
comparing before anyone says done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.image_encoder import ImageEncoder
from maskwright.patches.mask import PatchMask
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator
from maskwright.weights.checkpoint import LoadedEncoder, describe_model, save_tensors
from maskwright.weights.fair_mae import save_official
from maskwright.weights.hf_vit import save_hf
from maskwright.weights.hints import Hints
from maskwright.weights.onnx_file import run_onnx, save_onnx
from maskwright.weights.opening import load_autoencoder, load_encoder
from maskwright.weights.timm_vit import save_timm_folder

TOLERANCE = 1e-4
Model = MaskedAutoencoder | ImageEncoder


@dataclass(frozen=True)
class Check:
    """What a file gave back: the largest difference from the model, where, and by which software it
    was read.
    """

    difference: float
    compared: str
    reader: str

    def __str__(self) -> str:
        return (
            f"read back by {self.reader}, {self.compared} differ by at most {self.difference:.1e}"
        )


@dataclass(frozen=True)
class Format:
    """A format: the ending of its file (empty for a folder), whether it holds the decoder, and how
    it is written and checked.
    """

    summary: str
    ending: str
    needs_decoder: bool
    write: Callable[[Path, LoadedEncoder], None]
    check: Callable[[Path, Model], Check]


def export_model(loaded: LoadedEncoder, name: str, out: Path) -> Check:
    """Write a model and compare what comes back.

    Raises MaskwrightError for what the format cannot hold, and, naming the difference, when the
    file does not give the model's numbers back to within 1e-4 of the largest; nobody should trust
    that file.
    """
    chosen = FORMATS[name]
    model = loaded.model.cpu().eval()
    if chosen.needs_decoder and isinstance(model, ImageEncoder):
        raise MaskwrightError(
            f"The {name} format holds both halves and this is an encoder only; use timm, onnx or"
            " safetensors."
        )
    chosen.write(out, LoadedEncoder(model, loaded.scale, loaded.settings, loaded.facts))
    with torch.no_grad():
        found = chosen.check(out, model)
    if not found.difference <= TOLERANCE:
        raise MaskwrightError(
            f"{out} was written but does not give the model's numbers back ({found}); do not"
            " use it."
        )
    return found


def noise_images(model: Model, count: int = 2) -> Tensor:
    """Images of noise in the model's numbers, the same at every export."""
    config = model.config
    return torch.randn(
        count, config.channels, *config.image_size, generator=torch_generator(0, "export")
    )


def _about(loaded: LoadedEncoder) -> dict[str, Any]:
    return describe_model(loaded.model, loaded.scale, loaded.settings)


def _gap(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference, relative to the largest number when that is above 1; infinite for
    other shapes.
    """
    if ours.shape != theirs.shape:
        return float("inf")
    return float((ours - theirs).abs().max() / ours.abs().max().clamp(min=1))


def _write_timm(out: Path, loaded: LoadedEncoder) -> None:
    save_timm_folder(out, loaded.model, loaded.scale, _about(loaded))


def _check_timm(out: Path, model: Model) -> Check:
    import timm

    images = noise_images(model)
    with torch.random.fork_rng(devices=[]):
        peer: Any = timm.create_model(f"local-dir:{out}", pretrained=True).eval()
    return Check(
        _gap(model.encode(images), peer.forward_features(images)),
        "tokens",
        f"timm {timm.__version__}",
    )


def _write_hf(out: Path, loaded: LoadedEncoder) -> None:
    assert isinstance(loaded.model, MaskedAutoencoder)
    save_hf(out, loaded.model, loaded.scale)


def _check_hf(out: Path, model: Model) -> Check:
    """Compare predictions under one mask; without transformers the folder is read by our own
    reader, and the sentence says so.
    """
    assert isinstance(model, MaskedAutoencoder)
    images = noise_images(model)
    noise = torch.rand(
        len(images), model.grid.num_patches, generator=torch_generator(0, "export noise")
    )
    try:
        import transformers
    except ImportError:
        mask = _half_masked(noise)
        again = load_autoencoder(out).model
        return Check(
            _gap(model(images, mask).values, again(images, mask).values),
            "predictions",
            "maskwright (transformers is not installed)",
        )
    peer, report = _open_quietly(transformers, out)
    if wrong := [*report["missing_keys"], *report["unexpected_keys"]]:
        raise MaskwrightError(
            f"transformers misses or does not know {len(wrong)} tensors of {out}, {wrong[0]} first;"
            " do not use it."
        )
    theirs = peer(images, noise=noise)
    mask = PatchMask.from_is_masked(theirs.mask.bool())
    rows = torch.arange(len(images))[:, None]
    gap = _gap(model(images, mask).values, theirs.logits[rows, mask.predicted_ids])
    return Check(gap, "predictions", f"transformers {transformers.__version__}")


def _open_quietly(transformers: Any, folder: Path) -> tuple[Any, Mapping[str, Any]]:
    bars = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.disable_progress_bar()
    try:
        with torch.random.fork_rng(devices=[]):
            peer, report = transformers.ViTMAEForPreTraining.from_pretrained(
                folder, output_loading_info=True
            )
    finally:
        if bars:
            transformers.utils.logging.enable_progress_bar()
    return peer.eval(), report


def _half_masked(noise: Tensor) -> PatchMask:
    return PatchMask.from_is_masked(noise.argsort(1).argsort(1) >= noise.shape[1] // 2)


def _write_official(out: Path, loaded: LoadedEncoder) -> None:
    assert isinstance(loaded.model, MaskedAutoencoder)
    save_official(out, loaded.model, _about(loaded))


def _check_official(out: Path, model: Model) -> Check:
    """Read as the official code would compute: with its epsilon, whatever the model's is."""
    assert isinstance(model, MaskedAutoencoder)
    images = noise_images(model)
    mask = _half_masked(
        torch.rand(
            len(images), model.grid.num_patches, generator=torch_generator(0, "export noise")
        )
    )
    again = load_autoencoder(out, Hints(norm_eps=1e-6)).model
    return Check(
        _gap(model(images, mask).values, again(images, mask).values),
        "predictions",
        "maskwright, as the official code computes",
    )


def _write_onnx(out: Path, loaded: LoadedEncoder) -> None:
    save_onnx(out, loaded.model, loaded.scale)


def _check_onnx(out: Path, model: Model) -> Check:
    gaps = [
        _gap(model.encode(images), run_onnx(out, images))
        for images in (noise_images(model, 1), noise_images(model, 5))
    ]
    return Check(max(gaps), "tokens of 1 and 5 images", "onnxruntime")


def _write_safetensors(out: Path, loaded: LoadedEncoder) -> None:
    save_tensors(out, loaded.model, _about(loaded))


def _check_safetensors(out: Path, model: Model) -> Check:
    again = load_encoder(out).model
    same = again.state_dict()
    gaps = [_gap(value, same[name]) for name, value in model.state_dict().items()]
    images = noise_images(model)
    return Check(
        max(*gaps, _gap(model.encode(images), again.encode(images))),
        "weights and tokens",
        "maskwright",
    )


FORMATS = {
    "timm": Format(
        "a folder for timm.create_model('local-dir:...') and for its Hub: the encoder",
        "",
        False,
        _write_timm,
        _check_timm,
    ),
    "hf": Format(
        "a folder for transformers: ViTMAEForPreTraining, or ViTModel for the encoder",
        "",
        True,
        _write_hf,
        _check_hf,
    ),
    "official": Format(
        "the official MAE's .pth: both halves", ".pth", True, _write_official, _check_official
    ),
    "onnx": Format(
        "an ONNX graph of the encoder for any batch size", ".onnx", False, _write_onnx, _check_onnx
    ),
    "safetensors": Format(
        "all weights and settings, for maskwright",
        ".safetensors",
        False,
        _write_safetensors,
        _check_safetensors,
    ),
}
