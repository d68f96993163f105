"""A ballot: the same masks for all models, pictures that none was trained on first, no mix-ups."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from maskwright.data.sources.open import open_source
from maskwright.data.store.same_picture import hash_names
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.patches.pixels import PixelScale
from maskwright.studies.voting.ballot import BallotSettings, prepare_ballot
from maskwright.studies.voting.ballot_pictures import choose_unseen
from maskwright.support.errors import MaskwrightError
from maskwright.weights.checkpoint import save_model
from maskwright.workflows.loading.seen import FILE
from maskwright.workflows.runs.locate import load_any
from tests.tiny_zoo import CONFIG


def settings_for(folder: Path, photos: Path, **changes: object) -> BallotSettings:
    """A vote about a model that fills in brightly and one that fills in darkly."""
    scale = PixelScale((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    runs = {}
    for name, bias in (("bright", 1.5), ("dark", -1.5)):
        # Of raw pixels: the brightness of normalized patches is that of their neighbors.
        model = MaskedAutoencoder(replace(CONFIG, target="raw"))
        torch.nn.init.constant_(model.decoder.pred.bias, bias)
        runs[name] = str(folder / f"{name}.ckpt")
        save_model(Path(runs[name]), model, scale, {"policy": "random", "ratio": "0.75"})
    asked = {"title": "Which?", "runs": runs, "pictures": str(photos), "count": 4, **changes}
    return BallotSettings(**asked)  # type: ignore[arg-type]


def brightness(png: bytes) -> float:
    return float(np.asarray(Image.open(io.BytesIO(png)).convert("L")).mean())


def test_every_fill_is_that_of_its_model(tmp_path: Path, photos: Path) -> None:
    settings = settings_for(tmp_path, photos)
    ballot = prepare_ballot(settings)
    # The policy and the ratio of the first model, as nothing else was asked for.
    assert (ballot.policy, ballot.ratio) == ("random", 0.75)
    assert ballot.methods == ("bright", "dark")
    # A checkpoint alone does not know its pictures.
    assert ballot.seen == {"bright": None, "dark": None}
    assert len(ballot.pictures) == 4
    for picture in ballot.pictures:
        bright, dark = map(brightness, picture.fills)
        assert bright > dark + 20
    assert prepare_ballot(settings).pictures == ballot.pictures


def test_pictures_that_were_trained_on_come_last(tmp_path: Path, photos: Path) -> None:
    runs = settings_for(tmp_path, photos).runs
    source = open_source(str(photos))
    keys = [source.key(index) for index in range(len(source))]
    none = np.zeros(0, np.int64)
    # What a training leaves beside its weights: all pictures but the last three.
    np.savez(
        tmp_path / FILE,
        data=str(photos),
        names=hash_names(keys[:-3]).numpy(),
        pixels=none,
        test=none,
    )
    loaded = load_any(runs["bright"])
    few = choose_unseen(str(photos), 3, runs, loaded)
    assert few.seen == {"bright": 0, "dark": 0}
    assert list(few.chosen.names) == [Path(key).name for key in keys[-3:]]
    every = choose_unseen(str(photos), 100, runs, loaded)
    assert every.seen == {"bright": len(keys) - 3, "dark": len(keys) - 3}


def test_what_cannot_be_compared_is_a_sentence(tmp_path: Path, photos: Path) -> None:
    with pytest.raises(MaskwrightError, match="one policy and one ratio"):
        prepare_ballot(settings_for(tmp_path, photos, policy="random; block(size=2)"))
    with pytest.raises(MaskwrightError, match="2 to 8 models; got 1"):
        settings_for(tmp_path, photos, runs={"one": "runs/one"})
    with pytest.raises(MaskwrightError, match="it names 'bright'"):
        settings_for(tmp_path, photos, title="Is bright better?")
    with pytest.raises(MaskwrightError, match="at most 200 pictures"):
        settings_for(tmp_path, photos, count=500)
