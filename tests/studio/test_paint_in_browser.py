"""Paint in a real browser: a person paints, undoes, shares and downloads, drops files, or has a
keyboard alone.
"""

from __future__ import annotations

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from tests.conftest import draw_pictures

pytestmark = pytest.mark.slow

SHOWN = ".paint[data-shown]"
DROP = """([name, data]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const files = new DataTransfer();
  files.items.add(new File([bytes], name));
  dispatchEvent(new DragEvent("drop", { dataTransfer: files, cancelable: true }));
}"""


def open_paint(page, address: str, hash: str = "#/paint") -> None:
    page.goto(f"{address}/{hash}")
    page.wait_for_selector(SHOWN)


def shown(page) -> str:
    """The mask of the fill that is to be seen."""
    return page.get_attribute(SHOWN, "data-shown")


def wait_for(page, mask: str) -> None:
    page.wait_for_function(
        "mask => document.querySelector('.paint').dataset.shown === mask", arg=mask
    )


def canvas_pixels(page, at: int) -> np.ndarray:
    """What a canvas shows: 0 the painting, 1 the first model."""
    # Drawn in the next frame.
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))")
    address = page.evaluate("at => document.querySelectorAll('canvas')[at].toDataURL()", at)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))))


def test_paint_fill_undo_link_and_download(page, studio_address: str, browser, tmp_path) -> None:
    open_paint(page, studio_address)
    first = shown(page)
    assert first.count("1") == 12  # the policy that it begins with
    page.get_by_role("button", name="Clear").click()
    assert page.get_by_text("Paint over the picture to hide patches.").is_visible()

    # A stroke over the upper row: the brush of two patches touches it alone.
    before = canvas_pixels(page, 1)
    box = page.locator("canvas").first.bounding_box()
    side = box["width"] / 4
    page.get_by_role("slider", name="Brush").fill("1")
    page.mouse.move(box["x"] + side / 2, box["y"] + side / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 3.5 * side, box["y"] + side / 2, steps=4)
    page.mouse.up()
    wait_for(page, "1111" + "0" * 12)
    after = canvas_pixels(page, 1)
    quarter = len(after) // 4
    assert (after[:quarter] != before[:quarter]).any()
    assert (after[quarter + 2 :] == before[quarter + 2 :]).all()

    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Undo").click()
    wait_for(page, first)
    page.get_by_role("button", name="Redo").click()
    page.get_by_role("button", name="Redo").click()
    wait_for(page, "1111" + "0" * 12)
    # Numbers of the model and of fills that learned nothing.
    page.wait_for_selector("th:has-text('smooth')")

    # The link opens the same in another window.
    page.wait_for_function("() => location.hash.includes('mask=')")
    other = browser.new_page()
    open_paint(other, studio_address, re.search("#.*", page.url).group())
    wait_for(other, "1111" + "0" * 12)
    other.close()

    files = {}
    page.on("download", lambda item: files.update({item.suggested_filename: item}))
    page.get_by_role("button", name="Download").click()
    page.wait_for_selector("text=Four files are downloaded.")
    for _ in range(50):
        if len(files) == 4:
            break
        page.wait_for_timeout(100)
    assert sorted(files) == ["000-mask.png", "000-picture.png", "000-sheet.png", "000.json"]
    for name, item in files.items():
        item.save_as(tmp_path / name)
    mask = np.asarray(Image.open(tmp_path / "000-mask.png").convert("L"))
    assert mask.shape == (16, 16)
    assert (mask[:4] == 255).all()
    assert (mask[4:] == 0).all()
    numbers = json.loads((tmp_path / "000.json").read_text())
    assert "--ratio 0.25" in numbers["command"]
    assert numbers["psnr"]["value"] > 0


def test_large_animated_and_broken_files_may_be_dropped(page, studio_address: str) -> None:
    def drop(name: str, data: bytes) -> None:
        page.evaluate(DROP, [name, base64.b64encode(data).decode()])

    open_paint(page, studio_address)
    drop("broken.png", b"\x89PNG\r\n\x1a\n but no more")
    page.wait_for_selector("[role=alert]:has-text(\"Cannot read 'broken.png'\")")

    frames = [Image.fromarray(picture) for picture in draw_pictures(3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, format="gif", save_all=True, append_images=frames[1:])
    drop("moving.gif", buffer.getvalue())
    page.wait_for_selector("[role=status]:has-text('has 3 frames; the first is shown')")
    page.wait_for_selector(".thumbnail[title='moving.gif'][aria-pressed=true]")

    buffer = io.BytesIO()
    Image.fromarray(np.full((5000, 8000), 90, np.uint8)).save(buffer, format="png")
    drop("forty-megapixels.png", buffer.getvalue())
    page.wait_for_selector(".thumbnail[title='forty-megapixels.png'][aria-pressed=true]")
    page.wait_for_function("() => location.hash.includes('picture=u')")


def test_everything_works_by_keyboard_alone(page, studio_address: str) -> None:
    open_paint(page, studio_address)
    press = page.keyboard.press
    press("x")
    # By Tab to the painting, as somebody does who sees no pointer.
    for _ in range(60):
        press("Tab")
        if page.evaluate("() => document.activeElement.classList.contains('paintable')"):
            break
    press("[")
    for key in ("ArrowUp", "ArrowUp", "ArrowLeft", "ArrowLeft", "Space"):
        press(key)
    wait_for(page, "1" + "0" * 15)
    press("Shift+ArrowRight")
    wait_for(page, "11" + "0" * 14)
    press("e")
    press("Space")
    wait_for(page, "1" + "0" * 15)
    press("Control+z")
    wait_for(page, "11" + "0" * 14)
    press("i")
    wait_for(page, "00" + "1" * 14)
    press("n")
    page.wait_for_function("() => location.hash.includes('picture=d0-1')")
    press("m")
    page.wait_for_selector("h2:has-text('second')")
    press("v")
    assert page.get_by_role("button", name="Prediction").get_attribute("aria-pressed") == "true"
    press("?")
    assert page.get_by_role("dialog").is_visible()
    press("Escape")
    assert not page.get_by_role("dialog").is_visible()
    assert page.locator("[role=alert]:visible").count() == 0


@pytest.mark.parametrize("room", ["paint", "policies"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_runs_over_the_side(page, studio_address: str, room: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{studio_address}/#/{room}")
    page.wait_for_selector(SHOWN if room == "paint" else "dd:not(:text-is('–'))")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator("[role=alert]:visible").count() == 0
