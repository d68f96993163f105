"""What restyling does to shapes and textures, on rendered pictures whose both labels are known.

`python bench/restyling.py [--pictures 300] [--size 64]` prints how often a shape probe and a
texture probe, fitted on clean pictures, answer the picture's own labels and those of the style.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from skimage.feature import hog
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from maskwright.data.sources.open import open_source
from maskwright.diagnostics.restyling import (
    Restyler,
    outline_of,
    random_filters,
    texture_statistics,
)


def main() -> None:
    options = _options()
    train, train_labels = _pictures(options.pictures * 3, options.size, "train")
    test, labels = _pictures(options.pictures, options.size, "test")
    # Every picture takes the texture of one with another texture and another shape.
    order = _others(labels)
    kinds = {"clean": test}
    for outline in options.outline:
        restyler = Restyler(steps=options.steps, outline=outline)
        kinds[f"outline {outline:g}"] = restyler.restyle(test, _surfaces(test[order]))
    probes = {
        "shape": _fit(_outlines(train), train_labels["shape"]),
        "texture": _fit(_textures(train), train_labels["texture"]),
    }
    for name, look in (("shape", _outlines), ("texture", _textures)):
        own, others = labels[name], [labels[name][at] for at in order]
        for what, images in kinds.items():
            said = probes[name].predict(look(images))
            print(
                f"{name:<8} probe on {what:<11} own label {_share(said, own):.3f}"
                f"   label of the style {_share(said, others):.3f}"
                f"   chance {1 / len(set(own)):.3f}"
            )
    if options.sheet:
        _save_sheet([test, _surfaces(test[order]), *list(kinds.values())[1:]], options.sheet)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=Restyler.steps)
    parser.add_argument("--outline", type=float, nargs="+", default=[Restyler.outline])
    parser.add_argument("--sheet", type=Path, default=None)
    return parser.parse_args()


def _pictures(count: int, size: int, split: str) -> tuple[Tensor, dict[str, list[str]]]:
    """(n, 3, size, size) uint8 pictures with the names of their shapes and textures."""
    name = f"shapes-textures:n={count},test={count},size={size},labels=both,turn=10"
    source = open_source(name, split=split)
    images = torch.stack([torch.as_tensor(source.read(at).copy()) for at in range(count)])
    images = images.reshape(count, size, size, -1).permute(0, 3, 1, 2)
    assert source.classes is not None  # rendered pictures have labels
    assert source.labels is not None
    names = [str(source.classes[int(source.labels[at])]) for at in range(count)]
    pairs = [name.split("-") for name in names]
    return images, {"shape": [pair[0] for pair in pairs], "texture": [pair[-1] for pair in pairs]}


def _others(labels: dict[str, list[str]]) -> list[int]:
    """For each picture the next one that shares neither shape nor texture with it."""
    count = len(labels["shape"])
    found = []
    for at in range(count):
        steps = ((at + step) % count for step in range(1, count))
        found.append(next(other for other in steps if _differ(labels, at, other)))
    return found


def _surfaces(images: Tensor) -> Tensor:
    """The surface of each figure over the whole picture: its middle, mirrored outwards."""
    side = images.shape[-1]
    inner = side // 3
    first = (side - inner) // 2
    middle = images[:, :, first : first + inner, first : first + inner].float()
    padded = F.pad(F.pad(middle, [inner - 1] * 4, mode="reflect"), [2] * 4, mode="replicate")
    start = (padded.shape[-1] - side) // 2
    return padded[:, :, start : start + side, start : start + side].byte()


def _differ(labels: dict[str, list[str]], at: int, other: int) -> bool:
    return all(names[at] != names[other] for names in labels.values())


def _outlines(images: Tensor) -> np.ndarray:
    """Histograms of gradients of the coarse drawing: they know outlines and little of surfaces."""
    drawings = outline_of(images.float() / 255, 4)[:, 0].numpy()
    rows = [hog(drawing, pixels_per_cell=(4, 4), cells_per_block=(2, 2)) for drawing in drawings]
    return np.stack(rows)


def _textures(images: Tensor) -> np.ndarray:
    """Statistics of other random filters than those that restyle."""
    bank = random_filters(24, images.shape[1], seed=1)
    parts = texture_statistics(images.float() / 255, bank)
    return torch.cat([part.flatten(1) for part in parts], dim=1).sqrt().numpy()


def _share(said: list[str], names: list[str]) -> float:
    return sum(word == name for word, name in zip(said, names, strict=True)) / len(names)


def _fit(features: np.ndarray, names: list[str]) -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500)).fit(
        features, names
    )


def _save_sheet(kinds: list[Tensor], path: Path) -> None:
    """A row for each kind: the pictures, the styles, and what came of them."""
    rows = [torch.cat(list(images[:12]), dim=2) for images in kinds]
    sheet = torch.cat(rows, dim=1).permute(1, 2, 0).numpy()
    Image.fromarray(sheet.squeeze()).resize((sheet.shape[1] * 2, sheet.shape[0] * 2)).save(path)


if __name__ == "__main__":
    main()
