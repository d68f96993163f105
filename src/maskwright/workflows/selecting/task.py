"""A training of a scorer: what its parts hand to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from maskwright.weights.checkpoint import LoadedModel
from maskwright.workflows.loading.pictures import Pictures
from maskwright.workflows.runs.run_folder import RunFolder
from maskwright.workflows.settings.select_settings import SelectSettings


@dataclass(frozen=True, kw_only=True)
class SelectTask:
    """A scorer to be trained and measured.

    options: the settings of `maskwright select`.
    loaded: the run's autoencoder, which stays as it is.
    scorer: what is trained.
    pictures: to learn from and to measure on.
    folder: where everything is written.
    pretrained: the settings of the run by name.
    held_out_from_run: whether the run has not seen the pictures that are measured on.
    """

    options: SelectSettings
    loaded: LoadedModel
    scorer: nn.Module
    pictures: Pictures
    folder: RunFolder
    pretrained: Mapping[str, Any]
    held_out_from_run: bool
