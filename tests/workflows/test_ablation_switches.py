"""Every switch of a block-mask ablation works from the command line and reaches the model that is
trained.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import maskwright
from maskwright.cli.main import main

TINY = (
    "--image-size 32 --model vit_nano --width 24 --depth 1 --heads 2 --decoder-width 16"
    " --decoder-heads 2 --batch-size 8 --steps 1 --device cpu --precision 32-true --track none"
    " --knn-every 0"
)
SWITCHES = (  # five runs that name every value once
    "--patch-size 4 --policy block(size=1) --ratio 0.65 --decoder-depth 1 --positions sincos",
    "--patch-size 4 --policy block(size=2) --ratio 0.75 --decoder-depth 2 --positions learned",
    "--patch-size 4 --policy block(size=4) --ratio 0.65 --decoder-depth 4 --positions rotary",
    "--patch-size 8 --policy random --ratio 0.85 --decoder-depth 8 --positions none",
    (
        "--patch-size 16 --policy random --ratio 0.75 --decoder-depth 1 --positions none --decoder"
        " cross"
    ),
)


@pytest.mark.parametrize("switches", SWITCHES)
def test_a_switch_reaches_the_model(switches: str, shared_photos: Path, tmp_path: Path) -> None:
    words = [
        str(shared_photos),
        "--split",
        "train",
        "--out",
        str(tmp_path / "run"),
        *TINY.split(),
        *switches.split(" "),
    ]
    assert main(["pretrain", *words]) == 0
    run = maskwright.open_run(tmp_path / "run")
    given = dict(zip(switches.split(" ")[::2], switches.split(" ")[1::2], strict=True))
    config, flat = run.model().config, run.settings.to_flat()
    for flag, value in given.items():
        name = flag.removeprefix("--").replace("-", "_")
        found = (
            getattr(config, name)
            if name in ("patch_size", "decoder", "decoder_depth", "positions")
            else flat[name]
        )
        assert str(found) == value
