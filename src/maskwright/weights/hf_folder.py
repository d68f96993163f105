"""A folder for transformers: the encoder that sees all patches, and both halves beside it.

`AutoModel` on a folder of a ViTMAE is a model that hides patches at random at every call. So what
stands at the top is the encoder alone, as a model that does not, and the ViTMAE with its decoder
has a folder of its own below it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from maskwright.components.policy_text import hides_components
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.models.image_encoder import ImageEncoder
from maskwright.patches.mask import PatchMask
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_json
from maskwright.support.seeding import torch_generator
from maskwright.support.torch_files import write_safetensors
from maskwright.weights.checkpoint import LoadedEncoder
from maskwright.weights.hf_encoder import encoder_class, encoder_config, to_hf_encoder
from maskwright.weights.hf_vitmae import check_vitmae, preprocessor, save_vitmae
from maskwright.weights.model_card import Card, write_card

BOTH = "vitmae"
"""The folder below with encoder and decoder."""


def save_hf_folder(folder: Path, loaded: LoadedEncoder) -> None:
    """Write the encoder with its config, preprocessing and model card, and both halves below.

    Raises MaskwrightError, before anything is written, for an encoder that transformers cannot
    hold. A decoder that it cannot hold is left out, and the model card says why.
    """
    state, config = to_hf_encoder(loaded.model), loaded.model.config
    missing = why_no_decoder(loaded)
    folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(folder / "model.safetensors", state, {"format": "pt"})
    write_json(folder / "config.json", encoder_config(config))
    write_json(folder / "preprocessor_config.json", preprocessor(config, loaded.scale))
    decoder = f"There is no decoder here: {missing}"
    if not missing:
        assert isinstance(loaded.model, MaskedAutoencoder)
        save_vitmae(folder / BOTH, loaded.model, loaded.scale)
        decoder = (
            f"The folder `{BOTH}` has encoder and decoder for `ViTMAEForPreTraining`, which hides"
            " patches at random at every call unless it is given `noise`."
        )
    write_card(folder, loaded, Card(decoder, usage_lines(folder.name, config)))


def usage_lines(folder: str, config: ModelConfig) -> tuple[str, ...]:
    """The lines of Python that open the encoder."""
    return (
        "from transformers import AutoImageProcessor, AutoModel",
        f"processor = AutoImageProcessor.from_pretrained({folder!r})",
        f"model = AutoModel.from_pretrained({folder!r}).eval()   # {encoder_class(config)}",
        "tokens = model(**processor(picture, return_tensors='pt')).last_hidden_state",
    )


def why_no_decoder(loaded: LoadedEncoder) -> str:
    """Why the ViTMAE below is not written, in a sentence; empty where it is."""
    if not isinstance(loaded.model, MaskedAutoencoder):
        return "the model is an encoder alone."
    # A wrong guess would show plausible pictures with wrong contrast.
    if loaded.facts.get("target_from") == "unknown":
        return (
            "it is not known whether it predicts raw or normalized pixels (--target raw or --target"
            " normalized says so)."
        )
    if hides_components(loaded.settings.get("policy")):
        return "it predicts hidden components of whole pictures, and a ViTMAE masked patches."
    # transformers would take whatever is predicted for pixels.
    target = loaded.model.config.target
    if target not in ("raw", "normalized"):
        return f"it predicts {target}, and a ViTMAE predicts raw or normalized pixels."
    try:
        check_vitmae(loaded.model.config)
    except MaskwrightError as error:
        return str(error)
    return ""


def read_back(
    folder: Path, model: MaskedAutoencoder | ImageEncoder, images: Tensor
) -> Iterator[tuple[Tensor, Tensor]]:
    """Pairs of (ours, theirs): what transformers reads from both folders.

    Raises ImportError without transformers, and MaskwrightError for tensors under wrong names.
    """
    import transformers

    with _quiet(transformers):
        peer = _open(transformers.AutoModel, folder)
        yield model.encode(images), peer(images).last_hidden_state
        if (folder / BOTH).is_dir():
            assert isinstance(model, MaskedAutoencoder)
            both = _open(transformers.ViTMAEForPreTraining, folder / BOTH)
            yield _predictions(both, model, images)


def _predictions(peer: Any, model: MaskedAutoencoder, images: Tensor) -> tuple[Tensor, Tensor]:
    """Our predictions and theirs under one mask."""
    rng = torch_generator(0, "export noise")
    noise = torch.rand(len(images), model.grid.num_patches, generator=rng)
    # transformers masks the patches with the highest noise; we take its mask over.
    theirs = peer(images, noise=noise)
    mask = PatchMask.from_is_masked(theirs.mask.bool())
    # (B, N, P) -> (B, K, P): it predicts all patches and we the hidden ones.
    rows = torch.arange(len(images))[:, None]
    return model(images, mask).values, theirs.logits[rows, mask.predicted_ids]


def _open(kind: Any, folder: Path) -> Any:
    """A model of transformers; raises MaskwrightError for tensors that it misses."""
    peer, report = kind.from_pretrained(folder, output_loading_info=True)
    # A tensor under a wrong name would be drawn at random, with a warning alone.
    if wrong := [*report["missing_keys"], *report["unexpected_keys"]]:
        raise MaskwrightError(
            f"transformers misses or does not know {len(wrong)} tensors of {folder}, {wrong[0]}"
            " first; do not use it."
        )
    return peer.eval()


@contextlib.contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """No progress bars, and the caller's random numbers as they were."""
    bars = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.disable_progress_bar()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        if bars:
            transformers.utils.logging.enable_progress_bar()
