"""Arms made ready to train: all are completed before the pictures of any are decoded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from maskwright.data.sources.open import Source
from maskwright.studies.plan import StudyPlan
from maskwright.studies.preflight import check_held_out, check_measuring, check_truth
from maskwright.studies.progress import QuietStream
from maskwright.studies.record import Arm
from maskwright.studies.step_cost import StepCost, cost_of_step
from maskwright.support.errors import MaskwrightError, NotAvailable
from maskwright.support.reporting import Reporter
from maskwright.workflows.loading.pictures import Pictures, load
from maskwright.workflows.pretrain import complete
from maskwright.workflows.settings.pretrain_settings import PretrainSettings


@dataclass(frozen=True)
class PreparedArm:
    """An arm that can be trained: its complete settings, its pictures, what a step costs."""

    settings: PretrainSettings
    pictures: Pictures
    step_cost: StepCost


def prepare_arms(
    plan: StudyPlan, reporter: Reporter
) -> tuple[dict[str, PreparedArm], dict[str, str]]:
    """Complete, load, cost and check every arm, for the plan's first seed.

    Returns the arms that can be trained, and why each of the others cannot be here. Raises
    MaskwrightError for a mistake in an arm, and where the baseline cannot be trained.
    """
    quiet = QuietStream(reporter)
    preparer = _Preparer(plan, quiet)
    absent: dict[str, str] = {}
    # Decoding may take minutes, and a misspelled policy in the last arm needs none of it.
    completed: dict[str, tuple[PretrainSettings, Source]] = {}
    for number, arm in enumerate(plan.arms):
        reporter.progress("check", number, len(plan.arms), arm.name)
        with _naming(arm.name, plan, absent, reporter):
            completed[arm.name] = preparer.complete(arm)

    prepared: dict[str, PreparedArm] = {}
    for number, (name, (settings, source)) in enumerate(completed.items()):
        reporter.progress("cost", number, len(completed), name)
        with _naming(name, plan, absent, reporter):
            prepared[name] = preparer.prepare(settings, source)
    reporter.finish()
    return prepared, absent


@contextmanager
def _naming(
    name: str, plan: StudyPlan, absent: dict[str, str], reporter: Reporter
) -> Iterator[None]:
    """Name the arm in what goes wrong; note it as absent where weights or packages are missing."""
    try:
        yield
    except NotAvailable as error:
        # Without the baseline there is nothing to compare with.
        if name == plan.baseline:
            raise
        reporter.warn(f"Arm '{name}' cannot run here; the others go on without it. {error}")
        absent[name] = str(error)
    except MaskwrightError as error:
        raise MaskwrightError(f"Arm '{name}': {error}") from error


class _Preparer:
    """Prepares arms one after another; arms of the same data share its decoded pictures."""

    def __init__(self, plan: StudyPlan, reporter: Reporter) -> None:
        self._plan = plan
        self._reporter = reporter
        self._loaded: dict[Any, Pictures] = {}
        # Whether arms can be measured depends on their data and their grid alone.
        self._measurable: set[Any] = set()
        self._fillable: set[Any] = set()

    def complete(self, arm: Arm) -> tuple[PretrainSettings, Source]:
        """Complete one arm's settings, and refuse what needs no picture to be refused."""
        plan = self._plan
        settings, source = complete(plan.settings(arm, plan.seeds[0]), None, self._reporter)
        key = (settings.data, settings.model.patch_size)
        if key not in self._measurable:
            check_measuring(plan.measures, settings)
            self._measurable.add(key)
        return settings, source

    def prepare(self, settings: PretrainSettings, source: Source) -> PreparedArm:
        """Load, cost and check one arm, whose settings are complete."""
        pictures = self._loaded.get(settings.data)
        if pictures is None:
            pictures = load(settings.data, source, settings.train.seed, self._reporter)
        step_cost = cost_of_step(settings, pictures)
        key = (settings.data, settings.model.patch_size)
        if key not in self._fillable:
            measures = self._plan.measures
            check_held_out(measures, settings, source, pictures, self._reporter)
            check_truth(measures, settings, pictures, self._reporter)
            self._fillable.add(key)
        # Kept only now: arms that cannot be trained should not hold pictures in memory.
        self._loaded[settings.data] = pictures
        return PreparedArm(settings, pictures, step_cost)
