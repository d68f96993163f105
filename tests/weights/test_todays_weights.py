"""Encoders of 2023 to 2025 give the numbers of transformers and timm: Pixio, DINOv3, I-JEPA, CLIP
and SigLIP, in float64.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.small_models import TINY
from torch import Tensor, nn

from maskwright.models.positional import Rotary, rotary_angles
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator
from maskwright.weights.facts import inspect_file
from maskwright.weights.hints import HintMissing, Hints
from maskwright.weights.opening import load_autoencoder, load_encoder

timm = pytest.importorskip("timm")
transformers = pytest.importorskip("transformers")

# Largest difference of tokens in float64. Where positions are rotary, both sides are given the same
# tables: as they ship, both round them to float32.
EXACT = 1e-12
SIZES = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "image_size": 16,
    "patch_size": 4,
}
WIDE = SIZES | {"intermediate_size": 96}
TURNING = WIDE | {"num_attention_heads": 2, "num_register_tokens": 3}


def stir(module: nn.Module) -> Any:
    """Move every parameter, so that nothing agrees by both being zero."""
    rng = torch_generator(1, "stir")
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=rng))
    return module.eval()


def pictures(side: int = 16) -> Tensor:
    return torch.randn(2, 3, side, side, generator=torch_generator(3), dtype=torch.float64)


def build(name: str, sizes: dict[str, Any]) -> Any:
    config = getattr(transformers, f"{name}Config")(**sizes)
    with torch.random.fork_rng(devices=[]):
        return stir(getattr(transformers, f"{name}Model")(config))


def build_timm(name: str, **changes: Any) -> Any:
    sizes = {"embed_dim": 24, "depth": 2, "num_heads": 3, "img_size": 32, "num_classes": 0}
    with torch.random.fork_rng(devices=[]):
        return stir(timm.create_model(name, pretrained=False, **sizes | changes))


def tokens_of(place: Path | str, hints: Hints | None = None, side: int = 16) -> Tensor:
    """Our tokens in float64, with rotary tables in float64."""
    model = load_encoder(place, hints).model.double()
    rotary = model.encoder.relation
    if isinstance(rotary, Rotary):
        config = model.config
        by_image = config.positions == "rotary_image"
        angles = rotary_angles(model.grid, config.width // config.heads, by_image)
        doubled = torch.cat([angles, angles], dim=1)
        rotary.cosine, rotary.sine = doubled.cos(), doubled.sin()
    return model.encode(pictures(side))


def assert_same(ours: Tensor, theirs: Tensor, within: float = EXACT) -> None:
    torch.testing.assert_close(ours, theirs, rtol=0, atol=within)


def turn_exactly(peer: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A DINOv3 of transformers in float64, frequencies and coordinates included."""
    code = sys.modules[type(peer).__module__]
    coordinates = code.get_patches_center_coordinates

    def in_float64(rows: int, cols: int, dtype: torch.dtype, device: torch.device) -> Tensor:
        return coordinates(rows, cols, dtype=torch.float64, device=device)

    monkeypatch.setattr(code, "get_patches_center_coordinates", in_float64)
    quarter = peer.config.hidden_size // peer.config.num_attention_heads // 4
    peer = peer.double()
    steps = torch.arange(quarter, dtype=torch.float64) / quarter
    peer.rope_embeddings.inv_freq = 100.0**-steps
    return peer


HF = [
    ("Pixio", SIZES | {"n_cls_tokens": 4}, "pixio"),
    ("IJepa", WIDE, "ijepa"),
    ("IJepa", WIDE | {"layer_norm_eps": 1e-6, "qkv_bias": False}, "ijepa"),
    ("DINOv3ViT", TURNING, "dinov3"),
    ("DINOv3ViT", TURNING | {"num_register_tokens": 0}, "dinov3"),
    ("SiglipVision", WIDE, "siglip"),
    ("SiglipVision", WIDE | {"vision_use_head": False}, "siglip"),
]


@pytest.mark.parametrize(("name", "sizes", "kind"), HF)
def test_folders_of_transformers_give_its_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, sizes: dict[str, Any], kind: str
) -> None:
    peer = build(name, sizes)
    peer.save_pretrained(tmp_path / "m")
    ours = tokens_of(tmp_path / "m")
    peer = turn_exactly(peer, monkeypatch) if kind == "dinov3" else peer.double()
    assert_same(ours, peer(pictures()).last_hidden_state)
    facts = inspect_file(tmp_path / "m")
    assert facts.kind == kind
    assert facts.config == load_encoder(tmp_path / "m").model.config


@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"])
@pytest.mark.parametrize("kind", ["Vision", "VisionWithProjection"])
def test_clip_gives_the_tokens_of_transformers_behind_the_last_norm(
    tmp_path: Path, activation: str, kind: str
) -> None:
    config = transformers.CLIPVisionConfig(**WIDE, hidden_act=activation)
    name = "CLIPVisionModel" + kind.removeprefix("Vision")
    with torch.random.fork_rng(devices=[]):
        peer = stir(getattr(transformers, name)(config))
    peer.save_pretrained(tmp_path / "m")
    ours = tokens_of(tmp_path / "m")
    tower = getattr(peer, "vision_model", peer).double()
    theirs = tower(pictures())
    assert_same(ours, tower.post_layernorm(theirs.last_hidden_state))
    # transformers puts that norm on the class token alone
    assert_same(ours[:, 0], theirs.pooler_output)
    assert inspect_file(tmp_path / "m").config.activation == activation


def test_a_whole_clip_gives_its_vision_tower(tmp_path: Path) -> None:
    config = transformers.CLIPConfig(
        vision_config=dict(WIDE),
        text_config={
            "hidden_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 16,
            "vocab_size": 9,
        },
        projection_dim=8,
    )
    with torch.random.fork_rng(devices=[]):
        peer = stir(transformers.CLIPModel(config))
    peer.save_pretrained(tmp_path / "m")
    ours = tokens_of(tmp_path / "m")
    tower = peer.vision_model.double()
    assert_same(ours, tower.post_layernorm(tower(pictures()).last_hidden_state))


TIMM = [
    ("vit_small_patch16_dinov3", {"num_heads": 2}, 2),
    ("vit_small_patch16_dinov3_qkvb", {"num_heads": 2}, 2),
    ("vit_base_patch16_clip_224", {}, 3),
    ("vit_base_patch16_clip_quickgelu_224", {}, 3),
    ("vit_base_patch16_siglip_224", {}, 3),
    ("vit_so400m_patch16_siglip_256", {"mlp_ratio": 2.5}, 3),
]


@pytest.mark.parametrize(("name", "changes", "heads"), TIMM)
def test_files_of_timm_give_its_tokens(
    tmp_path: Path, name: str, changes: dict[str, Any], heads: int
) -> None:
    peer = build_timm(name, **changes)
    # the name of the file shows the activation, which weights do not
    torch.save(peer.state_dict(), tmp_path / f"{name}.pth")
    ours = tokens_of(tmp_path / f"{name}.pth", Hints(heads=heads, stored_size=(32, 32)), side=32)
    peer = peer.double()
    if peer_rope := getattr(peer, "rope", None):
        peer_rope.periods = 100.0 ** (torch.arange(3, dtype=torch.float64) / 3)
        peer_rope.pos_embed_cached = None
        peer_rope.feat_shape = None
    assert_same(ours, peer.forward_features(pictures(32)))


def test_as_they_ship_rotary_tables_agree_to_float32(tmp_path: Path) -> None:
    peer = build("DINOv3ViT", TURNING)
    peer.save_pretrained(tmp_path / "m")
    model = load_encoder(tmp_path / "m").model
    assert_same(model.encode(pictures().float()), peer(pictures().float()).last_hidden_state, 1e-5)


def meta_names(state: dict[str, Tensor], width: int) -> dict[str, Tensor]:
    """timm's names of a DINOv3 as those of Meta's own files."""
    renamed: dict[str, Tensor] = {}
    for name, value in state.items():
        _, _, leaf = name.rpartition(".")
        if leaf in ("q_bias", "v_bias"):
            continue
        name = name.replace("reg_token", "storage_tokens")
        renamed[name.replace("gamma_1", "ls1.gamma").replace("gamma_2", "ls2.gamma")] = value
    for index in range(2):
        stem = f"blocks.{index}.attn"
        # what stands in the middle third is masked when it is used
        middle = torch.full((width,), 7.0)
        parts = [state[f"{stem}.q_bias"], middle, state[f"{stem}.v_bias"]]
        renamed[f"{stem}.qkv.bias"] = torch.cat(parts)
        renamed[f"{stem}.qkv.bias_mask"] = torch.full((3 * width,), float("nan"))
    periods = 100.0 ** (torch.arange(3) / 3)
    extra = {"rope_embed.periods": periods.bfloat16(), "mask_token": torch.zeros(1, width)}
    return renamed | extra


def test_metas_own_dinov3_files_give_timms_tokens(tmp_path: Path) -> None:
    peer = build_timm("vit_small_patch16_dinov3_qkvb", num_heads=2)
    torch.save(meta_names(peer.state_dict(), 24), tmp_path / "w.pth")
    hints = Hints(heads=2, stored_size=(32, 32))
    ours = load_encoder(tmp_path / "w.pth", hints).model
    assert_same(
        ours.encode(pictures(32).float()), peer.forward_features(pictures(32).float()), 1e-5
    )
    facts = inspect_file(tmp_path / "w.pth", hints)
    assert (facts.kind, facts.config.registers) == ("dinov3", 4)
    assert "DINOv3 License" in facts.license


def test_metas_own_pixio_files_hold_both_halves_and_state_their_license(tmp_path: Path) -> None:
    from maskwright.models.autoencoder import MaskedAutoencoder
    from maskwright.weights.fair_mae import official_name

    config = dataclasses.replace(TINY, positions="learned", class_tokens=4)
    model = stir(MaskedAutoencoder(config))
    state = {official_name(name): value for name, value in model.state_dict().items()}
    torch.save(state, tmp_path / "w.pth")
    hints = Hints(heads=3, decoder_heads=2)
    loaded = load_autoencoder(tmp_path / "w.pth", hints)
    assert loaded.model.config == config
    assert torch.equal(loaded.model.encode(pictures().float()), model.encode(pictures().float()))
    for said in (loaded.facts["license"], inspect_file(tmp_path / "w.pth", hints).license):
        assert said.startswith("FAIR Noncommercial Research License")


def test_an_i_jepa_checkpoint_gives_its_target_encoder(tmp_path: Path) -> None:
    halves = [
        stir(
            timm.models.vision_transformer.VisionTransformer(
                img_size=16,
                patch_size=4,
                embed_dim=24,
                depth=2,
                num_heads=3,
                num_classes=0,
                class_token=False,
                global_pool="avg",
                fc_norm=False,
            )
        )
        for _ in range(2)
    ]
    content = {
        name: {f"module.{key}": value for key, value in half.state_dict().items()}
        for name, half in zip(("encoder", "target_encoder"), halves, strict=True)
    }
    content["target_encoder"]["module.norm.bias"] = torch.ones(24)
    torch.save({**content, "predictor": {}, "epoch": 3}, tmp_path / "jepa.pth.tar")
    model = load_encoder(tmp_path / "jepa.pth.tar", Hints(heads=3)).model
    assert torch.equal(model.encoder.norm.bias, torch.ones(24))
    facts = inspect_file(tmp_path / "jepa.pth.tar", Hints(heads=3))
    assert facts.kind == "ijepa"
    assert "CC-BY-NC 4.0" in facts.license


def test_timms_names_read_dinov3_and_clip() -> None:
    for name, positions, activation in (
        ("vit_small_patch16_dinov3", "rotary_image", "gelu"),
        ("vit_base_patch16_clip_quickgelu_224", "learned", "quick_gelu"),
    ):
        config = load_encoder(f"timm:{name}@random").model.config
        assert (config.positions, config.activation) == (positions, activation)


def refusals(path: Path, hints: Hints | None = None) -> tuple[str, str]:
    said = []
    for read in (load_encoder, inspect_file):
        with pytest.raises(MaskwrightError) as caught:
            read(path, hints)
        said.append(str(caught.value))
    return said[0], said[1]


REFUSED = [
    ("DINOv3ViT", TURNING | {"use_gated_mlp": True}, "gated (SwiGLU)"),
    ("DINOv3ViT", TURNING | {"rope_theta": 10000.0}, "base 10000"),
    ("IJepa", WIDE | {"hidden_act": "relu"}, "activation is relu"),
]


@pytest.mark.parametrize(("name", "sizes", "words"), REFUSED)
def test_what_cannot_be_held_is_refused_in_the_same_words(
    tmp_path: Path, name: str, sizes: dict[str, Any], words: str
) -> None:
    build(name, sizes).save_pretrained(tmp_path / "m")
    loading, inspecting = refusals(tmp_path / "m")
    assert loading == inspecting
    assert words in loading


def test_a_clip_without_a_name_asks_for_its_activation(tmp_path: Path) -> None:
    peer = build_timm("vit_base_patch16_clip_224")
    torch.save(peer.state_dict(), tmp_path / "w.pth")
    with pytest.raises(HintMissing, match="@activation=quick_gelu"):
        load_encoder(tmp_path / "w.pth", Hints(heads=3))
    assert "@activation=quick_gelu" in inspect_file(tmp_path / "w.pth", Hints(heads=3)).unread
    told = load_encoder(f"{tmp_path}/w.pth@heads=3,activation=gelu").model
    assert_same(told.double().encode(pictures(32)), peer.double().forward_features(pictures(32)))


def test_a_dinov3_without_a_size_asks_for_it(tmp_path: Path) -> None:
    build("DINOv3ViT", TURNING).save_pretrained(tmp_path / "m")
    torch.save(load_file(tmp_path / "m" / "model.safetensors"), tmp_path / "alone.pth")
    with pytest.raises(HintMissing, match="@stored_size=SIDE"):
        load_encoder(tmp_path / "alone.pth", Hints(heads=2))


SCALES = [
    ("SiglipVision", WIDE, 0.5),
    ("CLIPVision", WIDE, 0.48145466),
]


@pytest.mark.parametrize(("name", "sizes", "mean"), SCALES)
def test_the_scale_is_the_files_own_or_its_familys(
    tmp_path: Path, name: str, sizes: dict[str, Any], mean: float
) -> None:
    build(name, sizes).save_pretrained(tmp_path / "m")
    assert load_encoder(tmp_path / "m").scale.mean[0] == mean
    assert "@mean=,std= states another" in inspect_file(tmp_path / "m").pixels
    said = '{"image_mean": [0.1, 0.1, 0.1], "image_std": [0.2, 0.2, 0.2]}'
    (tmp_path / "m" / "preprocessor_config.json").write_text(said)
    assert load_encoder(tmp_path / "m").scale.std == (0.2,) * 3
