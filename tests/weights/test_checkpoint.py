"""Checkpoints come back bit for bit, and foreign files are named for what they are."""

import argparse
import dataclasses

import pytest
import torch
from safetensors.torch import save_file

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import DECODERS, POSITIONS, ModelConfig
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator
from maskwright.weights.checkpoint import load_model, save_model
from maskwright.weights.facts import inspect_file

TINY = ModelConfig(
    image_size=(8, 12),
    patch_size=4,
    width=16,
    depth=1,
    heads=2,
    decoder_width=8,
    decoder_depth=1,
    decoder_heads=2,
)
SCALE = PixelScale((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("positions", POSITIONS)
def test_a_saved_model_comes_back_bit_for_bit(tmp_path, decoder, positions):
    model = MaskedAutoencoder(
        dataclasses.replace(TINY, decoder=decoder, positions=positions, registers=2),
        torch_generator(5),
    )
    save_model(tmp_path / "m.ckpt", model, SCALE, {"ratio": "0.5->0.75", "seeds": [1, 2]})
    loaded = load_model(tmp_path / "m.ckpt")
    assert loaded.model.config == model.config
    assert loaded.scale == SCALE
    assert loaded.settings == {"ratio": "0.5->0.75", "seeds": [1, 2]}
    assert all(
        torch.equal(value, model.state_dict()[name])
        for name, value in loaded.model.state_dict().items()
    )


def test_a_training_checkpoint_with_other_keys_loads_and_tells_its_epoch(tmp_path):
    save_model(tmp_path / "m.ckpt", MaskedAutoencoder(TINY), SCALE, {})
    content = torch.load(tmp_path / "m.ckpt", weights_only=True)
    content["state_dict"]["scorer.weight"] = torch.zeros(3)
    torch.save(
        {**content, "epoch": 7, "global_step": 70, "optimizer_states": []}, tmp_path / "t.ckpt"
    )
    assert load_model(tmp_path / "t.ckpt").facts == {"epoch": 7, "global_step": 70}


def test_inspection_tells_a_checkpoint_from_an_encoder_file(tmp_path):
    model = MaskedAutoencoder(TINY)
    save_model(tmp_path / "m.ckpt", model, SCALE, {})
    save_file(
        {name: value.contiguous() for name, value in model.encoder.state_dict().items()},
        tmp_path / "e.safetensors",
    )
    facts = inspect_file(tmp_path / "m.ckpt")
    assert (facts.kind, facts.num_tensors) == ("maskwright", len(model.state_dict()))
    assert facts.num_parameters == sum(value.numel() for value in model.state_dict().values())
    assert inspect_file(tmp_path / "e.safetensors").kind == "official_encoder"


def write_yolo(path):
    torch.save(
        {
            "epoch": 3,
            "model": {"model.0.conv.weight": torch.zeros(2)},
            "optimizer": {},
            "date": "2024",
        },
        path,
    )


def write_namespace(path):
    torch.save({"model": {}, "args": argparse.Namespace(lr=1.0)}, path)


def write_truncated(path):
    save_model(path, MaskedAutoencoder(TINY), SCALE, {})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def write_wrong_shape(path):
    save_model(path, MaskedAutoencoder(TINY), SCALE, {})
    content = torch.load(path, weights_only=True)
    content["state_dict"]["model.encoder.norm.weight"] = torch.zeros(3)
    torch.save(content, path)


def write_newer(path):
    torch.save({"state_dict": {}, "maskwright": {"format": 99}}, path)


def write_half(path):
    torch.save({"state_dict": {}, "maskwright": {"format": 1, "model": TINY.to_dict()}}, path)


BROKEN = [
    (lambda path: None, "There is no file"),
    (lambda path: path.touch(), "is empty"),
    (
        lambda path: path.write_text("hello, I am a text"),
        "text file that begins 'hello, I am a text'",
    ),
    (lambda path: path.write_bytes(b"\xff\xd8\xff\xe0 picture"), "not a torch file"),
    (lambda path: torch.save(torch.zeros(3), path), "holds a Tensor"),
    (write_yolo, "not a masked autoencoder known here: a dictionary with epoch, model"),
    (write_namespace, "a dictionary with model, args"),
    (write_truncated, "truncated or damaged"),
    (write_wrong_shape, "do not fit the model it describes: encoder.norm.weight"),
    (write_newer, "format 99"),
    (write_half, "parts missing"),
]


@pytest.mark.parametrize(("write", "message"), BROKEN)
def test_a_file_that_is_no_checkpoint_is_refused_by_name_and_kind(tmp_path, write, message):
    path = tmp_path / "odd.ckpt"
    write(path)
    with pytest.raises(MaskwrightError, match=message) as caught:
        load_model(path)
    assert "odd.ckpt" in str(caught.value)


def test_a_truncated_safetensors_file_is_refused(tmp_path):
    save_file({"a": torch.zeros(100)}, tmp_path / "odd.safetensors")
    (tmp_path / "odd.safetensors").write_bytes((tmp_path / "odd.safetensors").read_bytes()[:90])
    with pytest.raises(
        MaskwrightError, match=r"odd.safetensors: it is not a whole safetensors file"
    ):
        inspect_file(tmp_path / "odd.safetensors")


def test_a_failed_write_leaves_the_earlier_checkpoint_intact(tmp_path, monkeypatch):
    path = tmp_path / "m.ckpt"
    save_model(path, MaskedAutoencoder(TINY), SCALE, {"run": 1})

    def refuse(content, target):
        target.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", refuse)
    with pytest.raises(MaskwrightError, match=r"earlier m\.ckpt is intact"):
        save_model(path, MaskedAutoencoder(TINY), SCALE, {"run": 2})
    assert load_model(path).settings == {"run": 1}
    assert [item.name for item in tmp_path.iterdir()] == ["m.ckpt"]
