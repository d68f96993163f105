"""Parity with the official MAE: frozen tensors from its code, and names and sizes both ways."""

from pathlib import Path

import numpy as np
import pytest
import torch

from maskwright.losses.objective import build_objective
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.patches.mask import PatchMask
from maskwright.support.errors import MaskwrightError
from maskwright.weights.fair_mae import from_official, to_official
from maskwright.weights.hints import Hints
from maskwright.weights.opening import load_autoencoder

DATA = Path(__file__).parents[1] / "data"
TINY = ModelConfig(
    image_size=(8, 8),
    patch_size=4,
    width=16,
    depth=2,
    heads=2,
    decoder_width=8,
    decoder_depth=1,
    decoder_heads=2,
)


class Golden:
    """One file of tensors written by the official code, and our model with its weights."""

    def __init__(self, name):
        with np.load(DATA / f"official_mae_square_{name}.npz") as file:
            self.values = {key: torch.from_numpy(np.asarray(file[key])) for key in file.files}
        target = "normalized" if bool(self.values["norm_pix_loss"]) else "raw"
        facts = Hints(
            heads=int(self.values["num_heads"]),
            decoder_heads=int(self.values["decoder_num_heads"]),
            target=target,
        )
        config, state = from_official(
            {key[6:]: value for key, value in self.values.items() if key.startswith("state/")},
            facts,
        )
        self.model = MaskedAutoencoder(config)
        self.model.load_state_dict(state)
        self.mask = PatchMask.from_is_masked(self.values["mask"].bool())
        self.prediction = self.model(self.values["images"], self.mask)


@pytest.fixture(params=["raw", "normpix"])
def golden(request):
    return Golden(request.param)


def at(values, ids):
    return values[torch.arange(ids.shape[0])[:, None], ids]


def test_latents_equal_those_of_the_official_code(golden):
    official = golden.values["latent"]
    order = golden.values["noise"].argsort(1)[:, : golden.mask.num_visible].argsort(1)
    sorted_patches = at(official[:, 1:], order)
    torch.testing.assert_close(
        golden.prediction.latent, torch.cat([official[:, :1], sorted_patches], 1), rtol=0, atol=1e-5
    )


def test_predictions_equal_those_of_the_official_code(golden):
    expected = at(golden.values["pred"], golden.mask.predicted_ids)
    torch.testing.assert_close(golden.prediction.values, expected, rtol=0, atol=1e-5)


def test_the_loss_and_three_gradients_equal_those_of_the_official_code(golden):
    total = build_objective("mse")(golden.prediction, golden.values["images"]).total
    assert total.item() == pytest.approx(float(golden.values["loss"]), abs=2e-6)
    total.backward()
    slopes = {f"grad/{key}": value.grad for key, value in named_officially(golden.model).items()}
    wanted = {key: value for key, value in golden.values.items() if key.startswith("grad/")}
    assert len(wanted) == 3
    for key, value in wanted.items():
        torch.testing.assert_close(slopes[key], value, rtol=0, atol=1e-5)


def named_officially(model):
    parameters = dict(model.named_parameters())
    return {
        official: parameters[ours]
        for ours, official in zip(model.state_dict(), to_official(model), strict=True)
    }


def test_a_model_goes_to_official_names_and_back_unchanged():
    model = MaskedAutoencoder(TINY)
    config, state = from_official(to_official(model), Hints(heads=2, decoder_heads=2))
    assert config == TINY
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())


def test_official_names_are_exactly_those_of_the_golden_file():
    golden = Golden("raw")
    assert set(to_official(golden.model)) == {
        key[6:] for key in golden.values if key.startswith("state/")
    }


def test_an_encoder_alone_is_refused_with_the_way_out():
    state = {
        name: value
        for name, value in to_official(MaskedAutoencoder(TINY)).items()
        if "decoder" not in name and name != "mask_token"
    }
    with pytest.raises(
        MaskwrightError, match=r"encoder only \(30 tensors, no decoder_\*\): reconstruct needs both"
    ):
        from_official(state)


def test_unknown_heads_are_asked_for():
    with pytest.raises(MaskwrightError, match="how many heads a width of 16"):
        from_official(to_official(MaskedAutoencoder(TINY)))


@pytest.mark.parametrize(
    ("name", "target"),
    [("mae_visualize_vit_x.pth", "raw"), ("mae_pretrain_vit_x_full.pth", "normalized")],
)
def test_the_target_is_told_by_the_name_of_the_file(tmp_path, name, target):
    model = MaskedAutoencoder(TINY)
    torch.save({"model": to_official(model)}, tmp_path / name)
    assert (
        load_autoencoder(tmp_path / name, Hints(heads=2, decoder_heads=2)).model.config.target
        == target
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"class_token": False}, "no class token"),
        ({"registers": 1}, "register tokens"),
        ({"positions": "rotary"}, "rotary positions"),
        ({"decoder": "cross"}, "cross decoder"),
    ],
)
def test_what_the_official_format_cannot_hold_is_named(changes, reason):
    model = MaskedAutoencoder(ModelConfig(**{**TINY.to_dict(), **changes}))
    with pytest.raises(MaskwrightError, match=reason):
        to_official(model)
