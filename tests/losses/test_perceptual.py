"""The perceptual term compares the composite with the true picture, in display space, through a
network it was handed.
"""

import dataclasses

import pytest
import torch
from tests.losses.predictions import draw, images_of, measure

from maskwright.losses.objective import build_objective
from maskwright.losses.perceptual import LAYERS, PerceptualSettings
from maskwright.patches import PixelScale
from maskwright.support.errors import MaskwrightError

SCALE = PixelScale((0.4, 0.5, 0.6), (0.2, 0.25, 0.3))


class Pixels:
    """An extractor whose two layers are the pixels themselves and twice the pixels; it keeps what
    it saw.
    """

    def __init__(self):
        self.seen, self.places = [], []

    def __call__(self, images):
        self.seen.append(images)
        return [images, 2 * images]

    def to(self, device):
        self.places.append(device)
        return self


def parts(extractor, scale=SCALE):
    return {"scale": scale, "load_extractor": lambda settings: extractor}


def test_with_pixels_as_features_it_is_the_error_of_the_composite_in_display_space():
    prediction, extractor = draw("normalized"), Pixels()
    error = (
        (
            SCALE.to_unit(prediction.to_picture("target").composite)
            - SCALE.to_unit(images_of(prediction))
        )
        .abs()
        .mean()
        .item()
    )
    assert measure(
        "perceptual(layer_weights=[1, 10])", prediction, **parts(extractor)
    ).item() == pytest.approx(error + 10 * 2 * error)
    assert extractor.places == [torch.device("cpu")]
    assert torch.allclose(extractor.seen[0], SCALE.to_unit(images_of(prediction)))


def test_pixels_beyond_black_and_white_keep_their_gradient():
    prediction = draw("raw")
    values = torch.full_like(prediction.values, 50.0).requires_grad_(True)
    measure(
        "perceptual(layer_weights=[1, 1])",
        dataclasses.replace(prediction, values=values),
        **parts(Pixels()),
    ).backward()
    assert values.grad.abs().min() > 0


def test_gray_pictures_are_repeated_to_three_channels_and_others_refused():
    extractor = Pixels()
    measure(
        "perceptual(layer_weights=[1, 1])",
        draw(channels=1),
        **parts(extractor, PixelScale((0.5,), (0.2,))),
    )
    assert extractor.seen[0].shape == (3, 3, 12, 16)
    with pytest.raises(MaskwrightError, match="4 channels"):
        build_objective("perceptual", **parts(extractor, PixelScale((0.5,) * 4, (0.2,) * 4)))


def test_layers_have_published_weights_unless_others_are_named():
    assert PerceptualSettings().layers_used() == (
        "relu1_1",
        "relu2_1",
        "relu3_1",
        "relu4_1",
        "relu5_1",
    )
    assert PerceptualSettings().weights_of(5) == tuple(LAYERS["vgg19"].values())
    assert PerceptualSettings(layers=["relu1_1", "relu2_1"]).weights_of(2) == (0.5, 0.5)
    assert PerceptualSettings(extractor="timm:resnet18").weights_of(4) == (0.25,) * 4


def test_the_objective_holds_no_parameters():
    module = torch.nn.Module()
    module.objective = build_objective("mse + perceptual", **parts(torch.nn.Conv2d(3, 3, 1)))
    assert not list(module.parameters())
    assert not module.state_dict()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("perceptual(compare='l3')", "one of l1, mse"),
        ("perceptual(layers=['relu1_1'], layer_weights=[1, 2])", "1 layers and 2 layer_weights"),
        ("perceptual(layer_weights=[-1])", "at least 0"),
        ("perceptual(weights=3)", "a path in quotes"),
        ("perceptual(weights=random(3))", "a path in quotes"),
        ("perceptual(layer='relu1_1')", "Did you mean 'layers'"),
    ],
)
def test_a_mistake_is_a_sentence(line, message):
    with pytest.raises(MaskwrightError, match=message):
        build_objective(line, **parts(Pixels()))


def test_without_a_network_the_error_says_what_to_hand_over():
    with pytest.raises(MaskwrightError, match="load_extractor"):
        build_objective("perceptual")


def test_more_weights_than_layers_are_refused_when_the_network_answers():
    with pytest.raises(MaskwrightError, match="3 layer_weights for 2 layers"):
        measure("perceptual(layer_weights=[1, 1, 1])", draw(), **parts(Pixels()))


@pytest.mark.parametrize(
    ("bare", "quoted"),
    [
        ("mse(weight=foreground)", "mse(weight='foreground')"),
        ("laplacian(compare=mse)", "laplacian(compare='mse')"),
        ("uniformity(of=class)", "uniformity(of='class')"),
    ],
)
def test_a_word_needs_no_quotes(bare, quoted):
    terms = [build_objective(line).summands[0].term for line in (bare, quoted)]
    assert terms[0] == terms[1]


def test_the_perceptual_term_takes_bare_names_too():
    line = "perceptual(extractor=vgg16, weights=random, layers=[relu1_1])"
    settings = build_objective(line, **parts(Pixels())).summands[0].term.settings
    assert (settings.weights, list(settings.layers)) == ("random", ["relu1_1"])
