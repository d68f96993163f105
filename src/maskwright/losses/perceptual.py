"""The perceptual term: composite and true picture compared by feature maps of a frozen network.

Source: Johnson et al. 2016. This room builds no network: the term receives a finished extractor, as
`build_objective` receives the function that loads one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.losses.term import Needs
from maskwright.patches.pixels import PixelScale, unpatchify, widen
from maskwright.patches.prediction import Prediction
from maskwright.support.checks import check_number, check_one_of
from maskwright.support.errors import MaskwrightError

# Layers compared when none are named, and their weights: vgg19 as in Wang et al. 2018 (pix2pixHD),
# vgg16 as in Johnson et al. 2016.
LAYERS: dict[str, dict[str, float]] = {
    "vgg19": {
        "relu1_1": 1 / 32,
        "relu2_1": 1 / 16,
        "relu3_1": 1 / 8,
        "relu4_1": 1 / 4,
        "relu5_1": 1.0,
    },
    "vgg16": {"relu1_2": 1.0, "relu2_2": 1.0, "relu3_3": 1.0, "relu4_3": 1.0},
}


class Extractor(Protocol):
    """A frozen network: (B, 3, H, W) pixels in [0, 1] give one (B, C, h, w) map per layer.

    It normalizes the pixels itself.
    """

    def __call__(self, images: Tensor) -> Sequence[Tensor]: ...

    def to(self, device: torch.device) -> Any: ...


@dataclass(frozen=True, kw_only=True)
class PerceptualSettings:
    """Compare feature maps of a frozen network: those of the composite, and of the true picture.

    The composite is the predicted patches between the visible ones. The network is never trained
    and never saved; its passes are charged to the run.

    Formula: sum over layers l of w[l] * mean(|f[l](composite) - f[l](picture)|)
    Source: Johnson et al. 2016.

    extractor: vgg19, vgg16, timm:NAME, or a .pt2 file (an exported program that maps pixels in [0,
        1] to a dict of named maps).
    weights: imagenet (downloaded once by torchvision or timm), a file of weights, or random.
    layers: names such as relu3_1 (for timm: stage numbers from 0; for a .pt2 file: its names).
    layer_weights: one number per layer.
    compare: l1 or mse.
    """

    needs: ClassVar[Needs] = Needs(picture=True)
    extractor: str = "vgg19"
    weights: str = "imagenet"
    layers: Sequence[str | int] | None = None
    layer_weights: Sequence[float] | None = None
    compare: Literal["l1", "mse"] = "l1"

    def __post_init__(self) -> None:
        check_one_of("compare", self.compare, ("l1", "mse"), owner="Loss 'perceptual'")
        for name in ("extractor", "weights"):
            if not isinstance(getattr(self, name), str):
                raise MaskwrightError(
                    f"Loss 'perceptual' needs {name} to be a name, or a path in quotes:"
                    f" perceptual({name}='...'); got {getattr(self, name)}."
                )
        for weight in self.layer_weights or ():
            check_number("every layer weight", weight, 0, owner="Loss 'perceptual'")
        # without named layers their number is known only once the extractor is loaded
        if self.layers is None or self.layer_weights is None:
            return
        if len(self.layers) != len(self.layer_weights):
            raise MaskwrightError(
                f"Loss 'perceptual' has {len(self.layers)} layers and {len(self.layer_weights)}"
                " layer_weights."
            )

    def layers_used(self) -> tuple[str | int, ...]:
        """Names of the compared layers; none when the extractor gives all that it has."""
        if self.layers is not None:
            return tuple(self.layers)
        return tuple(LAYERS.get(self.extractor, ()))

    def weights_of(self, count: int) -> tuple[float, ...]:
        """One weight for each of the compared layers.

        They are as given, as published for the default layers, else all equal with sum 1.
        """
        if self.layer_weights is not None:
            return tuple(map(float, self.layer_weights))
        if self.layers is None and self.extractor in LAYERS:
            return tuple(LAYERS[self.extractor].values())
        return (1 / count,) * count


LoadExtractor = Callable[[PerceptualSettings], Extractor]


@dataclass(frozen=True, kw_only=True, eq=False)
class PerceptualError:
    """Weighted sum over layers of the mean difference between two feature maps.

    One is of the composite, one of the true picture. The composite holds true pixels wherever
    nothing was predicted, so only predictions cost, also where they do not fit their surroundings.
    It is not clipped to [0, 1], or overshooting pixels would get no gradient. Normalized patches
    are put back with their own statistics, as for the Laplacian term. Gray pictures are repeated to
    three channels. Feature maps are computed in the precision of the run and compared in float32.
    """

    needs: ClassVar[Needs] = Needs(picture=True)
    extractor: Extractor
    scale: PixelScale
    settings: PerceptualSettings = PerceptualSettings()

    def __post_init__(self) -> None:
        # a network for color pictures has no use for two or four channels
        if self.scale.channels not in (1, 3):
            raise MaskwrightError(
                "Loss 'perceptual' looks at gray or color pictures; these have"
                f" {self.scale.channels} channels."
            )

    def __call__(self, prediction: Prediction, images: Tensor) -> Tensor:
        truth = unpatchify(widen(prediction.patches), prediction.grid)
        self.extractor.to(truth.device)
        # the true picture is no function of the model, so its maps need no graph
        with torch.no_grad():
            true_maps = self._features(truth)
        composite_maps = self._features(truth + prediction.pixel_errors())

        count = len(composite_maps)
        weights = self.settings.weights_of(count)
        if len(weights) != count:
            raise MaskwrightError(
                f"Loss 'perceptual' has {len(weights)} layer_weights for {count} layers."
            )
        compare = F.l1_loss if self.settings.compare == "l1" else F.mse_loss
        parts = []
        for weight, ours, true in zip(weights, composite_maps, true_maps, strict=True):
            # float32: in half precision the mean over a map would be rounded
            parts.append(weight * compare(widen(ours), widen(true)))
        return torch.stack(parts).sum()

    def _features(self, images: Tensor) -> Sequence[Tensor]:
        """The maps of each compared layer; gray pictures are repeated to three channels."""
        pixels = self.scale.to_unit(images)
        return self.extractor(pixels.expand(-1, 3, -1, -1))


def finish_perceptual(
    settings: PerceptualSettings, scale: PixelScale | None, load_extractor: LoadExtractor | None
) -> PerceptualError:
    """Load the extractor and build the term.

    Raises MaskwrightError when there is nothing to load it with.
    """
    if scale is None or load_extractor is None:
        raise MaskwrightError(
            "Loss 'perceptual' needs a network and the scale of the pixels: give build_objective"
            " scale=... and load_extractor=..."
        )
    return PerceptualError(
        extractor=load_extractor(settings),
        scale=scale,
        settings=settings,
    )
