"""Watching that the features which a run predicts stay different between pictures."""

from __future__ import annotations

from maskwright.support.reporting import Reporter
from maskwright.training.feature_sources import LEAST_SPREAD, format_collapse
from maskwright.training.module import PretrainModule
from maskwright.training.recorder import Row


class CollapseWatch:
    """Looks at each row of numbers, and warns once where the target has collapsed."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._has_warned = False

    def take_row(self, module: PretrainModule) -> Row:
        """Look at the spread of the latest step's target; gives no numbers of its own."""
        # The row waits for the device anyway, so reading a number costs nothing here.
        spread = module.latest.get("target_spread")
        if spread is None or self._has_warned:
            return {}
        if float(spread) < LEAST_SPREAD:
            self._has_warned = True
            self._reporter.warn(format_collapse(float(spread)))
        return {}
