"""The page of mistakes: the most likely ones are made here, and what is answered is shown."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from maskwright.cli.main import main
from site_pages.files import write_changed


@dataclass(frozen=True)
class Mistake:
    """A mistake that a newcomer makes.

    title: what went wrong, in a few words.
    words: what is typed after `maskwright`.
    """

    title: str
    words: tuple[str, ...]


MISTAKES = (
    Mistake("The folder is not there", ("pretrain", "PHOTOZ")),
    Mistake("The folder has no pictures", ("pretrain", "EMPTY")),
    Mistake("A policy's name has a typing error", ("masks", "PHOTOS", "--policy", "blok(size=2)")),
    Mistake("A policy has no such option", ("masks", "PHOTOS", "--policy", "block(width=2)")),
    Mistake(
        "The patch size does not divide the picture size",
        ("pretrain", "PHOTOS", "--image-size", "32", "--patch-size", "5"),
    ),
    Mistake("The ratio is a percentage", ("masks", "PHOTOS", "--ratio", "75")),
    Mistake("A flag has a typing error", ("pretrain", "PHOTOS", "--epoch", "5")),
    Mistake("The pictures have no labels", ("evaluate", "zoo:dead-leaves-32", "--data", "PHOTOS")),
    Mistake("The run does not exist", ("evaluate", "runs/nothing", "--data", "LABELED")),
    Mistake("The policy needs a map", ("masks", "PHOTOS", "--policy", "foreground")),
)


def write_mistakes(page: Path) -> None:
    """Make every mistake in a folder of small pictures, and write down the answers."""
    parts = [
        "# The ten most likely mistakes",
        "Each message says what is wrong, what came and what to do. These were made while this page"
        " was built; the program ends with exit code 2 and leaves nothing behind.",
    ]
    with TemporaryDirectory() as place:
        draw_pictures(Path(place))
        for mistake in MISTAKES:
            typed = " ".join(f'"{word}"' if "(" in word else word for word in mistake.words)
            block = f"$ maskwright {typed}\n{make(mistake, Path(place))}"
            parts += [f"## {mistake.title}", f"```console\n{block}\n```"]
    write_changed(page, "\n\n".join(parts) + "\n")


def make(mistake: Mistake, place: Path) -> str:
    """What the command line answers; raises AssertionError where it is no mistake any more."""
    # As a user would: in the folder, with a cache that is empty.
    said = io.StringIO()
    before, cache = Path.cwd(), os.environ.get("MASKWRIGHT_CACHE")
    os.chdir(place)
    os.environ["MASKWRIGHT_CACHE"] = str(place / "cache")
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            # What the log would say is said on the screen too.
            logging.disable(logging.CRITICAL)
            code = main(list(mistake.words))
    finally:
        logging.disable(logging.NOTSET)
        os.chdir(before)
        os.environ.pop("MASKWRIGHT_CACHE")
        if cache is not None:
            os.environ["MASKWRIGHT_CACHE"] = cache
    # Colors are for terminals, and the place of the folder is for nobody.
    text = re.sub(r"\x1b\[[0-9;]*m", "", said.getvalue()).replace(f"{place}/", "").strip()
    assert code == 2, f"{mistake.title}: exit code {code}, {text}"
    assert text, f"{mistake.title}: no message"
    return text


def draw_pictures(place: Path) -> None:
    """Small pictures of noise, in folders of the names that the mistakes use."""
    # Noise will do: no mistake gets as far as looking at it.
    rng = np.random.default_rng(0)
    (place / "EMPTY").mkdir()
    for name in ("PHOTOS", "LABELED/even", "LABELED/odd"):
        (place / name).mkdir(parents=True)
        for index in range(12):
            picture = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(picture).save(place / name / f"{index:02d}.png")
