"""Pictures of a bright square on dark ground, with the maps that say where it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = "id,name\n1,ground\n2,square\n3,never\n"


def draw_squares(root: Path, count: int = 24, side: int = 16) -> Path:
    """`root/photos` with pictures, `root/maps` with palette maps, `root/depth` with gray ones."""
    rng = np.random.default_rng(0)
    for folder in ("photos", "maps", "depth"):
        (root / folder).mkdir(parents=True)
    (root / "maps" / "classes.csv").write_text(CLASSES)
    lines = ["file,value"]
    for index in range(count):
        picture = rng.integers(0, 40, (side, side, 3)).astype(np.uint8)
        top, left = rng.integers(0, side - 8, 2)
        where = (slice(top, top + 8), slice(left, left + 8))
        picture[where] += 180
        classes = np.full((side, side), 1, np.uint8)
        classes[where] = 2
        name = f"{index:03d}.png"
        Image.fromarray(picture).save(root / "photos" / name)
        labels = Image.fromarray(classes, mode="P")
        labels.putpalette([0, 0, 0, 40, 40, 40, 255, 255, 255])
        labels.save(root / "maps" / name)
        Image.fromarray(np.where(classes == 2, 200, 20).astype(np.uint8)).save(
            root / "depth" / name
        )
        lines.append(f"{name},{top}")
    (root / "tops.csv").write_text("\n".join(lines) + "\n")
    return root
