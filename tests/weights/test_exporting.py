"""Exports are read back by the software they are for, and a file that gives other numbers is
refused.
"""

from __future__ import annotations

import dataclasses
import sys

import pytest
import torch
from safetensors.torch import load_file

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.models.image_encoder import ImageEncoder
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator
from maskwright.weights import export_formats
from maskwright.weights.checkpoint import LoadedEncoder
from maskwright.weights.exporting import export_model
from maskwright.weights.onnx_file import run_onnx
from maskwright.weights.opening import load_autoencoder, load_encoder
from maskwright.workflows.export import _usage

TINY = ModelConfig(
    image_size=(16, 24),
    patch_size=4,
    width=24,
    depth=2,
    heads=3,
    decoder_width=16,
    decoder_depth=1,
    decoder_heads=2,
)
SCALE = PixelScale((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
SETTINGS = {"policy": "random", "ratio": "0.75"}


def loaded(kind=MaskedAutoencoder, **changes):
    return LoadedEncoder(kind(dataclasses.replace(TINY, **changes)).eval(), SCALE, SETTINGS, {})


def same(one, other):
    return all(
        torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items()
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"registers": 2, "layer_scale": 0.1},
        {"class_token": False},
        {"positions": "learned", "channels": 3},
        {"final_norm": False},
    ],
)
def test_a_folder_for_timm_holds_any_size_and_comes_back_to_us(tmp_path, changes):
    pytest.importorskip("timm")
    before = torch.get_rng_state()
    model = loaded(**changes)
    assert export_model(model, "timm", tmp_path / "t").difference < 1e-5
    assert torch.equal(torch.get_rng_state(), before)
    again = load_encoder(tmp_path / "t")
    assert again.scale == SCALE
    assert same(again.model, ImageEncoder(model.model.config)) or same(
        again.model.encoder, model.model.encoder
    )


def test_a_standard_size_loads_strictly_by_checkpoint_path(tmp_path):
    timm = pytest.importorskip("timm")
    model = loaded(image_size=(32, 32), patch_size=16, width=192, depth=12)
    export_model(model, "timm", tmp_path / "t")
    path = tmp_path / "t" / "model.safetensors"
    peer = timm.create_model(
        "vit_tiny_patch16_224", img_size=32, num_classes=0, checkpoint_path=str(path)
    )
    assert set(peer.state_dict()) == set(load_file(path))
    assert same(peer, model.model.encoder)


def test_the_official_file_comes_back_bit_for_bit_with_its_target_and_oblong_grid(tmp_path):
    model = loaded(target="raw")
    check = export_model(model, "official", tmp_path / "m.pth")
    assert check.difference == 0
    again = load_autoencoder(tmp_path / "m.pth")
    assert again.model.config == model.model.config
    assert again.scale == SCALE
    assert set(torch.load(tmp_path / "m.pth", weights_only=True)["model"]) >= {
        "mask_token",
        "decoder_pred.weight",
        "cls_token",
    }


@pytest.mark.parametrize("kind", [MaskedAutoencoder, ImageEncoder])
@pytest.mark.parametrize("positions", ["rotary", "relative", "none"])
def test_safetensors_hold_everything_we_have(tmp_path, kind, positions):
    model = loaded(kind, positions=positions, heads=2, registers=1)
    assert export_model(model, "safetensors", tmp_path / "m.safetensors").difference == 0
    again = load_encoder(tmp_path / "m.safetensors")
    assert type(again.model) is kind
    assert (again.model.config, again.scale, again.settings) == (
        model.model.config,
        SCALE,
        SETTINGS,
    )


def test_transformers_reads_predictions_back(tmp_path):
    pytest.importorskip("transformers")
    check = export_model(loaded(image_size=(16, 16)), "hf", tmp_path / "hf")
    assert check.difference < 1e-5
    assert "transformers" in check.reader


def test_without_transformers_our_own_reader_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert (
        "transformers is not installed"
        in export_model(loaded(image_size=(16, 16)), "hf", tmp_path / "hf").reader
    )


@pytest.mark.parametrize(
    "changes", [{}, {"positions": "rotary", "heads": 2}, {"image_size": (60, 60)}]
)
def test_onnx_takes_any_batch_and_holds_plain_operations(tmp_path, changes):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    model = loaded(**changes)
    assert export_model(model, "onnx", tmp_path / "m.onnx").difference < 1e-4
    for count in (1, 5):
        images = torch.randn(
            count, 3, *model.model.config.image_size, generator=torch_generator(count)
        )
        torch.testing.assert_close(
            run_onnx(tmp_path / "m.onnx", images), model.model.encode(images), rtol=0, atol=1e-4
        )
    graph = onnx.load(tmp_path / "m.onnx")
    assert {node.domain for node in graph.graph.node} == {""}
    assert "ExplicitSelfAttention" not in str(graph.graph)
    assert {item.key: item.value for item in graph.metadata_props}["num_prefix"] == "1"


def test_a_file_that_gives_other_numbers_is_refused(tmp_path, monkeypatch):
    def write_wrong(out, model):
        with torch.no_grad():
            model.model.encoder.norm.bias.add_(1.0)
        export_formats.save_tensors(
            out, model.model, export_formats.describe_model(model.model, SCALE, {})
        )
        with torch.no_grad():
            model.model.encoder.norm.bias.sub_(1.0)

    spoiled = dataclasses.replace(export_formats.FORMATS["safetensors"], write=write_wrong)
    monkeypatch.setitem(export_formats.FORMATS, "safetensors", spoiled)
    with pytest.raises(
        MaskwrightError,
        match=r"does not give the model's numbers back .* differ by at most .*; do not use it",
    ):
        export_model(loaded(), "safetensors", tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    ("name", "kind", "changes", "message"),
    [
        (
            "hf",
            MaskedAutoencoder,
            {"registers": 1},
            "ViTMAE cannot hold this model: it has register tokens",
        ),
        (
            "hf",
            MaskedAutoencoder,
            {"image_size": (16, 24)},
            "ViTMAE holds square grids only; this one has 4x6 patches",
        ),
        (
            "official",
            MaskedAutoencoder,
            {"decoder": "cross"},
            "has a cross decoder. Export it as safetensors",
        ),
        ("official", ImageEncoder, {}, "holds both halves and this is an encoder only"),
        ("timm", MaskedAutoencoder, {"positions": "rotary", "heads": 2}, "no rotary positions"),
    ],
)
def test_what_a_format_cannot_hold_is_said_before_anything_is_written(
    tmp_path, name, kind, changes, message
):
    with pytest.raises(MaskwrightError, match=message):
        export_model(loaded(kind, **changes), name, tmp_path / "out.pth")
    assert not list(tmp_path.iterdir())


def test_the_lines_for_transformers_warn_of_the_model_that_masks(tmp_path):
    from_run = LoadedEncoder(MaskedAutoencoder(TINY).eval(), SCALE, {}, {})
    lines = "\n".join(_usage("hf", tmp_path, from_run))
    assert "ViTModel.from_pretrained" in lines
    assert "not AutoModel: that is ViTMAEModel, which hides patches at random" in lines
