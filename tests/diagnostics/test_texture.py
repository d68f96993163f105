"""'Drops more on textures' is a number with an interval."""

from __future__ import annotations

import pytest

from maskwright.diagnostics.diagnostic import DiagnosticPictures
from maskwright.diagnostics.findings import Findings
from maskwright.diagnostics.texture import Texture
from tests.diagnostics.pictures import bright_and_dark, raw_subject


def found(subject: str, objects: str, textures: str) -> Findings:
    tables = {
        "objects": objects,
        "textures": textures,
        "chances": {"objects": 0.5, "textures": 0.25},
    }
    return Findings(diagnostic="texture", subject=subject, numbers={}, control="", tables=tables)


def test_lead_is_the_rescaled_gain_on_textures_less_that_on_objects() -> None:
    ours = found("run", "1" * 100, "1" * 50 + "0" * 50)
    base = found("random weights", "1" * 75 + "0" * 25, "1" * 25 + "0" * 75)
    compared = Texture().compare([ours, base], ["random weights"])
    lead = compared[0].numbers["lead over random weights"]
    assert lead.value == pytest.approx((0.5 - 0.25) / 0.75 - (1 - 0.75) / 0.5)
    assert lead.low < lead.value < lead.high
    assert compared[1] is base


def test_the_same_answers_lead_by_exactly_nothing() -> None:
    answers = "0110100" * 9
    lead = (
        Texture()
        .compare([found("a", answers, answers), found("b", answers, answers)], ["b"])[0]
        .numbers["lead over b"]
    )
    assert (lead.value, lead.low, lead.high) == (0, 0, 0)


def test_both_sets_are_probed_by_the_same_protocol() -> None:
    sets = {
        "textures_train": bright_and_dark(30, seed=2),
        "textures_test": bright_and_dark(20, seed=3),
    }
    material = DiagnosticPictures(test=bright_and_dark(20, seed=1), extra=sets)
    findings = Texture().measure(raw_subject(bright_and_dark(40)), material)
    numbers = dict(findings)
    assert findings.protocol["num_train"] == {"objects": 30, "textures": 30}
    assert numbers["objects"].value == numbers["textures"].value == 1
    assert numbers["textures - objects"].value == 0


def test_all_train_pictures_are_used_when_asked() -> None:
    sets = {
        "textures_train": bright_and_dark(30, seed=2),
        "textures_test": bright_and_dark(20, seed=3),
    }
    material = DiagnosticPictures(test=bright_and_dark(20, seed=1), extra=sets)
    findings = Texture(match=False).measure(raw_subject(bright_and_dark(40)), material)
    assert findings.protocol["num_train"] == {"objects": 40, "textures": 30}
