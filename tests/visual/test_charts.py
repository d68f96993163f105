"""Bars of many series stay apart, and what they are held against is gray."""

from __future__ import annotations

from matplotlib.colors import to_hex
from matplotlib.container import BarContainer

from maskwright.visual.charts import BarPanel, Bars, bar_chart
from maskwright.visual.palette import SERIES


def test_bars_beyond_the_colors_are_hatched_and_a_reference_has_a_color_of_its_own() -> None:
    names = [f"arm {number}" for number in range(len(SERIES) + 1)]
    series = [Bars(name, ("knn",), (0.5,), (0.4,), (0.6,)) for name in names]
    series.append(Bars("random weights", ("knn",), (0.3,), (0.2,), (0.4,), is_reference=True))
    axes = bar_chart(BarPanel("", "top-1", series), "title").axes[0]
    bars = [item.patches[0] for item in axes.containers if isinstance(item, BarContainer)]
    looks = [(bar.get_facecolor(), bar.get_hatch()) for bar in bars]
    assert {to_hex(bar.get_edgecolor()) for bar in bars} == {"#ffffff"}, "seen on every color"
    assert len(set(looks)) == len(series)
    assert looks[-1][0] not in [color for color, _ in looks[:-1]]
