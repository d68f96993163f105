"""What `shapes-textures` renders, and how it is written: `shapes-textures:n=2000,cues=conflict`."""

from __future__ import annotations

from dataclasses import dataclass

from maskwright.data.rendered.rendered_source import PictureCounts
from maskwright.support.checks import check_inside, check_one_of

LABELS = ("shape", "texture", "both")
CUES = ("free", "agree", "conflict")
# Settings that lie between 0 and a largest value.
_LARGEST = {"background": 1.0, "crop": 0.9, "contrast": 1.0, "figure": 1.0, "turn": 180.0}


@dataclass(frozen=True, kw_only=True)
class ShapesTextures(PictureCounts):
    """What is rendered.

    labels: shape, texture or both.
    cues: free (independent), agree (each shape has its own texture) or conflict (never its own).
    background: share of pictures whose background has a texture too, drawn by itself.
    crop: how much closer the camera may come, 0 to 0.9.
    contrast: of the textures, 0 leaves plain silhouettes.
    figure: difference in brightness of figure and ground, 0 to 1.
    turn: degrees that a silhouette may turn either way.
    seed: of everything that is drawn by chance.
    """

    labels: str = "shape"
    cues: str = "free"
    background: float = 0.0
    crop: float = 0.0
    contrast: float = 1.0
    figure: float = 1.0
    turn: float = 30.0
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_one_of("labels", self.labels, LABELS)
        check_one_of("cues", self.cues, CUES)
        for name, largest in _LARGEST.items():
            check_inside(name, getattr(self, name), 0.0, largest)
