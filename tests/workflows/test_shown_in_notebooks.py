"""What commands return shows itself in a notebook, once and without running what is in a name."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import maskwright
from maskwright.masking.policy import Scene, Traits

PICTURE = 'src="data:image/png;base64,'
NAME = "<b>&bold.png"


@dataclass(frozen=True, kw_only=True)
class LeftPolicy:
    """Mask the left columns first."""

    word: str = "<i>"
    traits: ClassVar[Traits] = Traits(uniform=False)

    def score(self, scene: Scene) -> Tensor:
        columns = torch.arange(scene.grid.cols).repeat(scene.grid.rows)
        return -columns.float().expand(scene.batch_size, -1)


@dataclass(frozen=True, kw_only=True)
class LargeBlocksPolicy(LeftPolicy):
    """Needs more patches than there are."""

    def check_grid(self, grid: Any, num_masked: int) -> None:
        raise maskwright.MaskwrightError(f"{grid} is too small for this test.")


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What stands below the cells of a notebook, as plain text."""
    texts: list[str] = []
    monkeypatch.setattr(logging.getLogger("maskwright.data"), "handlers", [])

    def display(bundle: dict[str, str], raw: bool, display_id: bool = False) -> Any:
        at = len(texts)
        texts.append(bundle["text/plain"])

        def update(changed: dict[str, str], raw: bool) -> None:
            texts[at] = changed["text/plain"]

        return SimpleNamespace(update=update)

    shell = SimpleNamespace(kernel=object())
    notebook = SimpleNamespace(get_ipython=lambda: shell, display=SimpleNamespace(display=display))
    monkeypatch.setitem(sys.modules, "IPython", notebook)  # type: ignore[arg-type]
    return texts


def test_masks_show_the_gallery_with_its_table_and_say_no_table(
    shared_photos: Path, tmp_path: Path, shown: list[str]
) -> None:
    report = maskwright.masks(
        shared_photos, policy=[LeftPolicy(), "random"], draws=8, out=str(tmp_path / "masks.png")
    )
    html = report._repr_html_()
    assert PICTURE in html
    assert "copy_error" in html
    # The policy is an object of this file, and its name is text on the page.
    assert "&lt;i&gt;" in html
    assert "<i>" not in html
    said = "\n".join(shown)
    assert "Gallery: " in said
    assert "copy_error" not in said


def test_a_policy_as_an_object_is_checked_like_one_by_name(
    shared_photos: Path, tmp_path: Path
) -> None:
    with pytest.raises(maskwright.MaskwrightError, match="too small for this test"):
        maskwright.masks(shared_photos, policy=LargeBlocksPolicy())
    report = maskwright.masks(
        shared_photos,
        policy=LeftPolicy(),
        ratio=0.5,
        draws=4,
        pictures=1,
        out=str(tmp_path / "left.png"),
    )
    left = report.geometry[str(LeftPolicy())].share_masked
    assert left[:, : left.shape[1] // 2].all()
    assert not left[:, left.shape[1] // 2 :].any()


def test_evaluations_show_results_and_differences(
    small_run: maskwright.Run, shared_photos: Path, tmp_path: Path, shown: list[str]
) -> None:
    measured = small_run.evaluate("knn", data=shared_photos, out=tmp_path)
    html = measured._repr_html_()
    for line in measured.lines():
        assert escape(line) in html
    # The paired differences stand below the results.
    assert any("this encoder" in line and "random weights" in line for line in measured.lines())
    assert not any(measured.lines()[0] in text for text in shown)


def test_fills_show_the_sheet_and_the_numbers(
    small_run: maskwright.Run, tmp_path: Path, shown: list[str]
) -> None:
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / NAME)
    holes = np.eye(16, dtype=bool)
    for options in ({}, {"full": True}, {"mask": holes}):
        html = small_run.reconstruct(tmp_path / NAME, **options)._repr_html_()
        assert PICTURE in html
        assert "PSNR" in html
        assert "&lt;b&gt;&amp;bold" in html
        assert "<b>" not in html
    # Where it was written is said, and the table only shown.
    assert sum("Sheet: " in text for text in shown) == 3
    assert not any("HF error  " in text for text in shown)


def test_a_checkup_shows_its_sentences_and_the_neighbors(
    small_run: maskwright.Run, tmp_path: Path, shown: list[str]
) -> None:
    checkup = small_run.doctor(out=tmp_path)
    html = checkup._repr_html_()
    assert PICTURE in html
    assert checkup.verdict in html
    assert not any(checkup.findings[0].text in text for text in shown)


def test_an_encoder_of_the_zoo_shows_its_card(small_run: maskwright.Run) -> None:
    html = maskwright.load("zoo:dead-leaves-32")._repr_html_()
    assert "Not good for: features for use as they are" in html
    assert "dead-leaves:n=20000" in html
    assert "Not good for" not in maskwright.load(small_run.path)._repr_html_()


def test_runs_show_their_table(small_run: maskwright.Run) -> None:
    html = maskwright.list_runs(small_run.path.parent)._repr_html_()
    assert "policy" in html
    assert html.startswith("<pre")


def test_a_mistake_is_a_sentence_there_and_no_traceback() -> None:
    with pytest.raises(maskwright.MaskwrightError) as caught:
        maskwright.masks("nowhere")
    assert caught.value._render_traceback_() == [f"MaskwrightError: {caught.value}"]
