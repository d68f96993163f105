"""Exports are read back by the software they are for, and a file that gives other numbers is
refused.
"""

from __future__ import annotations

import dataclasses
import sys

import pytest
import torch
import yaml
from safetensors.torch import load_file
from tests.small_models import TINY_OBLONG as TINY

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.image_encoder import ImageEncoder
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator
from maskwright.weights import export_formats
from maskwright.weights.checkpoint import LoadedEncoder
from maskwright.weights.exporting import export_model
from maskwright.weights.facts import inspect_file
from maskwright.weights.onnx_file import run_onnx
from maskwright.weights.opening import load_autoencoder, load_encoder
from maskwright.workflows.export import _usage

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


ENCODERS = [
    ({}, "ViTModel"),
    ({"decoder": "cross"}, "ViTModel"),
    ({"positions": "none"}, "ViTModel"),
    ({"positions": "learned", "layer_scale": 0.3}, "ViTModel"),
    ({"activation": "quick_gelu", "channels": 1}, "ViTModel"),
    ({"class_token": False}, "IJepaModel"),
    ({"class_tokens": 3, "positions": "learned", "image_size": (16, 16)}, "PixioModel"),
    ({"registers": 2, "image_size": (16, 16)}, "PixioModel"),
]


@pytest.mark.parametrize(("changes", "name"), ENCODERS)
def test_auto_model_opens_an_encoder_that_draws_nothing_at_random(tmp_path, changes, name):
    transformers = pytest.importorskip("transformers")
    model = loaded(**changes)
    check = export_model(model, "hf", tmp_path / "hf")
    assert check.difference < 1e-5
    assert "transformers" in check.reader
    peer = transformers.AutoModel.from_pretrained(tmp_path / "hf").eval()
    assert type(peer).__name__ == name
    images = export_formats.noise_images(model.model)
    first, again = peer(images), peer(images)
    assert torch.equal(first.last_hidden_state, again.last_hidden_state)
    if name == "ViTModel":
        assert torch.equal(first.pooler_output, first.last_hidden_state[:, 0])
    ours = load_encoder(tmp_path / "hf")
    assert ours.scale == SCALE if model.model.config.channels == 3 else True
    torch.testing.assert_close(
        ours.model.encode(images), model.model.encode(images), rtol=0, atol=1e-5
    )


def test_a_square_model_with_a_full_decoder_has_both_halves_below(tmp_path):
    pytest.importorskip("transformers")
    model = loaded(image_size=(16, 16))
    check = export_model(model, "hf", tmp_path / "hf")
    assert check.difference < 1e-5
    assert check.compared == "tokens and predictions"
    # what asks for both halves finds them
    assert load_autoencoder(tmp_path / "hf").model.config == model.model.config


@pytest.mark.parametrize(
    ("changes", "facts", "why"),
    [
        ({"decoder": "cross", "image_size": (16, 16)}, {}, "has a cross decoder"),
        ({}, {}, "square grids only"),
        ({"image_size": (16, 16)}, {"target_from": "unknown"}, "raw or normalized"),
    ],
)
def test_the_card_says_why_there_is_no_decoder(tmp_path, changes, facts, why):
    pytest.importorskip("transformers")
    model = dataclasses.replace(loaded(**changes), facts=facts)
    export_model(model, "hf", tmp_path / "hf")
    assert not (tmp_path / "hf" / "vitmae").exists()
    assert why in (tmp_path / "hf" / "README.md").read_text()


def test_the_model_card_has_front_matter_with_the_license(tmp_path):
    pytest.importorskip("transformers")
    named = "FAIR Noncommercial Research License, if these are Meta's weights: no commercial use"
    model = dataclasses.replace(
        loaded(class_tokens=4, image_size=(16, 16)), facts={"license": named}
    )
    export_model(model, "hf", tmp_path / "hf")
    text = (tmp_path / "hf" / "README.md").read_text()
    _, front, body = text.split("---\n", 2)
    fields = yaml.safe_load(front)
    assert fields["library_name"] == "transformers"
    assert (fields["license"], fields["license_name"]) == (
        "other",
        "fair-noncommercial-research-license",
    )
    assert named in body
    assert "masks random, ratio 0.75" in body


@pytest.mark.parametrize("name", ["timm", "safetensors"])
def test_the_license_travels_with_an_export(tmp_path, name):
    model = dataclasses.replace(loaded(class_tokens=3), facts={"license": "some terms"})
    place = tmp_path / ("m.safetensors" if name == "safetensors" else "t")
    assert export_model(model, name, place).difference < 1e-5
    again = load_encoder(place)
    assert again.facts["license"] == "some terms"
    assert again.model.config.class_tokens == 3
    assert again.model.config.registers == 0
    assert inspect_file(place).license == "some terms"


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
            {"positions": "rotary", "heads": 2},
            "transformers' ViTModel cannot hold this encoder: it has rotary positions",
        ),
        (
            "hf",
            MaskedAutoencoder,
            {"first_norm": True, "final_norm": False},
            "it has a norm before the first block and lacks a norm at its end",
        ),
        ("timm", ImageEncoder, {"first_norm": True}, "a norm before the first block"),
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


def test_the_lines_for_transformers_open_the_model_that_does_not_mask(tmp_path):
    model = dataclasses.replace(TINY, image_size=(16, 16))
    from_run = LoadedEncoder(MaskedAutoencoder(model).eval(), SCALE, {}, {})
    lines = "\n".join(_usage("hf", tmp_path, from_run))
    assert "AutoModel.from_pretrained" in lines
    assert "ViTMAEForPreTraining" in lines
    assert "hides patches at random at every call" in lines


def test_the_value_range_of_deep_files_is_in_the_card(tmp_path):
    pytest.importorskip("transformers")
    deep = dataclasses.replace(loaded(), settings={"value_range": "0,4095"})
    export_model(deep, "hf", tmp_path / "hf")
    said = "read under the value range 0,4095 (black, white)"
    assert said in (tmp_path / "hf" / "README.md").read_text()
    export_model(loaded(), "hf", tmp_path / "plain")
    assert "value range" not in (tmp_path / "plain" / "README.md").read_text()
