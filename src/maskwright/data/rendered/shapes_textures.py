"""Rendered silhouettes with procedural surfaces as a source of pictures.

Two cues under exact control, and nothing to download.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import ClassVar

import numpy as np
import torch

from maskwright.data.rendered.drawing import (
    SHAPES,
    TEXTURES,
    Colors,
    Pose,
    TextureMapping,
    compose,
    draw_colors,
    draw_mapping,
    draw_pose,
    paint,
    render_mask,
    render_surface,
)
from maskwright.data.rendered.rendered_source import RenderedSource, open_rendered
from maskwright.data.rendered.shapes_textures_settings import ShapesTextures

PAIRS: dict[str, str] = dict(zip(TEXTURES, SHAPES, strict=True))
"""The shape that each texture goes with where cues agree."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PicturePlan:
    """All that chance decided about one picture.

    shape: number in SHAPES.
    texture: number in TEXTURES.
    pose: where the silhouette lies.
    mapping: how its surface lies.
    colors: of its surface.
    ground: colors of the background.
    ground_texture: number in TEXTURES; None for a plain background.
    ground_mapping: how the background's surface lies.
    """

    shape: int
    texture: int
    pose: Pose
    mapping: TextureMapping
    colors: Colors
    ground: Colors
    ground_texture: int | None
    ground_mapping: TextureMapping


@dataclass(frozen=True, kw_only=True, eq=False)
class ShapesTexturesSource(RenderedSource):
    """The silhouettes of one split, with their shape or texture as the class."""

    settings: ShapesTextures

    prefix: ClassVar[str] = "shapes-textures"
    kind: ClassVar[type] = ShapesTextures

    @cached_property
    def cue_numbers(self) -> tuple[list[int], list[int]]:
        """The shape and the texture of every picture."""
        rng = self.rng(torch.arange(len(self)))
        shapes = rng.fork("shape").integers(0, len(SHAPES))
        others = rng.fork("texture")
        match self.settings.cues:
            case "agree":
                textures = shapes
            case "conflict":
                # A step of at least 1 around the circle of textures never comes back to the own.
                steps = others.integers(1, len(TEXTURES))
                textures = (shapes + steps) % len(TEXTURES)
            case _:
                textures = others.integers(0, len(TEXTURES))
        return shapes.tolist(), textures.tolist()

    @property
    def labels(self) -> list[int]:
        shapes, textures = self.cue_numbers
        if self.settings.labels == "both":
            pairs = zip(shapes, textures, strict=True)
            return [shape * len(TEXTURES) + texture for shape, texture in pairs]
        return shapes if self.settings.labels == "shape" else textures

    @property
    def classes(self) -> list[str]:
        if self.settings.labels == "both":
            # In the order of the numbers above: all textures of the first shape, then the next.
            return [f"{shape}-{texture}" for shape, texture in product(SHAPES, TEXTURES)]
        return list(SHAPES if self.settings.labels == "shape" else TEXTURES)

    def key(self, index: int) -> str:
        """The name, which a cue-conflict test can read, as of Geirhos et al. (2019)."""
        shapes, textures = self.cue_numbers
        shape = SHAPES[shapes[index]]
        texture = TEXTURES[textures[index]]
        return f"{shape}/{shape}{index}-{texture}{index}.png"

    def draw(self, index: int) -> np.ndarray:
        """Decide everything about one picture, then render it."""
        return self.render(self.plan(index))

    def plan(self, index: int) -> PicturePlan:
        """Decide everything about one picture."""
        settings = self.settings
        # Every part has a stream of its own, so that a setting of one part moves no other. The
        # names of the streams belong to the pictures: with others all pictures would change.
        rng = self.rng(torch.tensor([index]))
        chances = rng.fork("ground").uniform(4)[0]
        share, side, step, texture = chances.tolist()

        # The ground is lighter or darker than middle gray by half to all of `figure`, and the
        # silhouette lies on the other side of it.
        direction = 0.5 if side < 0.5 else -0.5
        level = 0.5 + direction * settings.figure * (0.5 + 0.5 * step)
        figure_gray = 0.5 - 0.3 * (level - 0.5)
        ground_gray = 0.5 + 0.6 * (level - 0.5)

        shapes, textures = self.cue_numbers
        has_texture = share < settings.background
        return PicturePlan(
            shape=shapes[index],
            texture=textures[index],
            pose=draw_pose(rng.fork("pose"), settings.turn, settings.crop),
            mapping=draw_mapping(rng.fork("weave")),
            colors=draw_colors(rng.fork("colors"), settings.contrast, figure_gray),
            ground=draw_colors(rng.fork("ground colors"), settings.contrast, ground_gray),
            ground_texture=int(texture * len(TEXTURES)) if has_texture else None,
            ground_mapping=draw_mapping(rng.fork("ground weave")),
        )

    def render(self, plan: PicturePlan) -> np.ndarray:
        """(size, size, 3) bytes of a plan."""
        size = self.settings.size
        surface = render_surface(TEXTURES[plan.texture], plan.mapping, size)
        ground = np.zeros((size, size))
        if plan.ground_texture is not None:
            ground = render_surface(TEXTURES[plan.ground_texture], plan.ground_mapping, size)
        painted_figure = paint(surface, plan.colors)
        painted_ground = paint(ground, plan.ground)
        return compose(self.mask(plan), painted_figure, painted_ground)

    def mask(self, plan: PicturePlan) -> np.ndarray:
        """(size, size) share of each pixel inside the silhouette."""
        return render_mask(SHAPES[plan.shape], plan.pose, self.settings.size)


def open_shapes_textures(text: str, split: str | None = None) -> ShapesTexturesSource:
    """Open `shapes-textures` or `shapes-textures:n=2000,cues=conflict`; train without a split."""
    return open_rendered(ShapesTexturesSource, text, split)
