"""What finds heads for the smart crop: the detector that was named, or the one that finds most."""

from __future__ import annotations

from pathlib import Path

from maskwright.data.crop import Finder
from maskwright.data.maps.anime_faces import AnimeFinder, load_animeface
from maskwright.data.maps.opencv import CascadeFinder, load_opencv
from maskwright.data.pixels.decode import DecodeOptions, UnreadableImage
from maskwright.data.sources.open import Source
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter

HEADS = ("auto", "animeface", "cascade", "none")
# Pictures that `auto` tries detectors on.
_LOOK_AT = 16
# A detector that finds heads in a smaller share of the pictures mostly sees heads where none are.
_FOUND_ENOUGH = 0.25
# Smaller faces, as a share of a picture's shorter side, are mostly false alarms of the cascade.
_LEAST_FACE = 0.15
# Detectors see pictures at this size: faces stay large enough, and time small.
_SHORT_SIDE = 480


def pick_finders(heads: str, source: Source, reporter: Reporter) -> tuple[tuple[Finder, ...], str]:
    """The detectors for a word of HEADS or a cascade file, and how to call them.

    Raises MaskwrightError for an unknown word or a package that is missing.
    """
    if heads == "none":
        return (), "saliency only"
    if heads == "animeface":
        load_animeface()
        return (AnimeFinder(),), heads
    if heads == "cascade" or Path(heads).suffix.lower() == ".xml":
        load_opencv()
        # A person's own cascade finds what it was trained on, small things too.
        if heads == "cascade":
            return (CascadeFinder("face", least_share=_LEAST_FACE),), heads
        return (CascadeFinder("face", heads),), heads
    if heads != "auto":
        raise MaskwrightError(
            f"--heads is one of {', '.join(HEADS)} or a cascade file (.xml); got '{heads}'."
        )
    return _pick_by_sight(source, reporter)


def _pick_by_sight(source: Source, reporter: Reporter) -> tuple[tuple[Finder, ...], str]:
    """Count what each detector finds in a few pictures and take the one that finds most."""
    counts: dict[str, int] = {}
    finders: dict[str, Finder] = {}
    sample = range(0, len(source), max(1, len(source) // _LOOK_AT))
    detectors = (
        ("animeface", load_animeface, AnimeFinder()),
        ("cascade", load_opencv, CascadeFinder("face", least_share=_LEAST_FACE)),
    )
    for name, load, finder in detectors:
        # Both come with packages that need not be here.
        try:
            load()
        except MaskwrightError as error:
            reporter.say(f"heads: not with {name}: {error}")
            continue
        finders[name] = finder
        counts[name] = sum(_finds(finder, source, index) for index in sample)
    best = max(counts, key=lambda name: counts[name], default="none")
    listed = ", ".join(f"{name} in {count}" for name, count in counts.items())
    listed = listed or "no detector is installed"
    if counts.get(best, 0) < _FOUND_ENOUGH * len(sample):
        reporter.say(
            f"heads: too few found in {len(sample)} pictures looked at ({listed}); windows go"
            " where most stands out"
        )
        return (), "saliency only"
    reporter.say(f"heads: with {best}; found in {len(sample)} pictures looked at: {listed}")
    return (finders[best],), best


def _finds(finder: Finder, source: Source, index: int) -> bool:
    """Whether there is a head in a picture."""
    try:
        pixels = source.read(index, DecodeOptions(channels=3, short_side=_SHORT_SIDE))
        return bool(finder.find(pixels))
    except UnreadableImage:
        return False  # reported when the pictures are packed
