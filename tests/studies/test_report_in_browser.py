"""A report in a real browser: nothing runs over the side of a phone, every picture shows, and
nothing is asked of the network.
"""

import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

import maskwright
from maskwright.studies.record import Arm
from maskwright.studies.report.page import write_report
from tests.conftest import draw_pictures
from tests.studies.report.test_page import make_runs
from tests.studies.synthetic import EFFECTS, synthetic_study, synthetic_trial
from tests.workflows.conftest import SMALL

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt-get install chromium"),
]

PROBE = """<!doctype html><title>measuring</title><pre id="found"></pre>
<iframe src="report.html" style="border: 0; width: WIDTHpx; height: 740px"></iframe>
<script>
const frame = document.querySelector("iframe");
frame.onload = () => {
  const page = frame.contentDocument, root = page.documentElement;
  const right = element => element.getBoundingClientRect().right;
  const outside = element =>
    !element.closest(".box table") && right(element) > root.clientWidth + 1;
  const asked = frame.contentWindow.performance.getEntriesByType("resource").map(one => one.name);
  document.getElementById("found").textContent = JSON.stringify({
    scroll: root.scrollWidth, width: root.clientWidth,
    wide: [...page.querySelectorAll("body *")].filter(outside)
      .map(element => element.outerHTML.slice(0, 80)),
    images: [...page.images].map(one => one.naturalWidth),
    figures: [...page.querySelectorAll("figure svg")]
      .map(figure => figure.getBoundingClientRect().height),
    asked: asked.filter(name => !name.startsWith("data:")),
  });
};
</script>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A made-up study of which two arms have small real runs, so that the page has pictures."""
    folder = tmp_path_factory.mktemp("browser")
    photos = folder / "photos.npy"
    np.save(photos, draw_pictures(40))
    trials = [
        synthetic_trial(arm, seed, effect, run=f"runs/{n}-{seed}")
        for n, (arm, effect) in enumerate(EFFECTS.items())
        for seed in range(3)
    ]
    make_runs(folder, trials[6:])
    for trial, policy in ((trials[0], "random"), (trials[3], "block(size=2)")):
        maskwright.pretrain(
            photos, out=folder / trial.run, policy=policy, epochs=2, val="8", **SMALL
        )
    long = Arm(
        name="an_arm_with_a_very_long_name_of_many_words(option=12345, other=67890)",
        settings={"policy": "random", "note": "x" * 90},
    )
    study = synthetic_study(seeds=3, trials=trials)
    return write_report(synthetic_study(seeds=3, trials=trials, arms=(*study.arms, long)), folder)


def look(page, width):
    """What the browser says of the page in a window of that width."""
    probe = page.with_name(f"probe{width}.html")
    probe.write_text(PROBE.replace("WIDTH", str(width)))
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--allow-file-access-from-files",
    ]
    command += [
        f"--user-data-dir={page.parent / 'profile'}",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--virtual-time-budget=20000",
    ]
    done = subprocess.run(
        [*command, "--dump-dom", probe.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return json.loads(
        html.unescape(re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL).group(1))
    )


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_fits_shows_all_its_pictures_and_asks_for_nothing(page, width):
    found = look(page, width)
    assert found["width"] <= width
    assert found["scroll"] == found["width"], found["wide"]
    assert found["wide"] == []
    assert len(found["images"]) == (4 + 2 * 8) + (8 + 2 * 4)
    assert min(found["images"]) > 0
    assert min(found["figures"]) > 40
    assert found["asked"] == []


def test_a_page_that_is_too_wide_would_be_noticed(page):
    broken = page.with_name("broken")
    broken.mkdir(exist_ok=True)
    (broken / "report.html").write_text(
        page.read_text().replace("<main>", '<main><div style="width: 900px">wide</div>')
    )
    found = look(broken / "report.html", 360)
    assert found["scroll"] > found["width"]
