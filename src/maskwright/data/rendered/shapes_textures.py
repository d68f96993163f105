"""Rendered silhouettes with procedural surfaces as a source of pictures: two cues under exact
control, nothing to download.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from maskwright.data.pixels.decode import AS_STORED, UnreadableImage, Wanted
from maskwright.data.pixels.pixel_values import fit_pixels
from maskwright.data.rendered.drawing import (
    SHAPES,
    TEXTURES,
    Colors,
    Pose,
    Weave,
    compose,
    draw_colors,
    draw_pose,
    draw_weave,
    paint,
    render_mask,
    render_surface,
)
from maskwright.support.checks import check_at_least, check_inside, check_one_of
from maskwright.support.errors import MaskwrightError, did_you_mean
from maskwright.support.files import hash_strings
from maskwright.support.seeding import sample_rng

PREFIX = "shapes-textures"
PAIRS: dict[str, str] = dict(zip(TEXTURES, SHAPES, strict=True))
"""The shape that each texture goes with where cues agree."""
_VERSION = 1
_SPLITS = ("train", "test")
_LABELS = ("shape", "texture", "both")
_CUES = ("free", "agree", "conflict")


@dataclass(frozen=True, kw_only=True)
class ShapesTextures:
    """What is rendered.

    n, test: pictures of the train and of the test split (test: a quarter of n when None).
    size: side in pixels.
    labels: shape, texture or both.
    cues: free (independent), agree (each shape has its own texture) or conflict (never its own).
    background: share of pictures whose background has a texture too, drawn by itself.
    crop: how much closer the camera may come, 0 to 0.9.
    contrast: of the textures, 0 leaves plain silhouettes.
    figure: difference in brightness of figure and ground, 0 to 1.
    turn: degrees that a silhouette may turn either way.
    """

    n: int = 2000
    test: int | None = None
    size: int = 64
    labels: str = "shape"
    cues: str = "free"
    background: float = 0.0
    crop: float = 0.0
    contrast: float = 1.0
    figure: float = 1.0
    turn: float = 30.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_at_least("n", self.n, 1)
        check_at_least("test", self.test, 1)
        check_at_least("size", self.size, 8)
        check_one_of("labels", self.labels, _LABELS)
        check_one_of("cues", self.cues, _CUES)
        for name, most in (
            ("background", 1.0),
            ("crop", 0.9),
            ("contrast", 1.0),
            ("figure", 1.0),
            ("turn", 180.0),
        ):
            check_inside(name, getattr(self, name), 0.0, most)

    def count(self, split: str) -> int:
        """Pictures of a split."""
        return (
            self.n
            if split == "train"
            else self.test
            if self.test is not None
            else max(1, self.n // 4)
        )


@dataclass(frozen=True, eq=False)
class Plan:
    """All that chance decided about one picture; shape and texture are numbers in SHAPES and
    TEXTURES.
    """

    shape: int
    texture: int
    pose: Pose
    weave: Weave
    colors: Colors
    ground: Colors
    ground_texture: int | None
    ground_weave: Weave


@dataclass(frozen=True, kw_only=True, eq=False)
class ShapesTexturesSource:
    """The pictures of one split, rendered when they are read; a picture depends on (options, seed,
    split, index) alone.
    """

    settings: ShapesTextures
    split: str
    name: str = PREFIX
    notes: tuple[str, ...] = ()
    splits: tuple[str, ...] = _SPLITS

    def __len__(self) -> int:
        return self.settings.count(self.split)

    @cached_property
    def cue_numbers(self) -> tuple[list[int], list[int]]:
        """The shape and the texture of every picture."""
        rng = sample_rng(self.settings.seed, 0, torch.arange(len(self)), f"{PREFIX} {self.split}")
        shapes = rng.fork("shape").integers(0, len(SHAPES))
        others = rng.fork("texture")
        match self.settings.cues:
            case "agree":
                textures = shapes
            case "conflict":
                textures = (shapes + others.integers(1, len(TEXTURES))) % len(TEXTURES)
            case _:
                textures = others.integers(0, len(TEXTURES))
        return shapes.tolist(), textures.tolist()

    @property
    def labels(self) -> list[int]:
        shapes, textures = self.cue_numbers
        if self.settings.labels == "both":
            return [
                shape * len(TEXTURES) + texture
                for shape, texture in zip(shapes, textures, strict=True)
            ]
        return shapes if self.settings.labels == "shape" else textures

    @property
    def classes(self) -> list[str]:
        if self.settings.labels == "both":
            return [f"{shape}-{texture}" for shape in SHAPES for texture in TEXTURES]
        return list(SHAPES if self.settings.labels == "shape" else TEXTURES)

    @property
    def fingerprint(self) -> str:
        return hash_strings([f"{PREFIX} {_VERSION}", self.split, str(self.settings)])

    def key(self, index: int) -> str:
        """The name in the manner of Geirhos et al. (2019), so that a cue-conflict test
        can read it.
        """
        shape, texture = (numbers[index] for numbers in self.cue_numbers)
        return f"{SHAPES[shape]}/{SHAPES[shape]}{index}-{TEXTURES[texture]}{index}.png"

    def size(self, index: int) -> tuple[int, int]:
        return self.settings.size, self.settings.size

    def read(self, index: int, wanted: Wanted = AS_STORED) -> np.ndarray:
        """Render one picture as (H, W, C) uint8."""
        try:
            return fit_pixels(self.render(self.plan(index)), wanted)
        except ValueError as error:
            raise UnreadableImage(self.key(index), str(error)) from error

    def plan(self, index: int) -> Plan:
        """Decide everything about one picture."""
        options = self.settings
        rng = sample_rng(options.seed, 0, torch.tensor([index]), f"{PREFIX} {self.split}")
        share, side, step, texture = rng.fork("ground").uniform(4)[0].tolist()
        level = 0.5 + (0.5 if side < 0.5 else -0.5) * options.figure * (0.5 + 0.5 * step)
        colors = draw_colors(rng.fork("colors"), options.contrast, 0.5 - 0.3 * (level - 0.5))
        return Plan(
            shape=self.cue_numbers[0][index],
            texture=self.cue_numbers[1][index],
            pose=draw_pose(rng.fork("pose"), options.turn, options.crop),
            weave=draw_weave(rng.fork("weave")),
            colors=colors,
            ground=draw_colors(
                rng.fork("ground colors"), options.contrast, 0.5 + 0.6 * (level - 0.5)
            ),
            ground_texture=int(texture * len(TEXTURES)) if share < options.background else None,
            ground_weave=draw_weave(rng.fork("ground weave")),
        )

    def render(self, plan: Plan) -> np.ndarray:
        """(size, size, 3) bytes of a plan."""
        size = self.settings.size
        figure = paint(render_surface(TEXTURES[plan.texture], plan.weave, size), plan.colors)
        plain = np.zeros((size, size))
        ground = (
            plain
            if plan.ground_texture is None
            else render_surface(TEXTURES[plan.ground_texture], plan.ground_weave, size)
        )
        return compose(self.mask(plan), figure, paint(ground, plan.ground))

    def mask(self, plan: Plan) -> np.ndarray:
        """(size, size) share of each pixel inside the silhouette."""
        return render_mask(SHAPES[plan.shape], plan.pose, self.settings.size)


def open_shapes_textures(text: str, split: str | None = None) -> ShapesTexturesSource:
    """Open `shapes-textures` or `shapes-textures:n=2000,size=64,cues=conflict`; split: train (all
    that is meant when None) or test.
    """
    settings = read_settings(text.removeprefix(PREFIX).removeprefix(":"))
    if split is not None and split not in _SPLITS:
        raise MaskwrightError(f"{PREFIX} has no split '{split}'; it has {' and '.join(_SPLITS)}.")
    return ShapesTexturesSource(settings=settings, split=split or "train")


def is_shapes_textures(text: str) -> bool:
    """Whether a text asks for rendered pictures."""
    return text == PREFIX or text.startswith(f"{PREFIX}:")


def read_settings(text: str) -> ShapesTextures:
    """Read `n=2000,size=64,cues=conflict`; raises MaskwrightError for an unknown option or a value
    that does not fit.
    """
    kinds = {item.name: item.default for item in dataclasses.fields(ShapesTextures)}
    options: dict[str, int | float | str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (word.strip() for word in part.partition("="))
        if not equals or name not in kinds:
            raise MaskwrightError(
                f"{PREFIX} has no option '{part}'.{did_you_mean(name, kinds)} Write"
                f" {PREFIX}:n=2000,size=64; it has: {', '.join(kinds)}."
            )
        options[name] = _convert(name, value, kinds[name])
    return ShapesTextures(**options)  # type: ignore[arg-type]


def _convert(name: str, value: str, default: object) -> int | float | str:
    if isinstance(default, str):
        return value
    try:
        return float(value) if isinstance(default, float) else int(value)
    except ValueError as error:
        raise MaskwrightError(f"{PREFIX}: {name} is a number; got '{value}'.") from error
