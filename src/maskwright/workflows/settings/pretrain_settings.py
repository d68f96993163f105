"""Every setting of a pretraining run: sections of frozen dataclasses whose leaf names are the flags
and the Python arguments.

Free of torch, so that help and mistakes answer at once. `None` means: chosen from the data and the
machine (see choices.py).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from maskwright.workflows.settings.data_settings import DataSettings, parse_size
from maskwright.workflows.settings.model_settings import MaskSettings, ModelSettings
from maskwright.workflows.settings.train_settings import RunSettings, TrainSettings

__all__ = [
    "SECTIONS",
    "DataSettings",
    "MaskSettings",
    "ModelSettings",
    "PretrainSettings",
    "RunSettings",
    "TrainSettings",
    "parse_size",
]


@dataclass(frozen=True, kw_only=True)
class PretrainSettings:
    """All settings of one run, by section."""

    data: DataSettings
    model: ModelSettings = dataclasses.field(default_factory=ModelSettings)
    mask: MaskSettings = dataclasses.field(default_factory=MaskSettings)
    train: TrainSettings = dataclasses.field(default_factory=TrainSettings)
    run: RunSettings = dataclasses.field(default_factory=RunSettings)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Sections of plain values, as config.yaml holds them."""
        return dataclasses.asdict(self)

    def to_flat(self) -> dict[str, Any]:
        """Leaf names and values, as flags and Python arguments use them."""
        return {
            name: value for section in self.to_dict().values() for name, value in section.items()
        }

    @classmethod
    def from_flat(cls, values: Mapping[str, Any]) -> PretrainSettings:
        """Build from leaf names; names must be known (checked by recipes.py)."""
        # Each leaf goes to the section that declares it; no two sections share a name.
        sections = {}
        for item in dataclasses.fields(cls):
            section = SECTIONS[item.name]
            names = {leaf.name for leaf in dataclasses.fields(section)}
            sections[item.name] = section(
                **{name: value for name, value in values.items() if name in names}
            )
        return cls(**sections)

    def with_values(self, **changes: Any) -> PretrainSettings:
        """The same settings with some leaves changed."""
        return PretrainSettings.from_flat({**self.to_flat(), **changes})


# In the order of the help, of recipes and of config.yaml.
SECTIONS: dict[str, Any] = {
    "data": DataSettings,
    "model": ModelSettings,
    "mask": MaskSettings,
    "train": TrainSettings,
    "run": RunSettings,
}
