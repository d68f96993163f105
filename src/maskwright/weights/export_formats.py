"""The formats that a model is written in, each with how it is read back and compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.image_encoder import ImageEncoder
from maskwright.patches.mask import PatchMask
from maskwright.support.seeding import torch_generator
from maskwright.weights.checkpoint import LoadedEncoder, describe_model, save_tensors
from maskwright.weights.fair_mae import save_official
from maskwright.weights.hf_folder import BOTH, read_back, save_hf_folder
from maskwright.weights.hints import Hints
from maskwright.weights.onnx_file import run_onnx, save_onnx
from maskwright.weights.opening import load_autoencoder, load_encoder
from maskwright.weights.timm_vit import save_timm_folder

Model = MaskedAutoencoder | ImageEncoder


@dataclass(frozen=True)
class Check:
    """What a file gave back.

    difference: the largest one from the model, relative to the largest number above 1.
    compared: what of the model.
    reader: the software that read the file.
    """

    difference: float
    compared: str
    reader: str

    def __str__(self) -> str:
        return (
            f"read back by {self.reader}, {self.compared} differ by at most {self.difference:.1e}"
        )


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format of files.

    summary: what it is for.
    write: puts a model there.
    check: reads it back and compares.
    ending: of its file; empty for a folder.
    needs_decoder: whether it holds both halves and cannot do without one.
    """

    summary: str
    write: Callable[[Path, LoadedEncoder], None]
    check: Callable[[Path, Model], Check]
    ending: str = ""
    needs_decoder: bool = False


def noise_images(model: Model, count: int = 2) -> Tensor:
    """Images of noise in the model's numbers, the same at every export."""
    config = model.config
    return torch.randn(
        count, config.channels, *config.image_size, generator=torch_generator(0, "export")
    )


def _about(loaded: LoadedEncoder) -> dict[str, Any]:
    about = describe_model(loaded.model, loaded.scale, loaded.settings)
    # Whose weights they were goes along.
    license_name = loaded.facts.get("license")
    return about | ({"license": license_name} if license_name else {})


def _gap(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference, relative to the largest number where that is above 1."""
    if ours.shape != theirs.shape:
        return float("inf")
    return float((ours - theirs).abs().max() / ours.abs().max().clamp(min=1))


def _write_timm(out: Path, loaded: LoadedEncoder) -> None:
    save_timm_folder(out, loaded.model, loaded.scale, _about(loaded))


def _check_timm(out: Path, model: Model) -> Check:
    import timm

    images = noise_images(model)
    # timm draws weights before it reads ours; the caller's random numbers stay as they were.
    with torch.random.fork_rng(devices=[]):
        peer: Any = timm.create_model(f"local-dir:{out}", pretrained=True).eval()
    return Check(
        _gap(model.encode(images), peer.forward_features(images)),
        "tokens",
        f"timm {timm.__version__}",
    )


def _write_hf(out: Path, loaded: LoadedEncoder) -> None:
    save_hf_folder(out, loaded)


def _check_hf(out: Path, model: Model) -> Check:
    """Compare tokens, and predictions under one mask, read by transformers or by our own reader."""
    images = noise_images(model)
    both = (out / BOTH).is_dir()
    compared = "tokens and predictions" if both else "tokens"
    try:
        pairs = list(read_back(out, model, images))
        reader = f"transformers {metadata.version('transformers')}"
    except ImportError:
        pairs = [(model.encode(images), load_encoder(out).model.encode(images))]
        reader = "maskwright (transformers is not installed)"
        if both:
            pairs.append(_predictions(model, load_autoencoder(out).model, images))
    return Check(max(_gap(ours, theirs) for ours, theirs in pairs), compared, reader)


def _predictions(model: Model, again: MaskedAutoencoder, images: Tensor) -> tuple[Tensor, Tensor]:
    """What a model and the one that was read back predict (B, M, P) under one mask."""
    assert isinstance(model, MaskedAutoencoder)
    mask = _half_masked(_mask_noise(images, model))
    return model(images, mask).values, again(images, mask).values


def _mask_noise(images: Tensor, model: MaskedAutoencoder) -> Tensor:
    """(B, N) numbers that decide which patches are hidden, the same at every export."""
    rng = torch_generator(0, "export noise")
    return torch.rand(len(images), model.grid.num_patches, generator=rng)


def _half_masked(noise: Tensor) -> PatchMask:
    # argsort twice gives the rank of each patch: (B, N) noise -> (B, N) ranks.
    return PatchMask.from_is_masked(noise.argsort(1).argsort(1) >= noise.shape[1] // 2)


def _write_official(out: Path, loaded: LoadedEncoder) -> None:
    assert isinstance(loaded.model, MaskedAutoencoder)
    save_official(out, loaded.model, _about(loaded))


def _check_official(out: Path, model: Model) -> Check:
    """Read as the official code would compute: with its epsilon, whatever the model's is."""
    again = load_autoencoder(out, Hints(norm_eps=1e-6)).model
    return Check(
        _gap(*_predictions(model, again, noise_images(model))),
        "predictions",
        "maskwright, as the official code computes",
    )


def _write_onnx(out: Path, loaded: LoadedEncoder) -> None:
    save_onnx(out, loaded.model, loaded.scale)


def _check_onnx(out: Path, model: Model) -> Check:
    # Two batch sizes, because exporters like to write the size of their example into the graph.
    gaps = []
    for count in (1, 5):
        images = noise_images(model, count)
        gaps.append(_gap(model.encode(images), run_onnx(out, images)))
    return Check(max(gaps), "tokens of 1 and 5 images", "onnxruntime")


def _write_safetensors(out: Path, loaded: LoadedEncoder) -> None:
    save_tensors(out, loaded.model, _about(loaded))


def _check_safetensors(out: Path, model: Model) -> Check:
    again = load_encoder(out).model
    read_back = again.state_dict()
    # The tokens do not depend on the decoder, so the weights are compared too.
    gaps = [_gap(value, read_back[name]) for name, value in model.state_dict().items()]
    images = noise_images(model)
    return Check(
        max(*gaps, _gap(model.encode(images), again.encode(images))),
        "weights and tokens",
        "maskwright",
    )


FORMATS = {
    "timm": Format(
        summary="a folder for timm.create_model('local-dir:...') and for its Hub: the encoder",
        write=_write_timm,
        check=_check_timm,
    ),
    "hf": Format(
        summary=(
            "a folder for transformers: the encoder as ViTModel, which AutoModel opens, and a"
            " ViTMAE with the decoder below it"
        ),
        write=_write_hf,
        check=_check_hf,
    ),
    "official": Format(
        summary="the official MAE's .pth: both halves",
        ending=".pth",
        needs_decoder=True,
        write=_write_official,
        check=_check_official,
    ),
    "onnx": Format(
        summary="an ONNX graph of the encoder for any batch size",
        ending=".onnx",
        write=_write_onnx,
        check=_check_onnx,
    ),
    "safetensors": Format(
        summary="all weights and settings, for maskwright",
        ending=".safetensors",
        write=_write_safetensors,
        check=_check_safetensors,
    ),
}
