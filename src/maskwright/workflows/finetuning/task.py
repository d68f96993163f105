"""A fine-tuning as its config.yaml holds it: from what, on what, how."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from maskwright.workflows.loading.labeled_settings import LabeledSettings
from maskwright.workflows.settings.finetune_settings import SECTION, FinetuneSettings


@dataclass(frozen=True, kw_only=True)
class FinetuneTask:
    """A training; everything that config.yaml holds.

    run: the encoder: a run, a weight file or a name.
    labeled: which pictures are learned from and tested on.
    settings: as the person gave them.
    from_scratch: begin from random weights of the encoder's shape.
    device: what the person asked for.
    """

    run: str
    labeled: LabeledSettings
    settings: FinetuneSettings
    from_scratch: bool
    device: str

    def on_data(self, data: str) -> FinetuneTask:
        """The same training on other data, or on the same in another place."""
        return dataclasses.replace(self, labeled=dataclasses.replace(self.labeled, data=data))

    def to_dict(self) -> dict[str, Any]:
        """The section of config.yaml: one flat list of names."""
        values = {
            **dataclasses.asdict(self.labeled),
            "run": self.run,
            "from_scratch": self.from_scratch,
            "device": self.device,
        }
        return {SECTION: {**values, **self.settings.to_dict()}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FinetuneTask:
        """Read what `to_dict` wrote, also by earlier versions."""
        # Which pictures: an earlier version may not have known a field, which then has its default.
        labeled = {
            item.name: values.get(item.name, item.default)
            for item in dataclasses.fields(LabeledSettings)
        }
        # A run of an earlier version lacks settings that came since.
        names = [item.name for item in dataclasses.fields(FinetuneSettings)]
        settings = {name: values[name] for name in names if name in values}
        return cls(
            run=values["run"],
            labeled=LabeledSettings(**labeled),
            settings=FinetuneSettings(**settings),
            from_scratch=values["from_scratch"],
            device=values["device"],
        )
