"""Frozen networks for the perceptual loss by name: VGG, timm's, or an exported program."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from maskwright.losses.perceptual import Extractor, PerceptualSettings
from maskwright.support.errors import (
    MaskwrightError,
    NotAvailable,
    did_you_mean,
    unknown_name,
)
from maskwright.support.seeding import derive_seed
from maskwright.weights.efficientnet_names import rename_efficientnet
from maskwright.weights.hub import can_fetch
from maskwright.weights.state_files import read_state
from maskwright.weights.vgg import load_vgg

VGGS = ("vgg19", "vgg16")
_WITHOUT_A_CONNECTION = (
    "Without a connection give a file, perceptual(weights='FILE'), or weights='random'."
)


def load_extractor(settings: PerceptualSettings) -> Extractor:
    """Load the network that the settings name, frozen, in evaluation mode.

    Raises MaskwrightError when there is no such network or file.
    """
    name, layers = settings.extractor, settings.layers_used()
    if name in VGGS:
        return load_vgg(name, [str(layer) for layer in layers], settings.weights)
    if name.startswith("timm:"):
        return load_timm(name.removeprefix("timm:"), layers, settings.weights)
    if name.endswith(".pt2"):
        return load_exported(Path(name), [str(layer) for layer in layers])
    raise unknown_name(
        "extractor", name, VGGS, " Also timm:NAME, or a .pt2 file written by torch.export."
    )


class TimmExtractor(nn.Module):
    """Feature maps of a timm network's stages, with pixels normalized as it was trained.

    It is frozen and in evaluation mode.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        # Buffers follow the network to its device: (3,) -> (3, 1, 1).
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(network.pretrained_cfg[name])[:, None, None])
        self.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Feature maps of (B, 3, H, W) pixels in [0, 1], one per stage, finest first."""
        return list(self.network((images - self.mean) / self.std))


def load_timm(name: str, layers: Sequence[str | int], weights: str = "imagenet") -> TimmExtractor:
    """Load stages of a timm network.

    layers: numbers of stages in rising order; all of them when empty.
    weights: `imagenet` for its pretrained ones, `random`, or a file under timm's names.
    """
    timm = _timm()
    if not timm.is_model(name):
        raise MaskwrightError(
            f"timm has no network '{name}'.{did_you_mean(name, timm.list_models())}"
        )
    stages = [stage for stage in layers if isinstance(stage, int) and stage >= 0]
    if len(stages) != len(layers):
        raise MaskwrightError(
            "Layers of a timm network are stage numbers, as in layers=[0, 1, 2]; got"
            f" {list(layers)}."
        )
    if sorted(set(stages)) != stages:
        raise MaskwrightError(f"Stages of a timm network come in rising order; got {stages}.")
    # The file is read first: it is quick, and its errors say more than those of timm.
    state = None
    if weights not in ("imagenet", "random"):
        state = rename_efficientnet(read_state(Path(weights)))
    is_fetched = weights == "imagenet"
    try:
        network = _create(name, stages, pretrained=is_fetched)
    except IndexError as error:
        raise _no_such_stage(name, stages) from error
    except (OSError, RuntimeError, AssertionError, AttributeError, NotImplementedError) as error:
        reason = (str(error) or repr(error)).splitlines()[0]
        # Weights that could not be fetched may be there another day; all else is a mistake.
        kind = NotAvailable if is_fetched and isinstance(error, OSError) else MaskwrightError
        raise kind(
            f"Could not build feature maps of timm's '{name}' with {weights} weights:"
            f" {reason.rstrip('.')}. {_WITHOUT_A_CONNECTION}"
        ) from error
    if state is not None:
        _fill(network, state, name, weights)
    return TimmExtractor(network)


def _check_fetchable(name: str) -> None:
    """Raises NotAvailable within seconds, where the Hub's client would try for a minute."""
    about = _timm().get_pretrained_cfg(name)
    if about is not None and about.hf_hub_id and not can_fetch(about.hf_hub_id):
        raise NotAvailable(
            f"The ImageNet weights of timm's '{name}' are not in the cache, and the Hugging Face"
            f" Hub does not answer. {_WITHOUT_A_CONNECTION}"
        )


def _timm() -> Any:
    # Imported when a loss needs it: it takes seconds, and most trainings do without.
    import timm

    return timm


def _create(name: str, stages: Sequence[int], pretrained: bool) -> Any:
    if pretrained:
        _check_fetchable(name)
    selected: dict[str, Any] = {"out_indices": tuple(stages)} if stages else {}
    # timm draws weights from the global generator, which is put back afterwards.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(0, "random", name))
        return _timm().create_model(name, pretrained=pretrained, features_only=True, **selected)


def _no_such_stage(name: str, stages: Sequence[int]) -> MaskwrightError:
    # All stages, to say how many there are.
    with torch.random.fork_rng(devices=[]):
        network: Any = _timm().create_model(name, pretrained=False, features_only=True)
    count = len(network.feature_info)
    return MaskwrightError(
        f"timm's '{name}' has stages 0 to {count - 1}; got layers={list(stages)}."
    )


def _fill(network: Any, state: dict[str, Tensor], name: str, source: str) -> None:
    """Take what the stages need; a network cut into stages has no classifier."""
    needed = network.state_dict()
    missing = [key for key in needed if key not in state or state[key].shape != needed[key].shape]
    if missing:
        raise MaskwrightError(
            f"The weights '{source}' are not those of timm's {name}: {len(missing)} of"
            f" {len(needed)} tensors are missing or of another shape, first '{missing[0]}'."
        )
    network.load_state_dict({key: state[key] for key in needed})


class ExportedExtractor:
    """A program of torch.export, from (B, 3, H, W) pixels in [0, 1] to named feature maps."""

    def __init__(self, program: Any, layers: Sequence[str]) -> None:
        """Wrap a program.

        layers: which maps to compare; all of them when empty.
        """
        self.program = program
        self.layers = tuple(layers)

    def __call__(self, images: Tensor) -> list[Tensor]:
        maps = self.program(images)
        # What a program gives is known once it has run.
        for layer in self.layers:
            if layer not in maps:
                raise unknown_name("layer of the exported network", layer, maps)
        return [maps[layer] for layer in self.layers or maps]

    def to(self, device: torch.device) -> ExportedExtractor:
        """Move the program, as `nn.Module.to` does."""
        self.program.to(device)
        return self


def load_exported(path: Path, layers: Sequence[str]) -> ExportedExtractor:
    """Open a .pt2 file; the program must take any batch size and give a dict of maps."""
    if not path.is_file():
        raise MaskwrightError(f"There is no exported network at '{path}'.")
    try:
        program = torch.export.load(path).module()
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise MaskwrightError(
            f"Could not open '{path}' as a program of torch.export: {str(error).splitlines()[0]}"
        ) from error
    # An exported program has no evaluation mode: it does what it did when it was written.
    program.requires_grad_(False)
    return ExportedExtractor(program, layers)
