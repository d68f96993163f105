"""Lines of text become targets, and mistakes become sentences."""

import pytest

from maskwright.support.errors import MaskwrightError
from maskwright.targets.building import read_target
from maskwright.targets.features import FeaturesTarget
from maskwright.targets.hog import HogTarget
from maskwright.targets.lowpass import LowpassTarget


def test_the_grammar_is_that_of_policies() -> None:
    assert read_target("hog(bins=6)") == HogTarget(bins=6)
    assert read_target({"name": "lowpass", "cutoff": 0.5}) == LowpassTarget(cutoff=0.5)
    assert read_target("lowpass(0.5, dct)") == LowpassTarget(cutoff=0.5, by="dct")
    assert read_target("features(ema, momentum=0.99->1)") == FeaturesTarget(momentum="0.99->1")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("normalised", "Did you mean 'normalized'"),
        ("raw(scale=2)", "has no option 'scale'"),
        ("hog(bins=1)", "at least 2"),
        ("components(share=2)", "between 1e-06 and 1"),
        ("components(part=middle)", "one of low, high"),
        ("lowpass(cutoff=0)", "at least 0.001|needs cutoff"),
        ("features(source=3)", "in quotes"),
        ("0.5*raw + 0.5*hog", "predicts one target"),
    ],
)
def test_a_mistake_is_named(line, complaint) -> None:
    with pytest.raises(MaskwrightError, match=complaint):
        read_target(line)
