"""Every foreign format is recognized and gives the numbers of the software it comes from."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json

import pytest
import torch
from safetensors.torch import save_file
from tests import small_models
from torch import nn

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.patches.mask import PatchMask
from maskwright.patches.pixels import PixelScale, patchify
from maskwright.patches.positions import sincos_positions
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator
from maskwright.weights.facts import inspect_file
from maskwright.weights.fair_mae import official_name, to_official
from maskwright.weights.hf_vitmae import save_vitmae
from maskwright.weights.hints import Hints
from maskwright.weights.opening import load_autoencoder, load_encoder

timm = pytest.importorskip("timm")
transformers = pytest.importorskip("transformers")
torchvision = pytest.importorskip("torchvision")

TINY = dataclasses.replace(small_models.TINY, decoder_depth=2)
TOLD = Hints(heads=3, decoder_heads=2)
SCALE = PixelScale((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))


def stir(module, seed=1):
    """Move every parameter, so that nothing agrees by both being zero."""
    rng = torch_generator(seed, "stir")
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=rng))
    return module.eval()


def tiny(**changes):
    return stir(MaskedAutoencoder(dataclasses.replace(TINY, **changes)))


def images(count=2, side=16, channels=3):
    return torch.randn(
        count, channels, side, side, generator=torch_generator(3), dtype=torch.float64
    )


def build_timm(**arguments):
    with torch.random.fork_rng(devices=[]):
        peer = timm.models.vision_transformer.VisionTransformer(
            **{
                "img_size": 16,
                "patch_size": 4,
                "embed_dim": 24,
                "depth": 2,
                "num_heads": 3,
                "num_classes": 0,
                **arguments,
            }
        )
    return stir(peer)


def assert_same_tokens(peer, place, hints=TOLD):
    ours = load_encoder(place, hints).model.double()
    torch.testing.assert_close(
        ours.encode(images()), peer.double().forward_features(images()), rtol=0, atol=1e-10
    )


def to_official_names(model):
    return [(official_name(name), value) for name, value in model.state_dict().items()]


def as_official(path, state):
    torch.save(
        {"model": state, "optimizer": {}, "epoch": 3, "args": argparse.Namespace(lr=1.0)}, path
    )


def test_an_official_training_checkpoint_with_its_namespace_loads(tmp_path):
    model = tiny(target="raw")
    as_official(tmp_path / "mae_visualize_vit_tiny.pth", to_official(model))
    loaded = load_autoencoder(tmp_path / "mae_visualize_vit_tiny.pth", TOLD)
    assert loaded.model.config == model.config
    assert all(
        torch.equal(value, model.state_dict()[name])
        for name, value in loaded.model.state_dict().items()
    )
    assert loaded.facts["target_from"] == "file name"
    assert "CC-BY-NC" in loaded.facts["license"]


def test_what_a_nameless_file_predicts_is_asked_for_and_believed(tmp_path):
    as_official(tmp_path / "w.pth", to_official(tiny()))
    with pytest.raises(MaskwrightError, match="add --target raw or --target normalized"):
        load_autoencoder(tmp_path / "w.pth", TOLD)
    assert (
        load_autoencoder(f"{tmp_path}/w.pth@heads=3,decoder_heads=2,target=raw").model.config.target
        == "raw"
    )
    facts = inspect_file(tmp_path / "w.pth", TOLD)
    assert facts.can_reconstruct
    assert "unknown" in facts.target


def test_an_encoder_alone_gives_tokens_and_no_reconstruction(tmp_path):
    model = tiny()
    torch.save({"model": model.encoder.state_dict()}, tmp_path / "mae_pretrain_vit_tiny.pth")
    loaded = load_encoder(tmp_path / "mae_pretrain_vit_tiny.pth", TOLD)
    assert torch.equal(loaded.model.encode(images().float()), model.encode(images().float()))
    with pytest.raises(MaskwrightError, match=r"encoder only \(30 tensors, no decoder_\*\)"):
        load_autoencoder(tmp_path / "mae_pretrain_vit_tiny.pth", TOLD)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"reg_tokens": 4, "no_embed_class": True, "init_values": 1e-5},
        {"no_embed_class": True},
        {"class_token": False, "global_pool": "avg", "fc_norm": False},
        {"qkv_bias": False},
        {"num_classes": 7},
        {"global_pool": "avg", "num_classes": 7},
        {"mlp_ratio": 2.5},
    ],
)
def test_timm_files_give_timms_tokens(tmp_path, arguments):
    peer = build_timm(**arguments)
    torch.save(peer.state_dict(), tmp_path / "timm.pth")
    assert_same_tokens(peer, tmp_path / "timm.pth")


def test_a_fine_tuned_file_says_that_classifier_and_its_norm_are_left_out(tmp_path):
    torch.save(
        {"model": build_timm(global_pool="avg", num_classes=7).state_dict()}, tmp_path / "f.pth"
    )
    facts = inspect_file(tmp_path / "f.pth", TOLD)
    assert facts.kind == "official_finetuned"
    assert "fc_norm" in facts.notes[0]
    assert facts.config is not None
    assert not facts.config.final_norm


def test_a_dino_checkpoint_gives_the_teacher(tmp_path):
    teacher, student = build_timm(), stir(build_timm(), 2)
    content = {
        who: (
            {f"module.backbone.{name}": value for name, value in net.state_dict().items()}
            | {"module.head.mlp.0.weight": torch.zeros(3)}
        )
        for who, net in (("student", student), ("teacher", teacher))
    }
    torch.save({**content, "epoch": 5}, tmp_path / "dino.pth")
    assert_same_tokens(teacher, tmp_path / "dino.pth")


@pytest.mark.parametrize("registers", [0, 4])
def test_a_dinov2_file_of_meta_keeps_its_registers_without_positions(tmp_path, registers):
    peer = build_timm(reg_tokens=registers, no_embed_class=registers > 0, init_values=1e-5)
    state = peer.state_dict()
    if registers:  # in Meta's files the class token's position is still a row of the table
        state["register_tokens"] = state.pop("reg_token")
        row = torch.randn(1, 1, 24, generator=torch_generator(5))
        state["pos_embed"] = torch.cat([row, state["pos_embed"]], dim=1)
        state["cls_token"] = state["cls_token"] - row
    torch.save(state | {"mask_token": torch.zeros(1, 24)}, tmp_path / "dinov2.pth")
    ours = load_encoder(tmp_path / "dinov2.pth", TOLD).model.double()
    torch.testing.assert_close(
        ours.encode(images()),
        peer.double().forward_features(images()),
        rtol=0,
        atol=1e-6 if registers else 1e-10,
    )
    assert "its names are those of DINOv2" in inspect_file(tmp_path / "dinov2.pth", TOLD).notes


def build_hf(target="raw"):
    config = transformers.ViTMAEConfig(
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=96,
        image_size=16,
        patch_size=4,
        decoder_hidden_size=16,
        decoder_num_hidden_layers=2,
        decoder_num_attention_heads=2,
        decoder_intermediate_size=64,
        norm_pix_loss=target == "normalized",
    )
    with torch.random.fork_rng(devices=[]):
        return stir(transformers.ViTMAEForPreTraining(config))


def predictions(peer, pixels):
    """A peer's predictions of masked patches, and the mask."""
    noise = torch.rand(len(pixels), 16, generator=torch_generator(4), dtype=torch.float64)
    theirs = peer(pixels, noise=noise)
    mask = PatchMask.from_is_masked(theirs.mask.bool())
    return theirs.logits[torch.arange(len(pixels))[:, None], mask.predicted_ids], mask


def assert_same_predictions(peer, ours):
    peer, ours = peer.double(), ours.double()
    wanted, mask = predictions(peer, images())
    torch.testing.assert_close(ours(images(), mask).values, wanted, rtol=0, atol=1e-10)


@pytest.mark.parametrize("target", ["raw", "normalized"])
def test_what_transformers_saves_today_loads_with_its_own_epsilon_and_target(tmp_path, target):
    peer = build_hf(target)
    peer.save_pretrained(tmp_path / "hf")
    loaded = load_autoencoder(tmp_path / "hf")
    assert (loaded.model.config.target, loaded.model.config.norm_eps) == (target, 1e-12)
    assert_same_predictions(peer, loaded.model)


def respell(name, spelling):
    """A name that transformers has in memory, in one of the spellings of files."""
    if spelling == "memory":
        return name
    for new, old in {
        "attention.q_proj": "attention.attention.query",
        "attention.k_proj": "attention.attention.key",
        "attention.v_proj": "attention.attention.value",
        "attention.o_proj": "attention.output.dense",
        "mlp.fc1": "intermediate.dense",
        "mlp.fc2": "output.dense",
    }.items():
        name = name.replace(new, old)
    name = name.replace("vit.layers.", "vit.encoder.layer.")
    return (
        name.replace("decoder.decoder_layers.", "decoder.decoder_encoder.layer.")
        if spelling == "5.23"
        else name
    )


@pytest.mark.parametrize("spelling", ["legacy", "memory", "5.23"])
@pytest.mark.parametrize("ending", ["safetensors", "bin"])
def test_all_three_spellings_load_from_folders_and_files(tmp_path, spelling, ending):
    peer = build_hf()
    state = {
        respell(name, spelling): value.detach().clone() for name, value in peer.named_parameters()
    }
    name = "model.safetensors" if ending == "safetensors" else "pytorch_model.bin"
    (
        save_file(state, tmp_path / name)
        if ending == "safetensors"
        else torch.save(state, tmp_path / name)
    )
    (tmp_path / "config.json").write_text(json.dumps(peer.config.to_dict()))
    for place in (tmp_path, tmp_path / name):
        assert inspect_file(place).kind == "hf_vitmae"
        assert_same_predictions(peer, load_autoencoder(place).model)
    moved = tmp_path / f"alone.{'safetensors' if ending == 'safetensors' else 'pth'}"
    (tmp_path / name).rename(moved)
    assert (
        load_autoencoder(moved, Hints(heads=3, decoder_heads=2, target="raw")).model.config.norm_eps
        == 1e-6
    )


def test_a_plain_vit_of_transformers_gives_its_tokens(tmp_path):
    config = transformers.ViTConfig(
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=96,
        image_size=16,
        patch_size=4,
    )
    with torch.random.fork_rng(devices=[]):
        peer = stir(transformers.ViTModel(config))
    peer.save_pretrained(tmp_path / "vit")
    ours = load_encoder(tmp_path / "vit").model.double()
    torch.testing.assert_close(
        ours.encode(images()), peer.double()(images()).last_hidden_state, rtol=0, atol=1e-10
    )


def test_our_folder_for_transformers_leaves_no_key_over_and_none_out(tmp_path):
    model = tiny()
    save_vitmae(tmp_path / "hf", model, SCALE)
    peer, report = transformers.ViTMAEForPreTraining.from_pretrained(
        tmp_path / "hf", output_loading_info=True
    )
    assert (list(report["missing_keys"]), list(report["unexpected_keys"])) == ([], [])
    assert_same_predictions(peer.eval(), model)
    again = load_autoencoder(tmp_path / "hf")
    assert again.model.config == model.config
    assert again.scale == SCALE
    encoder, report = transformers.ViTModel.from_pretrained(
        tmp_path / "hf", add_pooling_layer=False, output_loading_info=True
    )
    assert list(report["missing_keys"]) == []
    assert all(name.startswith("decoder.") for name in report["unexpected_keys"])
    torch.testing.assert_close(
        encoder.eval().double()(images()).last_hidden_state,
        model.double().encode(images()),
        rtol=0,
        atol=1e-10,
    )


class Icarus(nn.Module):
    """IcarusWizard's model, written from its description: sequence-first tables, timm blocks, no
    map between halves, no decoder norm.
    """

    def __init__(self, width=128, side=16, patch=4):
        super().__init__()
        block = functools.partial(
            timm.models.vision_transformer.Block, norm_layer=nn.LayerNorm
        )  # the default of timm then: epsilon 1e-5
        self.patch, count = patch, (side // patch) ** 2
        self.encoder, self.decoder = nn.Module(), nn.Module()
        self.encoder.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.encoder.pos_embedding = nn.Parameter(torch.zeros(count, 1, width))
        self.encoder.patchify = nn.Conv2d(3, width, patch, patch)
        self.encoder.transformer = nn.Sequential(*[block(width, 2) for _ in range(2)])
        self.encoder.layer_norm = nn.LayerNorm(width)
        self.decoder.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.decoder.pos_embedding = nn.Parameter(torch.zeros(count + 1, 1, width))
        self.decoder.transformer = nn.Sequential(*[block(width, 2) for _ in range(1)])
        self.decoder.head = nn.Linear(width, 3 * patch**2)

    def forward(self, pixels, mask):
        """Predicted images (B, 3, H, W)."""
        tokens = self.encoder.patchify(pixels).flatten(2).transpose(
            1, 2
        ) + self.encoder.pos_embedding.transpose(0, 1)
        rows = torch.arange(len(pixels))[:, None]
        first = self.encoder.cls_token.expand(len(pixels), -1, -1)
        latent = self.encoder.layer_norm(
            self.encoder.transformer(torch.cat([first, tokens[rows, mask.visible_ids]], 1))
        )
        whole = self.decoder.mask_token.expand(len(pixels), mask.num_patches + 1, -1).clone()
        whole[:, 0] = latent[:, 0]
        whole[rows, mask.visible_ids + 1] = latent[:, 1:]
        values = self.decoder.head(
            self.decoder.transformer(whole + self.decoder.pos_embedding.transpose(0, 1))[:, 1:]
        )
        side = pixels.shape[-1] // self.patch
        cut = values.view(len(pixels), side, side, 3, self.patch, self.patch)
        return cut.permute(0, 3, 1, 4, 2, 5).reshape(pixels.shape)


def test_icarus_weights_give_icarus_pictures(tmp_path):
    with torch.random.fork_rng(devices=[]):
        peer = stir(Icarus())
    torch.save(peer.state_dict(), tmp_path / "icarus.pt")
    ours = load_autoencoder(tmp_path / "icarus.pt")
    assert (ours.model.config.target, ours.scale.mean) == ("raw", (0.5, 0.5, 0.5))
    mask = PatchMask.from_is_masked(torch.rand(2, 16, generator=torch_generator(6)).argsort(1) < 12)
    wanted = patchify(peer.double()(images(), mask), 4)[
        torch.arange(2)[:, None], mask.predicted_ids
    ]
    torch.testing.assert_close(
        ours.model.double()(images(), mask).values, wanted, rtol=0, atol=1e-10
    )


def test_a_whole_pickled_model_is_refused_with_the_line_that_converts_it(tmp_path):
    torch.save(Icarus(), tmp_path / "whole.pt")
    with pytest.raises(
        MaskwrightError, match=r"Icarus object inside.*state_dict\(\), 'weights.pth'"
    ):
        load_encoder(tmp_path / "whole.pt")


def test_lightlys_layout_loads_both_halves(tmp_path):
    model = tiny(target="raw")
    state = {f"backbone.vit.{name}": value for name, value in model.encoder.state_dict().items()}
    halves = {
        name: value for name, value in to_official(model).items() if name.startswith("decoder_")
    }
    state |= {f"decoder.{name}": value for name, value in halves.items()}
    state |= {
        "decoder.mask_token": model.decoder.mask_token.detach(),
        "backbone.mask_token": torch.zeros(1, 1, 24),
    }
    torch.save({"state_dict": state}, tmp_path / "lightly.ckpt")
    assert inspect_file(tmp_path / "lightly.ckpt").kind == "lightly"
    loaded = load_autoencoder(
        tmp_path / "lightly.ckpt", Hints(heads=3, decoder_heads=2, target="raw")
    ).model
    assert all(
        torch.equal(value, model.state_dict()[name]) for name, value in loaded.state_dict().items()
    )


def under(stem, module):
    """The weights of a module with lightly's names of a wrapped transformer."""
    state = {f"{stem}.vit.{name}": value for name, value in module.state_dict().items()}
    return state | {f"{stem}.mask_token": torch.zeros(1, 1, 24)}


def test_lightlys_pixio_has_its_class_tokens_as_registers_and_both_halves(tmp_path):
    model = tiny(target="normalized", registers=3)
    decoder = {
        name: value for name, value in to_official_names(model) if name.startswith("decoder_")
    }
    state = under("backbone", model.encoder)
    state |= {f"decoder.{name}": value for name, value in decoder.items()}
    state |= {"decoder.mask_token": model.decoder.mask_token.detach()}
    torch.save({"state_dict": state}, tmp_path / "pixio.ckpt")
    told = Hints(heads=3, decoder_heads=2, target="normalized")
    loaded = load_autoencoder(tmp_path / "pixio.ckpt", told).model
    assert loaded.config == model.config
    assert torch.equal(loaded.encode(images().float()), model.encode(images().float()))


def test_lightlys_capi_gives_its_teacher(tmp_path):
    student, teacher = build_timm(reg_tokens=3), stir(build_timm(reg_tokens=3), seed=9)
    state = under("student_backbone", student) | under("teacher_backbone", teacher)
    # clusters and the predictor are no part of an encoder
    state |= {
        "student_head.layer.weight": torch.zeros(5, 24),
        "predictor.mask_token": torch.ones(1),
    }
    torch.save({"state_dict": state}, tmp_path / "capi.ckpt")
    assert inspect_file(tmp_path / "capi.ckpt", TOLD).kind == "lightly"
    assert_same_tokens(teacher, tmp_path / "capi.ckpt")


def test_positions_are_resized_in_two_dimensions_in_both_halves(tmp_path):
    as_official(
        tmp_path / "mae_visualize_x.pth",
        to_official(MaskedAutoencoder(dataclasses.replace(TINY, image_size=(32, 32)))),
    )
    told = dataclasses.replace(TOLD, target="raw")
    loaded = load_autoencoder(f"{tmp_path}/mae_visualize_x.pth@image_size=32x64", told).model
    assert (loaded.grid.rows, loaded.grid.cols) == (8, 16)
    table = loaded.decoder.pos_embed[0, 1:].view(8, 16, 16)
    fixed = sincos_positions(
        MaskedAutoencoder(dataclasses.replace(TINY, image_size=(32, 32))).grid, 16
    )[0].view(8, 8, 16)
    assert torch.allclose(
        table[:, ::2, 8:], fixed[:, :, 8:], atol=0.15
    )  # the half that tells the row does not move with the width
    assert torch.allclose(table[:, 4:12:2, :8], fixed[:, 2:6, :8], atol=0.3)


@pytest.mark.parametrize("channels", [1, 4])
def test_other_channel_counts_are_summed_or_repeated_as_in_timm(tmp_path, channels):
    peer = build_timm()
    torch.save(peer.state_dict(), tmp_path / "t.pth")
    ours = load_encoder(f"{tmp_path}/t.pth@heads=3,channels={channels}").model
    wanted = timm.models._manipulate.adapt_input_conv(
        channels, peer.patch_embed.proj.weight.detach().clone()
    )
    torch.testing.assert_close(ours.encoder.patch_embed.proj.weight.detach(), wanted)


MISTAKES = [
    ("w.pth@head=3", r"Unknown hint in .* Did you mean 'heads'"),
    ("w.pth@heads=many", "'many' is no value for heads; write for example heads=3"),
    ("w.pth@target=pixels", "target is raw or normalized; got 'pixels'"),
    ("w.pth", "how many heads a width of 24 has; add @heads"),
    ("w.pth@random", "Fresh weights by @random are for timm:NAME"),
    ("odd.pth", "not a masked autoencoder known here: a dictionary with layer.weight"),
    ("swiglu.pth", "is not supported: it has queries and keys"),
    ("empty", "neither a run .* nor a model"),
    ("oblong.pth@heads=3", "12 patches are not a square; add @stored_size"),
    ("hyper.pth@heads=3", "5 channels and does not tell how their pixels are scaled"),
    ("timm:resnet18", "no plain vision transformer"),
    ("timm:vit_tinny_patch16_224@random", "Did you mean 'vit_tiny_patch16_224'"),
    ("official:mae_pretrain_vit_bas", "Did you mean 'mae_pretrain_vit_base'"),
]


@pytest.mark.parametrize(("place", "message"), MISTAKES)
def test_a_mistake_is_one_sentence(tmp_path, place, message):
    torch.save(build_timm().state_dict(), tmp_path / "w.pth")
    torch.save({"layer.weight": torch.zeros(2)}, tmp_path / "odd.pth")
    torch.save(
        build_timm().state_dict() | {"blocks.0.attn.q_norm.weight": torch.zeros(8)},
        tmp_path / "swiglu.pth",
    )
    torch.save(build_timm(img_size=(12, 16)).state_dict(), tmp_path / "oblong.pth")
    torch.save(build_timm(in_chans=5).state_dict(), tmp_path / "hyper.pth")
    (tmp_path / "empty").mkdir()
    where = place if place.startswith(("timm:", "official:")) else f"{tmp_path}/{place}"
    hints = Hints(heads=3) if place in ("swiglu.pth", "w.pth@random") else None
    with pytest.raises(MaskwrightError, match=message):
        load_encoder(where, hints)


def test_dinov2_of_transformers_keeps_its_registers(tmp_path):
    config = transformers.Dinov2WithRegistersConfig(
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=3,
        image_size=16,
        patch_size=4,
        num_register_tokens=3,
        mlp_ratio=4,
    )
    peer = stir(transformers.Dinov2WithRegistersModel(config))
    peer.save_pretrained(tmp_path / "dino")
    ours = load_encoder(tmp_path / "dino").model.double()
    assert (ours.config.registers, inspect_file(tmp_path / "dino").config) == (3, ours.config)
    torch.testing.assert_close(
        ours.encode(images()), peer.double()(images()).last_hidden_state, rtol=0, atol=1e-9
    )


def test_a_distilled_deit_of_transformers_gives_its_tokens(tmp_path):
    config = transformers.DeiTConfig(
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=96,
        image_size=16,
        patch_size=4,
    )
    peer = stir(transformers.DeiTModel(config, add_pooling_layer=False))
    peer.save_pretrained(tmp_path / "deit")
    ours = load_encoder(tmp_path / "deit").model.double()
    torch.testing.assert_close(
        ours.encode(images()), peer.double()(images()).last_hidden_state, rtol=0, atol=1e-9
    )


def build_torchvision(width=24, heads=3):
    with torch.random.fork_rng(devices=[]):
        peer = torchvision.models.VisionTransformer(
            image_size=16,
            patch_size=4,
            num_layers=2,
            num_heads=heads,
            hidden_dim=width,
            mlp_dim=4 * width,
        )
    return stir(peer)


def torchvision_tokens(peer, tokens):
    return peer.encoder(torch.cat([peer.class_token.expand(len(tokens), -1, -1), tokens], dim=1))


def test_a_transformer_of_torchvision_gives_its_tokens(tmp_path):
    peer = build_torchvision()
    torch.save(peer.state_dict(), tmp_path / "vit.pth")
    assert inspect_file(f"{tmp_path}/vit.pth", TOLD).kind == "torchvision"
    ours = load_encoder(tmp_path / "vit.pth", TOLD).model.double()
    wanted = torchvision_tokens(peer.double(), peer._process_input(images()))
    torch.testing.assert_close(ours.encode(images()), wanted, rtol=0, atol=1e-9)


def test_lightlys_older_layout_predicts_as_lightly_did(tmp_path):
    """Backbone and decoder of torchvision's parts, the mask token beside them, learned
    positions.
    """
    peer, half = build_torchvision(), build_torchvision(16, 2)
    into, out, token = (
        stir(nn.Linear(24, 16)),
        stir(nn.Linear(16, 48)),
        torch.randn(1, 1, 16, generator=torch_generator(5)),
    )
    state = {f"backbone.{name}": value for name, value in peer.state_dict().items()} | {
        "mask_token": token
    }
    state |= {f"decoder.{name}": value for name, value in half.encoder.state_dict().items()}
    state |= {f"decoder.decoder_embed.{name}": value for name, value in into.state_dict().items()}
    state |= {f"decoder.prediction_head.{name}": value for name, value in out.state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "old.ckpt")
    assert inspect_file(f"{tmp_path}/old.ckpt", TOLD).kind == "lightly"
    ours = load_autoencoder(
        tmp_path / "old.ckpt", dataclasses.replace(TOLD, target="raw")
    ).model.double()
    mask = PatchMask.from_is_masked(torch.arange(16).remainder(3)[None].expand(2, -1) > 0)
    kept = torch.cat([torch.zeros(2, 1, dtype=torch.long), mask.visible_ids + 1], dim=1)[:, :, None]
    peer, half, into, out, token = (part.double() for part in (peer, half, into, out, token))
    tokens = (
        torch.cat([peer.class_token.expand(2, -1, -1), peer._process_input(images())], dim=1)
        + peer.encoder.pos_embedding
    )
    seen = into(peer.encoder.ln(peer.encoder.layers(tokens.gather(1, kept.expand(-1, -1, 24)))))
    whole = token.expand(2, 17, -1).scatter(1, kept.expand(-1, -1, 16), seen)
    wanted = out(half.encoder(whole))[:, 1:].gather(
        1, mask.masked_ids[:, :, None].expand(-1, -1, 48)
    )
    torch.testing.assert_close(ours(images(), mask).values, wanted, rtol=0, atol=1e-9)


def test_gated_layers_are_refused_by_name(tmp_path):
    config = transformers.Dinov2Config(
        hidden_size=24,
        num_hidden_layers=1,
        num_attention_heads=3,
        image_size=16,
        patch_size=4,
        use_swiglu_ffn=True,
    )
    transformers.Dinov2Model(config).save_pretrained(tmp_path / "giant")
    with pytest.raises(MaskwrightError, match="gated"):
        load_encoder(tmp_path / "giant")


def test_a_pointer_of_git_lfs_says_what_to_do(tmp_path):
    (tmp_path / "w.pth").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 12345\n"
    )
    with pytest.raises(MaskwrightError, match="git lfs pull"):
        load_encoder(tmp_path / "w.pth")
