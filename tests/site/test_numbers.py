"""Numbers that the pages quote from a study stand in the report that they link to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
REPORT = re.compile(r"\(studies/([a-z0-9-]+)/report\.html\)")
# Decimals alone: ratios, seeds and steps are whole numbers, and some numbers are rounded to them.
NUMBER = re.compile(r"(?<![\w.])\d+\.\d+(?!\w)")
# Shares of the patches, sizes and weights of terms are settings, which stand in no table.
SETTINGS = {"0.5", "0.75", "0.1", "0.4", "0.6"}


def quotations() -> list[tuple[str, str, str]]:
    """Page, study, and a row or item of the page that quotes it."""
    found = []
    for name in ("which-policy", "five-projects"):
        text = (DOCS / f"{name}.md").read_text(encoding="utf-8")
        for item in re.split(r"\n(?=- |\| |\n)", text):
            named = REPORT.search(item)
            if named:
                found.append((name, named[1], item))
    return found


def known(study: str) -> set[str]:
    """Every number of a report, as it is and in points, rounded to one and to two decimals."""
    text = (DOCS / "studies" / study / "report.md").read_text(encoding="utf-8")
    values = {abs(float(number)) for number in NUMBER.findall(text)}
    scaled = {*values, *(100 * value for value in values)}
    return {f"{value:.{digits}f}" for value in scaled for digits in (1, 2, 3)}


@pytest.mark.parametrize(
    ("page", "study", "item"), quotations(), ids=lambda part: str(part).split("\n")[0][:30]
)
def test_a_quoted_number_stands_in_the_report(page: str, study: str, item: str) -> None:
    quoted = set(NUMBER.findall(item)) - SETTINGS
    assert quoted <= known(study), f"{page}: {sorted(quoted - known(study))} are not in {study}"


def test_there_are_quotations() -> None:
    numbers = [number for _, _, item in quotations() for number in NUMBER.findall(item)]
    assert len(quotations()) >= 11
    assert len(numbers) > 25


@pytest.mark.parametrize(
    "page", sorted(DOCS.glob("studies/*/report.html")), ids=lambda path: path.parent.name
)
def test_published_studies_show_no_pictures_of_the_data(page: Path) -> None:
    """Their terms do not allow copies: publish with --pictures false."""
    assert "data:image/" not in page.read_text(encoding="utf-8")
