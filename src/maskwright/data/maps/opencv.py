"""OpenCV, an optional package, imported when first needed: saliency, GrabCut and cascades."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.data.maps.originals import Part
from maskwright.support.errors import MaskwrightError

# OpenCV takes a signed 32-bit seed.
_SEED_BITS = 0x7FFFFFFF
# GrabCut starts with so much of the picture as background, and a foreground below the second share
# is taken for a failure.
_DULL, _NEXT_TO_NOTHING = 0.1, 0.03


def load_opencv() -> Any:
    """Import OpenCV 4 with its contributed modules; raises MaskwrightError naming the extra."""
    try:
        import cv2
    except ImportError as error:
        raise MaskwrightError("This needs OpenCV: pip install 'maskwright[priors]'.") from error
    if not hasattr(cv2, "CascadeClassifier") or not hasattr(cv2, "saliency"):
        raise MaskwrightError(
            f"The OpenCV installed here ({cv2.__version__}) has no cascades or no saliency; "
            "use version 4 with contributions: pip install 'maskwright[priors]'."
        )
    return cv2


def measure_saliency(pixels: np.ndarray) -> np.ndarray:
    """How much each pixel of a (H, W, 3) uint8 picture stands out, (H, W) float in [0, 1].

    The mean of OpenCV's two static methods: spectral residual (Hou and Zhang 2007) and
    fine grained (Montabone and Soto 2010). Neither needs a model.
    """
    cv2 = load_opencv()
    # OpenCV's color order is blue, green, red.
    bgr = np.ascontiguousarray(pixels[:, :, ::-1])
    spectral = cv2.saliency.StaticSaliencySpectralResidual_create()
    fine_grained = cv2.saliency.StaticSaliencyFineGrained_create()
    _, coarse = spectral.computeSaliency(bgr)
    _, fine = fine_grained.computeSaliency(bgr)
    return (_stretch(coarse) + _stretch(fine)) / 2


def cut_foreground(pixels: np.ndarray, seed: int) -> np.ndarray:
    """Separate foreground from background: (H, W) bool of a (H, W, 3) uint8 picture.

    GrabCut (Rother et al. 2004) started from saliency: all but the tenth that stands out least is
    probably foreground, a thin frame is background. Where that leaves next to nothing, as when the
    subject reaches the borders, the frame is only probably background in a second try.

    seed: of OpenCV's chance.
    """
    cv2 = load_opencv()
    # Blurred, because saliency is high at edges and low inside of what they surround.
    height, width = pixels.shape[:2]
    blur = max(1.0, min(height, width) / 16)
    sharp = measure_saliency(pixels).astype(np.float32)
    blurred = cv2.GaussianBlur(sharp, (0, 0), blur)
    saliency = _stretch(blurred) * _centered(height, width)
    stands_out = saliency > np.quantile(saliency, _DULL)
    start = np.where(stands_out, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    foreground = _grab(cv2, pixels, _framed(start, cv2.GC_BGD), seed)
    if foreground.mean() >= _NEXT_TO_NOTHING:
        return foreground
    return _grab(cv2, pixels, _framed(start, cv2.GC_PR_BGD), seed)


def _framed(start: np.ndarray, value: int) -> np.ndarray:
    """The start with a thin frame of one value at the top, left and right."""
    # None at the bottom: subjects often stand on the lower border.
    frame = max(1, min(start.shape) // 32)
    framed = start.copy()
    framed[:frame] = value
    framed[:, :frame] = value
    framed[:, -frame:] = value
    return framed


def _grab(cv2: Any, pixels: np.ndarray, start: np.ndarray, seed: int) -> np.ndarray:
    cv2.setRNGSeed(seed & _SEED_BITS)
    bgr = np.ascontiguousarray(pixels[:, :, ::-1])
    # Room for the two color models, whose 65 numbers each OpenCV fills in.
    background = np.zeros((1, 65))
    foreground = np.zeros((1, 65))
    iterations = 4
    mask, *_ = cv2.grabCut(
        bgr, start, None, background, foreground, iterations, cv2.GC_INIT_WITH_MASK
    )
    return (mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)


@dataclass(frozen=True)
class CascadeFinder:
    """Finds a named part with a cascade (Viola and Jones 2001).

    part: its name.
    file: a cascade that OpenCV ships, or a path.
    least_share: the smallest part looked for, as a share of the picture's shorter side.
    """

    part: str
    file: str = "haarcascade_frontalface_alt2.xml"
    least_share: float = 0.1
    _local: threading.local = field(default_factory=threading.local, repr=False, compare=False)

    def find(self, pixels: np.ndarray) -> list[Part]:
        """Find parts in a (H, W, 3) uint8 picture."""
        cv2 = load_opencv()
        gray = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
        gray = cv2.equalizeHist(gray)
        # Eight pixels are the least that a cascade could see anything in.
        least = max(8, int(min(gray.shape) * self.least_share))
        # OpenCV's own usual values: each scale 10 % larger, four hits beside each other.
        boxes = self._cascade().detectMultiScale(
            gray, scaleFactor=1.1, minNeighbors=4, minSize=(least, least)
        )
        return [Part(self.part, *map(float, box)) for box in boxes]

    def _cascade(self) -> Any:
        """One classifier for each thread: it keeps state while it looks."""
        if not hasattr(self._local, "cascade"):
            cv2 = load_opencv()
            shipped = Path(cv2.data.haarcascades) / self.file
            own = Path(self.file)
            path = own if own.exists() else shipped
            cascade = cv2.CascadeClassifier(str(path)) if path.exists() else None
            if cascade is None or cascade.empty():
                raise MaskwrightError(
                    f"'{self.file}' is neither a cascade file (.xml) nor one that OpenCV ships."
                )
            self._local.cascade = cascade
        return self._local.cascade


def _stretch(values: np.ndarray) -> np.ndarray:
    low = float(values.min())
    high = float(values.max())
    # A map that is the same everywhere says nothing.
    if high <= low:
        return np.zeros_like(values)
    return (values - low) / (high - low)


def _centered(height: int, width: int) -> np.ndarray:
    """A broad hill: pictures are mostly framed around what they show."""
    down = _from_middle(height)[:, None]
    across = _from_middle(width)[None]
    distance = down**2 + across**2  # (H, W)
    return np.exp(-distance / 1.2)


def _from_middle(side: int) -> np.ndarray:
    """(side,) from -1 to 1: where the middles of pixels lie."""
    shares = (np.arange(side) + 0.5) / side
    return shares * 2 - 1
