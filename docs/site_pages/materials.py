"""What the pictures of the gallery are drawn on: photographs and drawings that need no download."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from skimage import data as photographs
from torch import Tensor

import maskwright
from maskwright.support.reporting import LogReporter
from maskwright.weights.opening import load_autoencoder
from maskwright.workflows.prepare import prepare

MODEL = "zoo:dead-leaves-32"
# What is said on the way would fill the screen of whoever builds.
QUIET = LogReporter(visible=False)
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee")
# Where faces and eyes are, in pixels of 192: x, y, width, height.
PARTS = """file,face_x,face_y,face_w,face_h,eyes_x,eyes_y,eyes_w,eyes_h
astronaut.png,66,20,44,62,70,40,36,14
chelsea.png,30,40,110,110,40,78,90,26
"""
SURFACES = ("brick", "grass", "gravel")


@dataclass(frozen=True)
class Materials:
    """Everything that pictures are drawn with, made when it is first asked for.

    place: a folder for what is written on the way.
    """

    place: Path

    @cached_property
    def photos(self) -> Path:
        """Three square photographs of 192 pixels."""
        folder = self.place / "photos"
        folder.mkdir(parents=True, exist_ok=True)
        for name in PHOTOGRAPHS:
            to_square(getattr(photographs, name)(), 192).save(folder / f"{name}.png")
        return folder

    @cached_property
    def store(self) -> Path:
        """The photographs with maps of foreground and parts; mask.png lies beside it."""
        parts, store = self.place / "parts.csv", self.place / "store"
        parts.write_text(PARTS, encoding="utf-8")
        mask = np.zeros((8, 8), dtype=np.uint8)
        # A ring: no other policy makes one.
        mask[1:7, 1:7], mask[3:5, 3:5] = 255, 0
        Image.fromarray(mask).save(self.place / "mask.png")
        priors = f"foreground(from='grabcut'), parts(from='{parts}')"
        prepare(str(self.photos), out=str(store), size=96, priors=priors, reporter=QUIET)
        return store

    @cached_property
    def scorer(self) -> Path:
        """A run with a scorer in select/short, each trained for some steps on rendered pictures."""
        run = self.place / "RUN"
        maskwright.pretrain(
            "dead-leaves:n=128,size=96",
            model="vit_nano",
            patch_size=12,
            target="raw",
            steps=40,
            batch_size=32,
            val="0.1",
            checkup=False,
            # No sheets on the way: nobody looks at them.
            sample_every=100,
            knn_every=0,
            track=[],
            device="cpu",
            out=str(run),
            reporter=QUIET,
        )
        maskwright.select(
            str(run),
            name="short",
            steps=40,
            batch_size=32,
            lr=2e-3,
            scorer_width=64,
            temperature_steps=20,
            device="cpu",
            track=[],
            reporter=QUIET,
        )
        return run

    @cached_property
    def model(self) -> Any:
        """The model of the zoo, both halves."""
        return load_autoencoder(MODEL)

    @cached_property
    def disks(self) -> Path:
        """Small pictures of a disk each, with its map and its radius."""
        folder, rng = self.place / "disks", np.random.default_rng(0)
        for kind in ("pictures", "maps"):
            (folder / kind).mkdir(parents=True, exist_ok=True)
        # A disk of one color on a ground of another, with a little noise.
        rows, cols = np.mgrid[:32, :32] / 32
        lines = ["file,value"]
        for index in range(120):
            center, radius = rng.uniform(0.3, 0.7, 2), rng.uniform(0.12, 0.3)
            inside = (rows - center[0]) ** 2 + (cols - center[1]) ** 2 < radius**2
            ground, ink = rng.uniform(0, 255, 3), rng.uniform(0, 255, 3)
            drawn = np.where(inside[..., None], ink, ground) + rng.normal(0, 8, (32, 32, 3))
            name = f"{index:03d}.png"
            Image.fromarray(drawn.clip(0, 255).astype(np.uint8)).save(folder / "pictures" / name)
            Image.fromarray(inside.astype(np.uint8)).save(folder / "maps" / name)
            lines.append(f"{name},{radius:.3f}")
        (folder / "numbers.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return folder

    @cached_property
    def textures(self) -> Path:
        """Cuts of three photographed surfaces, a folder each."""
        folder = self.place / "textures"
        for name in SURFACES:
            (folder / name).mkdir(parents=True, exist_ok=True)
            # 512 pixels give six rows of six cuts that do not touch.
            whole = getattr(photographs, name)()
            for index in range(36):
                row, col = divmod(index, 6)
                cut = whole[row * 85 : row * 85 + 64, col * 85 : col * 85 + 64]
                place = folder / name / f"{index:02d}.png"
                Image.fromarray(cut).convert("RGB").resize((32, 32)).save(place)
        return folder

    @cached_property
    def cuts(self) -> Path:
        """Many windows of each photograph, 96 pixels each, for what is fitted on pictures."""
        folder, rng = self.place / "cuts", np.random.default_rng(0)
        folder.mkdir(parents=True, exist_ok=True)
        for name in PHOTOGRAPHS:
            whole = Image.fromarray(getattr(photographs, name)()).convert("RGB")
            for index in range(100):
                side = int(rng.integers(128, min(whole.size)))
                left, top = (int(rng.integers(0, length - side + 1)) for length in whole.size)
                cut = whole.crop((left, top, left + side, top + side))
                place = folder / f"{name}_{index:02d}.png"
                cut.resize((96, 96), Image.Resampling.LANCZOS).save(place)
        return folder

    def batch(self, side: int) -> Tensor:
        """The photographs as (3, 3, side, side) uint8."""
        pictures = []
        for path in sorted(self.photos.glob("*.png")):
            picture = np.array(to_square(np.asarray(Image.open(path)), side))
            pictures.append(torch.from_numpy(picture).permute(2, 0, 1))
        return torch.stack(pictures)


def to_square(picture: np.ndarray, side: int) -> Image.Image:
    """The middle of a photograph."""
    least = min(picture.shape[:2])
    top, left = (picture.shape[0] - least) // 2, (picture.shape[1] - least) // 2
    cut = Image.fromarray(picture[top : top + least, left : left + least])
    return cut.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
