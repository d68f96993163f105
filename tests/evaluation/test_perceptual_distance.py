"""LPIPS is a distance, agrees with its formula written out, and says what to install or fetch."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch
import torchvision
from torchmetrics.functional.image import lpips

from maskwright.evaluation.perceptual_distance import TRUNKS, load_distance
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator


def pictures(channels: int = 3) -> torch.Tensor:
    return torch.rand(2, 2, channels, 64, 64, generator=torch_generator(0))


@pytest.fixture(scope="module")
def random_trunks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files of random trunks: with them LPIPS is a distance, but not the published one."""
    folder = tmp_path_factory.mktemp("trunks")
    files = {}
    for trunk, name in TRUNKS.items():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            features = torchvision.models.get_model(name, weights=None).features
        files[trunk] = folder / f"{name}.pth"
        torch.save(
            {f"features.{key}": value for key, value in features.state_dict().items()}, files[trunk]
        )
    return files


@pytest.mark.parametrize("trunk", TRUNKS)
def test_it_is_zero_for_equal_pictures_symmetric_and_positive(
    trunk: str, random_trunks: dict[str, Path]
) -> None:
    distance = load_distance(trunk, str(random_trunks[trunk]))
    left, right = pictures()
    assert distance(left, left).abs().max() == 0
    assert torch.allclose(distance(left, right), distance(right, left))
    assert distance(left, right).shape == (2,)
    assert distance(left, right).min() > 0
    gray = pictures(channels=1)
    assert torch.equal(distance(*gray), distance(*gray.expand(-1, -1, 3, -1, -1)))


def test_alex_agrees_with_the_formula_written_out(random_trunks: dict[str, Path]) -> None:
    """Activations 1, 4, 7, 9, 11 of AlexNet, unit length over channels, squared differences
    weighted, averaged over places, summed.
    """
    fitted = Path(lpips.__file__).parent / "lpips_models" / "alex.pth"
    heads = torch.load(fitted, map_location="cpu")
    features = torchvision.models.alexnet(weights=None).features
    features.load_state_dict(
        {
            key.removeprefix("features."): value
            for key, value in torch.load(random_trunks["alex"]).items()
        }
    )
    shift, stretch = (
        torch.tensor([-0.030, -0.088, -0.188])[:, None, None],
        torch.tensor([0.458, 0.448, 0.450])[:, None, None],
    )
    sides = [(2 * side - 1 - shift) / stretch for side in pictures()]
    total = torch.zeros(2)
    for layer, place in enumerate((1, 4, 7, 9, 11)):
        unit = [torch.nn.functional.normalize(features[: place + 1](side), dim=1) for side in sides]
        total = total + ((unit[0] - unit[1]).square() * heads[f"lin{layer}.model.1.weight"]).sum(
            1
        ).mean((1, 2))
    assert torch.allclose(
        load_distance("alex", str(random_trunks["alex"]))(*pictures()), total, rtol=1e-4
    )


def test_without_weights_the_error_gives_address_and_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise URLError("no network")

    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    with pytest.raises(
        MaskwrightError,
        match=r"https://download.pytorch.org/models/alexnet-.*put it at .*checkpoints",
    ):
        load_distance()


def test_other_mistakes_are_sentences(tmp_path: Path, random_trunks: dict[str, Path]) -> None:
    with pytest.raises(MaskwrightError, match="Did you mean 'alex'"):
        load_distance("alexnet")
    with pytest.raises(MaskwrightError, match="not those of torchvision's vgg16"):
        load_distance("vgg", str(random_trunks["alex"]))
    with pytest.raises(MaskwrightError, match="at least 32 pixels"):
        load_distance("alex", str(random_trunks["alex"]))(
            pictures()[0, ..., :16], pictures()[1, ..., :16]
        )
