"""Reports of made-up studies: what they say, that they need nothing outside, and that gaps in a
study show.
"""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from tests.studies.synthetic import EFFECTS, synthetic_study, synthetic_trial

from maskwright.studies.findings import find
from maskwright.studies.findings_text import format_findings
from maskwright.studies.record import Arm, StudyRecord
from maskwright.studies.report.figures import short_labels
from maskwright.studies.report.page import MOST_BYTES, write_report
from maskwright.studies.report.runs import PictureRow, Pictures, Tile
from maskwright.studies.report.words import finding_lines
from maskwright.support.files import write_json
from maskwright.workflows.runs.run_folder import RunFolder

VOID = {"meta", "img", "link", "br", "hr", "input", "path", "use", "rect", "circle"}


class Checker(HTMLParser):
    """Reads a page: open tags that never close, links, ids and words."""

    def __init__(self):
        super().__init__()
        self.open, self.sources, self.ids, self.targets, self.words = [], [], set(), set(), []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.ids |= {values["id"]} if "id" in values else set()
        self.sources += [values[name] for name in ("src", "href", "xlink:href") if name in values]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open, f"</{tag}> closes nothing"
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def read_page(path):
    checker = Checker()
    checker.feed(path.read_text(encoding="utf-8"))
    assert checker.open == []
    return checker


def make_runs(folder, trials):
    """Run folders with curves and mask statistics but without weights."""
    for trial in trials:
        run = RunFolder(folder / trial.run)
        for epoch in range(1, 6):
            run.append_metrics(
                {
                    "step": 100 * epoch,
                    "epoch": epoch,
                    "val_loss_random75": 0.9 / epoch,
                    "knn_top1": 0.1 * epoch,
                }
            )
        answer = {
            "diagnostic": "lowpass",
            "numbers": {"half at": {"value": 4.5, "low": 4.0, "high": 5.0}, "none": None},
        }
        write_json(
            run.path / "diagnose" / "lowpass.json",
            {"findings": [answer, {**answer, "numbers": {"half at": 99.0}}]},
        )
        write_json(
            run.status_file, {"state": "finished", "masks": {"distance": 1.3, "boundary": 0.38}}
        )


def synthetic_trials(seeds):
    return [
        synthetic_trial(arm, seed, effect, run=f"runs/{number}-{seed}")
        for number, (arm, effect) in enumerate(EFFECTS.items())
        for seed in range(seeds)
    ]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    trials = synthetic_trials(5)
    make_runs(folder, trials)
    return write_report(synthetic_study(trials=trials), folder, pictures=False)


def test_the_page_is_whole_small_and_asks_for_nothing_outside(report):
    page = read_page(report)
    assert report.stat().st_size < MOST_BYTES
    assert [source for source in page.sources if not source.startswith(("#", "data:"))] == []
    assert {source[1:] for source in page.sources if source.startswith("#")} <= page.ids
    assert not re.search(r"url\((?!#)|@import|<script", report.read_text())


ANSWER = [
    (
        "block(size=2) is better than random: +0.0288 [+0.0207, +0.0369], 5 of 5 seeds agree, p ="
        " 0.001 after correction; but 200 test pictures are too few to tell, their interval is"
        " [-0.0040, +0.0880]."
    ),
    (
        "inverse_block is worse than random: -0.0388 [-0.0436, -0.0340], 5 of 5 seeds agree, p <"
        " 0.001 after correction; but 200 test pictures are too few to tell, their interval is"
        " [-0.0570, +0.0220]."
    ),
    (
        "No difference shown at n=5: noise(color=green); had it truly differed by 0.0167, 80% of"
        " such studies would have shown it (after correction for 3 comparisons, at the spread over"
        " seeds seen here)."
    ),
]
STANDING = (
    "The main metric of the plan is linear top1, and only verdicts on it are claims. The other 4"
    " are exploratory: p values are corrected over the arms of one metric, not over metrics, so"
    " some of their differences are chance."
)
FIXED = "Verdicts are over seeds on one set of test pictures, taken as it is."


def test_the_page_answers_first(report):
    words = "".join(read_page(report).words)
    positions = [words.index(line) for line in ANSWER]
    assert positions == sorted(positions)
    assert positions[-1] < words.index("Design")
    assert "Matched compute: 1.2e+12 flops per trial; trials are off by 4.0% at most." in words
    assert STANDING in words
    assert FIXED in words


def test_many_arms_that_all_look_alike_are_counted_and_not_listed():
    trials = [synthetic_trial(arm, seed, 0.0) for arm in (*EFFECTS, "grid") for seed in range(5)]
    arms = tuple(Arm(name=arm, settings={"policy": arm}) for arm in (*EFFECTS, "grid"))
    first = find(synthetic_study(trials=trials, arms=arms))[0]
    largest = max(one.difference.detectable for one in first.arms[1:])
    assert finding_lines(first, "random") == [
        "No difference shown at n=5: any of the 4 other arms; had one of them truly differed by"
        " 0.0181, 80% of such studies would have shown it (after correction for 4 comparisons, at"
        " the spread over seeds seen here)."
    ]
    assert largest == pytest.approx(0.0181, abs=5e-5)


def test_the_page_has_every_part(report):
    page = read_page(report)
    words = "".join(page.words)
    assert {
        "design",
        "verdicts",
        "compute",
        "learning",
        "pictures",
        "reproduce",
        "reading",
    } <= page.ids
    for part in (
        "TFLOPs (matched)",
        "masks of block(size=2)",
        "distance",
        "effective rank",
        "0123456789ab",
        "CPU, 2 cores",
        "data: nowhere",
    ):
        assert part in words, part
    assert "99.0" not in words
    assert (
        report.read_text().count("<svg") == 2 * 5 + 2 + 2 + 1
    )  # arms and differences of each metric, two frontiers, two learning curves, top-1 by probe


def test_markdown_and_record_say_the_same(report):
    text = report.with_name("report.md").read_text()
    assert [f"- **{line}**" for line in ANSWER] == [
        line for line in text.splitlines() if line.startswith("- **")
    ]
    assert f"- {STANDING}" in text
    assert f"- {FIXED}" in text
    head = re.findall(r"^### (.*)$", text, re.MULTILINE)
    assert head[:2] == [
        "linear top1, linear probe; larger is better; main metric",
        "knn top1, k-NN probe; larger is better; exploratory",
    ]
    assert (
        len(
            {
                line.count("|") - line.count("\\|")
                for line in text.split("## Compute")[1].split("##")[0].splitlines()
                if line
            }
        )
        == 1
    )
    record = StudyRecord.load(report.with_name("study.json"))
    assert record.to_dict() == synthetic_study(trials=synthetic_trials(5)).to_dict()


def test_failures_and_gaps_are_told(tmp_path):
    trials = [synthetic_trial("random", seed, 0.0) for seed in range(2)]
    trials.append(
        synthetic_trial(
            "block(size=2)",
            0,
            0.0,
            state="failed",
            numbers={},
            compute=None,
            error="Arm <b> needs 'maps'.",
        )
    )
    page = read_page(write_report(synthetic_study(seeds=2, trials=trials), tmp_path))
    words = "".join(page.words)
    assert "2 of 8 trials are done" in words
    assert "Fewer than 3 seeds: no intervals and no verdicts." in words
    assert "Arm <b> needs 'maps'." in words
    assert words.count("not begun") == 5
    assert "The run folders are not beside this report" in words


def test_a_study_that_has_only_begun_has_a_page_too(tmp_path):
    words = "".join(
        read_page(write_report(synthetic_study(trials=[], budget=None), tmp_path)).words
    )
    assert "No trial has finished yet." in words
    assert "No compute was matched" in words


def test_what_users_wrote_cannot_become_markup(tmp_path):
    page = write_report(
        synthetic_study(seeds=1, question="<script>alert(1)</script> & more"), tmp_path
    ).read_text()
    assert "&lt;script&gt;" in page
    assert "<script" not in page


def test_figures_name_arms_briefly_and_apart():
    cells = [
        {"ratio": "0.75", "laplacian": on, "uniformity": other}
        for on in ("with", "without")
        for other in ("with", "without")
    ]
    factorial = [
        Arm(name=", ".join(f"{k}={v}" for k, v in cell.items()), settings={}, levels=cell)
        for cell in cells
    ]
    long = [
        Arm(name=f"a policy with a name that goes on and on {end}", settings={}) for end in "ab"
    ]
    labels = short_labels(synthetic_study(trials=[], arms=(*factorial, *long)))
    assert list(labels.values())[:2] == ["0.75 · with · with", "0.75 · with · without"]
    assert list(labels.values())[4:] == [
        "5 a policy with a name that goe…",
        "6 a policy with a name that goe…",
    ]


@pytest.mark.parametrize(("size", "shown"), [(1_000, 4), (250_000, 2), (500_000, 1), (900_000, 0)])
def test_a_page_that_would_be_too_large_shows_fewer_pictures(monkeypatch, tmp_path, size, shown):
    tile = Tile("data:image/webp;base64," + "A" * size, "masked")
    rows = [PictureRow("pictures", [replace(tile, span=2)] * 4), PictureRow("random", [tile] * 8)]
    monkeypatch.setattr(
        "maskwright.studies.report.page.draw_pictures", lambda record, runs: Pictures(own=rows)
    )
    page = write_report(synthetic_study(seeds=1), tmp_path)
    assert page.stat().st_size < MOST_BYTES
    assert page.read_text().count("data:image/webp") == 3 * shown
    assert ("larger than 2 MB" in page.read_text()) == (shown == 0)


def test_a_factorial_study_answers_with_effects_first(tmp_path):
    cells = {
        f"{ratio} {loss}": {"ratio": ratio, "loss": loss}
        for ratio in ("low", "high")
        for loss in ("mse", "edges")
    }
    trials = [
        synthetic_trial(arm, seed, 0.05 * (cell["loss"] == "edges"))
        for arm, cell in cells.items()
        for seed in range(5)
    ]
    arms = tuple(Arm(name=arm, settings=cell, levels=cell) for arm, cell in cells.items())
    words = "".join(
        read_page(
            write_report(synthetic_study(trials=trials, arms=arms, baseline="low mse"), tmp_path)
        ).words
    )
    first = words.index(
        "On average over all arms, loss=edges is better: +0.0521 [+0.0484, +0.0559], p < 0.001"
        " after correction."
    )
    assert (
        first
        < words.index(
            "No effect shown of ratio=high, ratio=high x loss=edges; had one of them truly differed"
            " by 0.0270"
        )
        < words.index("low edges is better than low mse")
    )
    assert "two families of tests; each is corrected by itself" in words


def test_an_arm_of_which_nothing_finished_is_named_in_the_answer_and_on_the_console(tmp_path):
    failed = {"state": "failed", "numbers": {}}
    trials = [
        synthetic_trial(arm, seed, 0.0, **(failed if arm == "inverse_block" else {}))
        for arm in EFFECTS
        for seed in range(3)
    ]
    record = synthetic_study(seeds=3, trials=trials)
    page = write_report(record, tmp_path).with_name("report.md").read_text()
    assert "Without a finished trial, so nothing is known of it: inverse_block." in page
    assert format_findings(record)[-1] == "no finished trial: inverse_block"


def test_test_pictures_are_counted_and_other_patches_are_a_caution(tmp_path):
    page = write_report(synthetic_study(seeds=3), tmp_path).with_name("report.md").read_text()
    assert "linear top1: shares of right answers on 200 test pictures." in page
    assert "patches of other sizes" not in page
    trials = [
        synthetic_trial(
            arm,
            seed,
            0.0,
            settings={"image_size": 48, "patch_size": 12 if arm == "random" else 6},
        )
        for arm in EFFECTS
        for seed in range(3)
    ]
    page = (
        write_report(synthetic_study(seeds=3, trials=trials), tmp_path)
        .with_name("report.md")
        .read_text()
    )
    assert "patches of other sizes (12 of 48, 6 of 48 pixels)" in page


def test_differences_smaller_than_the_spread_of_means_keep_their_digits():
    """Pairing takes the luck of a seed away: +0.0012 must not read +0.00."""
    values = {"random": [13.22, 13.32, 14.38], "block(size=2)": [13.2214, 13.3209, 14.3813]}
    trials = [
        synthetic_trial(arm, seed, 0.0, numbers={"linear top1": value})
        for arm, own in values.items()
        for seed, value in enumerate(own)
    ]
    line = next(
        line
        for line in format_findings(synthetic_study(seeds=3, trials=trials))
        if line.startswith("  block")
    )
    assert "+0.00120 [" in line
