"""A zoo of one tiny autoencoder and one masker, in place of the package's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.patches.grid import Grid
from maskwright.patches.pixels import PixelScale
from maskwright.support.torch_files import write_safetensors
from maskwright.weights import zoo
from maskwright.weights.checkpoint import describe_model
from maskwright.weights.scorer_file import ScorerShape, save_scorer

CONFIG = ModelConfig(
    image_size=(16, 16),
    patch_size=4,
    width=24,
    depth=1,
    heads=2,
    decoder="cross",
    decoder_width=16,
    decoder_depth=1,
    decoder_heads=2,
)


def open_tiny_zoo(folder: Path, patch: pytest.MonkeyPatch) -> MaskedAutoencoder:
    """Fill a folder and make it the zoo; returns the model of `zoo:tiny-16`."""
    patch.setattr(zoo, "FOLDER", folder)
    folder.mkdir()
    model = MaskedAutoencoder(CONFIG).eval()
    scale = PixelScale((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    about = json.dumps(describe_model(model, scale, {"policy": "random", "value_range": None}))
    state = {
        name: value if name.endswith("pos_embed") else value.half()
        for name, value in model.state_dict().items()
    }
    write_safetensors(folder / "tiny-16.safetensors", state, {"maskwright": about})
    _write_card(folder, "tiny-16", "autoencoder")
    shape = ScorerShape(kind="transformer", patch_size=4, channels=3, width=16, depth=1, heads=2)
    scorer = shape.build(Grid.of_image(16, 16, 4))
    save_scorer(folder / "masker-16.safetensors", scorer, shape)
    _write_card(folder, "masker-16", "masker")
    return model


def _write_card(folder: Path, name: str, kind: str) -> None:
    facts = {
        "kind": kind,
        "summary": f"a {kind} for tests",
        "license": "Apache-2.0",
        "data": "numbers of chance",
        "image_size": 16,
        "sha256": zoo.sum_of(folder / f"{name}.safetensors"),
    }
    front = yaml.safe_dump(facts, sort_keys=False)
    (folder / f"{name}.md").write_text(f"---\n{front}---\nNot good for: anything but tests.\n")
