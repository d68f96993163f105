"""A run that can start, and a run in training: what its parts hand to each other."""

from __future__ import annotations

from dataclasses import dataclass

from maskwright.data.loader import ResumableLoader
from maskwright.data.sources.open import Source
from maskwright.support.reporting import Reporter
from maskwright.training.clock import Clock
from maskwright.training.group import ALONE, Group
from maskwright.training.module import PretrainModule
from maskwright.weights.fitting import FittedWeights
from maskwright.workflows.building.policy_build import PolicyBuild
from maskwright.workflows.loading.pictures import Pictures
from maskwright.workflows.runs.run_folder import RunFolder
from maskwright.workflows.settings.pretrain_settings import PretrainSettings


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """A run that can start.

    settings: complete.
    source: the opened data.
    policy_build: the policy of these settings.
    folder: where the run lies.
    resume: go on from its last checkpoint.
    start: the weights that a new run starts from, fitted to its model.
    group: this process among those that train together; the first of them writes.
    """

    settings: PretrainSettings
    source: Source
    # Built once, when settings are checked: a policy may read files or load weights.
    policy_build: PolicyBuild
    folder: RunFolder
    resume: bool = False
    start: FittedWeights | None = None
    group: Group = ALONE

    @property
    def joined(self) -> bool:
        """Whether this process helps a run that another process has begun and writes for."""
        return not self.group.is_first


@dataclass(frozen=True, kw_only=True)
class ActiveRun:
    """A run in training.

    plan: what was decided before.
    pictures: decoded.
    loader: the batches.
    module: what trains.
    reporter: gets messages and progress.
    """

    plan: RunPlan
    pictures: Pictures
    loader: ResumableLoader
    module: PretrainModule
    reporter: Reporter

    # Read so often that they need no way through the plan and the module.
    @property
    def settings(self) -> PretrainSettings:
        return self.plan.settings

    @property
    def folder(self) -> RunFolder:
        return self.plan.folder

    @property
    def clock(self) -> Clock:
        return self.module.clock
