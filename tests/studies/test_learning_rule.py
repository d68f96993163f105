"""An arm that has not learned cannot support that nothing differs."""

from __future__ import annotations

import pytest

from maskwright.studies.findings import find
from maskwright.studies.learning_rule import BASELINE_NOT_LEARNED, NOT_LEARNED, limit_verdict
from maskwright.studies.report.measured_tables import verdict_table
from maskwright.studies.report.words import finding_lines
from tests.studies.synthetic import synthetic_study

SAME = "no difference shown at n=5"


@pytest.mark.parametrize(
    ("verdict", "is_shown", "arm", "baseline", "said"),
    [
        (SAME, False, True, True, SAME),
        (SAME, False, False, True, NOT_LEARNED),
        (SAME, False, True, False, BASELINE_NOT_LEARNED),
        (SAME, False, False, False, NOT_LEARNED),
        ("worse", True, False, True, "worse"),
        ("identical in every seed", False, False, False, "identical in every seed"),
        ("no difference shown at n=5 (exploratory)", False, False, True, NOT_LEARNED),
    ],
)
def test_no_difference_needs_two_arms_that_learned(
    verdict: str, is_shown: bool, arm: bool, baseline: bool, said: str
) -> None:
    limited = limit_verdict(
        verdict, is_shown=is_shown, has_learned=arm, baseline_has_learned=baseline
    )
    assert limited == said


def test_a_study_of_arms_that_did_not_learn_gives_no_verdict() -> None:
    floor = {"linear top1": {"value": 0.6, "low": 0.55, "high": 0.65}}
    known = {arm.arm: arm.verdict for arm in find(synthetic_study())[0].arms}
    assert known["noise(color=green)"].startswith("no difference")
    # The baseline stays above its floor, so only the arm's own floor speaks.
    low = synthetic_study(floors={"noise(color=green)": floor})
    finding = find(low)[0]
    (arm,) = [item for item in finding.arms if item.arm == "noise(color=green)"]
    assert arm.verdict == NOT_LEARNED
    assert not any("80% of such studies" in line for line in finding_lines(finding, "random"))
    # An unlearned baseline takes the verdict from all that do not differ from it, and no other.
    low = synthetic_study(floors={"random": floor})
    verdicts = {arm.arm: arm.verdict for arm in find(low)[0].arms}
    assert verdicts["noise(color=green)"] == BASELINE_NOT_LEARNED
    assert verdicts["inverse_block"] == known["inverse_block"] == "worse"


def test_the_table_marks_arms_that_are_not_shown_to_have_learned() -> None:
    floor = {"linear top1": {"value": 0.6, "low": 0.55, "high": 0.65}}
    finding = find(synthetic_study(floors={"inverse_block": floor}))[0]
    table = verdict_table(finding)
    at = list(table.head).index("learned")
    assert {row[0]: row[at] for row in table.rows}["inverse_block"] == "not shown"
