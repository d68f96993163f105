"""What the README tells a newcomer to type works: its commands run on a few small pictures, but for
those listed with a reason.
"""

from __future__ import annotations

import ast
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import maskwright
from maskwright.cli.commands import COMMANDS
from maskwright.cli.main import main
from maskwright.cli.parser import build_parser
from maskwright.workflows.settings.recipes import build_settings
from tests.conftest import draw_pictures
from tests.workflows.conftest import SMALL

ROOT = Path(__file__).parents[1]
GUIDE = [
    *sorted((ROOT / "docs" / "guide").glob("*.md")),
    *sorted((ROOT / "docs" / "howto").glob("*.md")),
    ROOT / "docs" / "start.md",
    ROOT / "docs" / "which-policy.md",
    ROOT / "docs" / "five-projects.md",
]
README = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *GUIDE))
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)
LINES = [
    line.split("#")[0].strip()
    for kind, block in BLOCKS
    if kind == "bash"
    for line in block.splitlines()
]
PYTHON = [block for kind, block in BLOCKS if kind == "python"]
COMMAND_LINES = [
    line.split("maskwright ", 1)[1]
    for line in LINES
    if "maskwright " in line and "uv pip" not in line
]

SIZES = [f"--{name.replace('_', '-')}={value}" for name, value in SMALL.items() if name != "track"]
SMALLER = {
    "masks": ["--draws=20", "--image-size=16", "--patch-size=4"],
    "pretrain": [*SIZES, "--track=none", "--epochs=1"],
    "evaluate": ["--probe=knn", "--device=cpu"],
    "finetune": ["--epochs=1", "--batch-size=4", "--device=cpu"],
    "survey": ["--no-faces"],
    "select": ["--epochs=1", "--batch-size=16", "--device=cpu"],
}
"""What is added to a line of each command so that it takes a second: the last word of a flag
counts.
"""
ONLY_PARSED = {
    "--minutes 3": "trains for three minutes; tests/workflows/test_pretrain.py trains shorter",
    "demo": "trains for a minute and a half on pictures of a package",
    "compare ": "trains several arms; tests/studies/test_study.py runs this command",
    "study improvements": "trains several arms on STL-10; tests/studies/test_study.py runs it",
    "--dry-run": "reads STL-10; tests/studies/test_plan_changes.py runs it on fewer pictures",
    "publish ": "needs a finished study; tests/studies/test_publishing.py has one",
    "linear,attentive,finetune": "a minute of probes; tests/workflows/test_evaluate.py runs each",
    "linear_official": "a hundred epochs; tests/workflows/test_evaluate.py runs it shorter",
    "segmentation(": "needs maps; tests/workflows/test_dense_probes.py has some",
    "regression(": "needs numbers; tests/workflows/test_dense_probes.py has some",
    "--anomalous": "needs odd pictures; tests/workflows/test_anomalies.py has some",
    "--tests": "ten seconds; tests/workflows/test_diagnose.py runs this command",
    "shapes-textures": "renders 5,000 pictures; tests/workflows/test_diagnose.py renders fewer",
    "prepare ": "needs faces for its parts; tests/workflows/test_prepare.py runs this command",
    "parts(weights": "needs a map of parts; tests/workflows/test_informed_policies.py has one",
    "SCANS": "needs deep files; tests/data/sources/test_reading.py has some",
    "STACKS": "needs files of many pages; tests/data/sources/test_reading.py has some",
    "{000000": "needs a thousand shards; tests/data/sources/test_shards.py has a few",
    "torchvision:": "fetches pictures; tests/workflows/test_every_recipe.py runs these recipes",
    "runs/cifar10 ": "needs that run; tests/workflows/test_select.py has one",
    "TINY-IMAGENET": "as above",
    "anime@small": "as above",
    "study PLAN": "needs a cluster; tests/studies/test_ray_workers.py starts one",
    "--devices": "starts two processes; tests/workflows/test_two_processes.py does",
    "--compile": "compiles for half a minute; tests/workflows/test_compiled_runs.py does without",
    "--track": "starts two trackers; tests/training/test_trackers.py reads them back",
    "doctor RUN": "its exit code is the verdict; tests/workflows/test_doctor.py runs this command",
    "doctor runs/": "as above",
    "studio ": "serves until it is stopped; tests/studio has one in a real browser",
    "inspect FILE": "needs a file of weights; tests/weights/test_agreement.py has many kinds",
    "official:": "fetches weights",
    "timm:": "fetches weights",
    "--apply": "needs a trained scorer; tests/workflows/test_select.py has one",
    "zoo:": "a model of another size; tests/workflows/test_start.py has a tiny zoo",
    "--recipe facade": "fetches weights; tests/workflows/test_every_recipe.py draws them instead",
}
"""Parts of the lines that are understood but not run, each with its reason."""
RUN_LINES = [line for line in COMMAND_LINES if not any(part in line for part in ONLY_PARSED)]


def draw_halves(photos: Path, maps: Path) -> None:
    """A label map of two halves for each picture."""
    for path in photos.rglob("*.png"):
        place = maps / path.relative_to(photos)
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.arange(16, dtype=np.uint8)[:, None].repeat(16, 1) // 8).save(place)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that the README's lines name: pictures, labels, a hole, runs and a
    store.
    """
    here = tmp_path_factory.mktemp("readme")
    for name, count in (("PHOTOS", 24), ("photos", 12), ("LABELED", 24)):
        for index, picture in enumerate(draw_pictures(count)):
            folder = here / name / ("even" if index % 2 == 0 else "odd")
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(folder / f"{index:02d}.png")
    for name in ("IMAGE.jpg", "face.png", "house.jpg", "photos/one.jpg"):
        Image.fromarray(draw_pictures(1, side=48)[0]).save(here / name)
    hole = np.zeros((48, 48), dtype=np.uint8)
    hole[16:28, 16:28] = 255
    Image.fromarray(hole).save(here / "hole.png")
    maskwright.pretrain(
        here / "PHOTOS", out=here / "RUN", epochs=2, keep=[1], **{**SMALL, "val": "0.2"}
    )
    # A head to segment with, and features to look neighbors up in.
    draw_halves(here / "PHOTOS", here / "MAPS")
    probe = f"segmentation(maps='{here / 'MAPS'}')"
    maskwright.evaluate(here / "RUN", str(here / "PHOTOS"), probe=probe, baselines=False)
    maskwright.embed(here / "RUN", str(here / "PHOTOS"), out=str(here / "features.npz"))
    for name in ("RUN_A", "RUN_B", "runs/photos-vit_nano-random"):
        shutil.copytree(here / "RUN", here / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        patch.setenv("MASKWRIGHT_CACHE", str(here / "cache"))
        assert main(shlex.split("prepare PHOTOS --out STORE --size 16 --priors foreground")) == 0
    return here


def written(place: Path) -> set[tuple[Path, int]]:
    """All files with the time when each was written, so that one written anew counts too."""
    return {(path, path.stat().st_mtime_ns) for path in place.rglob("*") if path.is_file()}


@pytest.mark.parametrize("line", RUN_LINES)
def test_a_command_line_of_the_readme_runs(
    line: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    words = shlex.split(line)
    before = written(place)
    ended = main([*words, *SMALLER.get(words[0], [])])
    said = capsys.readouterr()
    assert ended == 0, said.err
    made = written(place) - before
    assert made or words[0] in ("list", "doctor", "runs")
    assert said.out


def test_the_lines_that_are_not_run_are_few_and_there() -> None:
    for part, reason in ONLY_PARSED.items():
        assert any(part in line for line in COMMAND_LINES), f"{part} ({reason}) is no longer there"
    assert len(RUN_LINES) > len(COMMAND_LINES) / 2


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_every_command_line_of_the_readme_is_understood(line: str) -> None:
    words = shlex.split(line)
    parsed = build_parser(words).parse(words)
    assert parsed is not None
    if parsed.command == "pretrain":
        build_settings(
            **{
                name: value
                for name, value in parsed.options.items()
                if value not in (None, False) and name != "set"
            }
        )


@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_a_python_block_of_the_readme_runs(
    number: int, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it stands but for its size: a training gets the small model and one epoch."""
    train = maskwright.pretrain

    def short(*words: Any, **asked: Any) -> maskwright.Run:
        return train(*words, **{**asked, **SMALL, "epochs": 1, "val": "0.25"})

    monkeypatch.chdir(place)
    monkeypatch.setattr(maskwright, "pretrain", short)
    maskwright.export("RUN", format="timm")
    shutil.copytree("LABELED", "labeled", dirs_exist_ok=True)
    names: dict[str, Any] = {"images": draw_pictures(2)}
    *first, last = ast.parse(PYTHON[number]).body
    exec(compile(ast.Module(first, []), "README.md", "exec"), names)
    assert isinstance(last, ast.Expr)
    answers = eval(compile(ast.Expression(last.value), "README.md", "eval"), names)
    assert all(answer is not None for answer in answers)


def test_the_readme_names_only_commands_that_exist() -> None:
    assert set(re.findall(r"`maskwright (\w+)", README)) <= set(COMMANDS)


def test_pictures_of_the_readme_are_there() -> None:
    for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (ROOT / path).exists()
