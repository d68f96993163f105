"""What loads weights and what describes them agree: on what is refused, in which words, and on the
scale of the pixels.
"""

from __future__ import annotations

import argparse
import json
import logging
import pathlib
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.weights.checkpoint import load_model, save_model
from maskwright.weights.facts import inspect_file
from maskwright.weights.hints import Hints
from maskwright.weights.opening import load_encoder
from maskwright.weights.scorer_file import load_scorer
from maskwright.weights.state_files import read_state
from maskwright.workflows.inspect import describe

TOLD = Hints(heads=3)
TINY = ModelConfig(image_size=(16, 16), patch_size=4, width=24, depth=2, heads=3)
SMALL = {"embed_dim": 24, "depth": 2, "num_heads": 3, "img_size": 32, "pretrained": False}


def build_vit(**options: object) -> dict[str, Tensor]:
    """The weights of a tiny vision transformer of timm."""
    sizes = {"img_size": 16, "patch_size": 4, "embed_dim": 24, "depth": 2, "num_heads": 3}
    with torch.random.fork_rng(devices=[]):
        return timm.models.vision_transformer.VisionTransformer(
            **sizes | {"num_classes": 0} | options
        ).state_dict()


def spoiled(value: float, count: int = 2) -> dict[str, Tensor]:
    """Weights of which some numbers are not finite."""
    state = build_vit()
    state["blocks.1.mlp.fc1.weight"].view(-1)[:count] = value
    return state


def refusals(path: Path, hints: Hints | None = None) -> tuple[str, str]:
    """What loading says, and what inspecting says."""
    said = []
    for read in (load_encoder, inspect_file):
        with pytest.raises(MaskwrightError) as caught:
            read(path, hints)
        said.append(str(caught.value))
    return said[0], said[1]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_not_finite_are_refused_by_name_and_count(
    tmp_path: Path, value: float
) -> None:
    torch.save({"model": spoiled(value)}, tmp_path / "w.pth")
    loading, inspecting = refusals(tmp_path / "w.pth", TOLD)
    assert loading == inspecting
    assert "2 of 2,304 numbers of blocks.1.mlp.fc1.weight are NaN or infinite" in loading


def test_our_own_checkpoint_with_a_spoiled_weight_is_refused(tmp_path: Path) -> None:
    model = MaskedAutoencoder(TINY)
    model.encoder.norm.weight.data[3] = float("nan")
    save_model(tmp_path / "m.ckpt", model, PixelScale((0.5,) * 3, (0.5,) * 3), {})
    loading, inspecting = refusals(tmp_path / "m.ckpt")
    assert loading == inspecting
    assert "1 of 24 numbers of encoder.norm.weight" in loading
    with pytest.raises(MaskwrightError, match=r"1 of 24 numbers of encoder\.norm\.weight"):
        load_model(tmp_path / "m.ckpt")


def test_networks_beside_the_encoder_are_checked_too(tmp_path: Path) -> None:
    torch.save(spoiled(float("nan")), tmp_path / "vgg.pth")
    with pytest.raises(MaskwrightError, match="2 of 2,304 numbers"):
        read_state(tmp_path / "vgg.pth")
    shape = {"kind": "cnn", "patch_size": 4, "channels": 3, "width": 8, "depth": 1}
    save_file(
        {"weight": torch.full((3,), float("nan"))},
        tmp_path / "scorer.safetensors",
        {"maskwright_scorer": json.dumps(shape)},
    )
    with pytest.raises(MaskwrightError, match="3 of 3 numbers of weight"):
        load_scorer(tmp_path / "scorer.safetensors", MaskedAutoencoder(TINY).grid)


UNSUPPORTED = [
    ("eva_giant_patch14_224", "biases of queries and values alone, as BEiT and EVA have"),
    ("deit_tiny_distilled_patch16_224", "a distillation token"),
    ("beit_base_patch16_224", "relative positions, as BEiT has"),
]


@pytest.mark.parametrize(("name", "words"), UNSUPPORTED)
def test_parts_without_a_place_are_named_by_both(tmp_path: Path, name: str, words: str) -> None:
    with torch.random.fork_rng(devices=[]):
        state = timm.create_model(name, **SMALL).state_dict()
    torch.save(state, tmp_path / "w.pth")
    loading, inspecting = refusals(tmp_path / "w.pth", TOLD)
    assert loading == inspecting
    assert "is not supported: it has " in loading
    assert words in loading


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("visual.transformer.resblocks.0.ln_1.weight", "CLIP under OpenAI's names"),
        ("encoder.blocks.0.residual1.fn.q_proj.weight", "CAPI under the names of its own code"),
        ("layers.0.blocks.0.attn.qkv.weight", "a Swin transformer"),
        ("layer1.0.conv1.weight", "a ResNet"),
    ],
)
def test_other_architectures_are_named_by_both(tmp_path: Path, name: str, family: str) -> None:
    torch.save({name: torch.zeros(2)}, tmp_path / "w.pth")
    loading, inspecting = refusals(tmp_path / "w.pth")
    assert loading == inspecting
    assert f"not supported: it holds {family}" in loading


def test_a_missing_block_is_told_by_both(tmp_path: Path) -> None:
    torch.save({k: v for k, v in build_vit().items() if "blocks.0.norm2" not in k}, tmp_path / "w")
    loading, inspecting = refusals(tmp_path / "w", TOLD)
    assert "encoder.blocks.0.norm2.bias" in loading
    assert "encoder.blocks.0.norm2.bias" in inspecting


def test_without_positions_the_user_says_that_there_are_none(tmp_path: Path) -> None:
    """Rotary positions leave nothing in a file; to add none instead would be silently wrong."""
    state = {name: value for name, value in build_vit().items() if name != "pos_embed"}
    torch.save(state, tmp_path / "w.pth")
    for text in ("w.pth@heads=3", "w.pth@heads=3,stored_size=16"):
        with pytest.raises(MaskwrightError, match="positions=none"):
            load_encoder(tmp_path / text)
    model = load_encoder(tmp_path / "w.pth@heads=3,stored_size=16,positions=none").model
    assert model.config.positions == "none"


def test_a_missing_hint_is_described_and_the_sentence_is_that_of_loading(tmp_path: Path) -> None:
    torch.save(build_vit(), tmp_path / "w.pth")
    with pytest.raises(MaskwrightError) as caught:
        load_encoder(tmp_path / "w.pth")
    facts = inspect_file(tmp_path / "w.pth")
    assert (facts.config, facts.unread) == (None, str(caught.value))


def write_folder(folder: Path, **files: object) -> Path:
    """A folder of weights with JSON files beside them."""
    folder.mkdir()
    save_file(build_vit(), folder / "model.safetensors")
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


SCALES = [
    (
        {"preprocessor_config": {"image_mean": [0.1] * 3, "image_std": [0.2] * 3}},
        (0.1, 0.2),
        False,
    ),
    ({"config": {"pretrained_cfg": {"mean": [0.3] * 3, "std": [0.4] * 3}}}, (0.3, 0.4), False),
    ({"config": {"mean": [0.3] * 3, "std": [0.4] * 3}}, (0.3, 0.4), False),
    ({"config": {"_name_or_path": "google/vit-base-patch16-224"}}, (0.5, 0.5), False),
    ({"config": {"_name_or_path": "facebook/dino-vits16"}}, (0.485, 0.229), True),
    ({}, (0.485, 0.229), True),
]


@pytest.mark.parametrize(("files", "numbers", "assumed"), SCALES)
def test_the_scale_is_that_stated_beside_the_weights(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    files: dict[str, object],
    numbers: tuple[float, float],
    assumed: bool,
) -> None:
    folder = write_folder(tmp_path / "m", **files)
    with caplog.at_level(logging.WARNING):
        scale = load_encoder(folder, TOLD).scale
    assert (scale.mean[0], scale.std[0]) == numbers
    assert ("assumed: ImageNet's" in caplog.text) == assumed
    assert ("assumed" in inspect_file(folder, TOLD).pixels) == assumed


@pytest.mark.parametrize(
    ("name", "mean"),
    [("vit_base_patch16_224.augreg_in21k", 0.5), ("vit_base_patch16_224.mae", 0.485)],
)
def test_a_file_named_like_a_model_of_timm_has_its_scale(
    tmp_path: Path, name: str, mean: float
) -> None:
    torch.save(build_vit(), tmp_path / f"{name}.pth")
    assert load_encoder(tmp_path / f"{name}.pth", TOLD).scale.mean[0] == mean
    assert name in inspect_file(tmp_path / f"{name}.pth", TOLD).pixels


def test_siglip_is_known_by_its_pooling(tmp_path: Path) -> None:
    with torch.random.fork_rng(devices=[]):
        model = timm.create_model("vit_base_patch16_siglip_224", **SMALL)
    torch.save(model.state_dict(), tmp_path / "s.pth")
    assert load_encoder(tmp_path / "s.pth", TOLD).scale == PixelScale((0.5,) * 3, (0.5,) * 3)
    told = load_encoder(tmp_path / "s.pth@mean=0.1,std=0.2,heads=3").scale
    assert told == PixelScale((0.1,) * 3, (0.2,) * 3)


@pytest.mark.parametrize(
    "value",
    [
        np.float64(71.3),
        np.float32(0.5),
        np.int64(3),
        np.bool_(True),
        np.zeros((2, 3)),
        argparse.Namespace(lr=0.1, out=pathlib.PurePosixPath("a/b")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_plain_values_beside_the_weights_are_read(tmp_path: Path, value: object) -> None:
    torch.save({"model": build_vit(), "best": value}, tmp_path / "w.pth")
    assert load_encoder(tmp_path / "w.pth", TOLD).model.config.width == 24


def test_an_array_of_objects_cannot_bring_code_along(tmp_path: Path) -> None:
    torch.save({"model": build_vit(), "best": np.array([print], dtype=object)}, tmp_path / "w.pth")
    with pytest.raises(MaskwrightError, match=r"\['model'\]"):
        load_encoder(tmp_path / "w.pth", TOLD)


WRONG_HINTS = [
    ("heads=-3", "heads is at least 1"),
    ("heads=0", "heads is at least 1"),
    ("heads=3,channels=0", "channels is at least 1"),
    ("heads=3,channels=-1", "channels is at least 1"),
    ("heads=3,mean=0.5,std=0", "std is above 0"),
    ("heads=3,mean=nan,std=1", "mean is made of finite numbers"),
    ("heads=3,norm_eps=-1", "norm_eps is above 0"),
    ("heads=3,image_size=33", "does not divide into 4-pixel patches"),
    ("random", "Fresh weights by @random are for timm:NAME"),
]


@pytest.mark.parametrize(("hint", "message"), WRONG_HINTS)
def test_a_wrong_hint_is_refused_by_both(tmp_path: Path, hint: str, message: str) -> None:
    torch.save(build_vit(), tmp_path / "w.pth")
    for read in (load_encoder, describe):
        with pytest.raises(MaskwrightError, match=message):
            read(f"{tmp_path}/w.pth@{hint}")


@pytest.mark.parametrize(
    ("name", "shape"),
    [("pos_embed", (3,)), ("patch_embed.proj.weight", (24, 48)), ("cls_token", (24,))],
)
def test_tensors_of_another_shape_are_named(
    tmp_path: Path, name: str, shape: tuple[int, ...]
) -> None:
    torch.save(build_vit() | {name: torch.zeros(shape)}, tmp_path / "w.pth")
    loading, inspecting = refusals(tmp_path / "w.pth", TOLD)
    assert loading == inspecting
    assert f"its {name} has the shape {shape}" in loading


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"preprocessor_config": {"image_mean": 0.5, "image_std": 0.5}}, "not a list of numbers"),
        ({"config": {"pretrained_cfg": "x", "model_args": [1]}}, ""),
    ],
)
def test_odd_config_files_show_no_traceback(
    tmp_path: Path, files: dict[str, object], message: str
) -> None:
    folder = write_folder(tmp_path / "m", **files)
    if message:
        assert all(message in said for said in refusals(folder, TOLD))
    else:
        assert load_encoder(folder, TOLD).model.config.width == 24


def test_an_index_without_files_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_text("{}")
    assert all("no weight_map" in said for said in refusals(tmp_path))
