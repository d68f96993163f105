"""The models that the studio may use: those that its command named or found, a few in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from maskwright.support.errors import MaskwrightError
from maskwright.support.files import hash_strings
from maskwright.weights.checkpoint import LoadedModel
from maskwright.weights.hints import Hints
from maskwright.weights.zoo import PREFIX as ZOO
from maskwright.weights.zoo import read_card, zoo_names
from maskwright.workflows.filling.arms import Candidate, find_models
from maskwright.workflows.runs.find_runs import find_runs
from maskwright.workflows.runs.locate import locate
from maskwright.workflows.runs.run_folder import RunFolder
from maskwright.workflows.settings.studio_settings import StudioSettings

# Models in memory at once: two stand side by side, and one is on its way.
MOST_LOADED = 3
# Models that are found below the folder of runs; more make no list to choose from.
MOST_FOUND = 100


@dataclass(frozen=True)
class ModelEntry:
    """A model that may be chosen.

    id: short and the same at every start, for links.
    candidate: its label and where it lies.
    """

    id: str
    candidate: Candidate


class ModelShelf:
    """Models by id, loaded when they are first used; the least used one makes room."""

    def __init__(self, candidates: Iterable[Candidate], most_loaded: int = MOST_LOADED) -> None:
        entries = [ModelEntry(hash_strings([item.place])[:8], item) for item in candidates]
        self.entries = {entry.id: entry for entry in entries}
        self.most_loaded = most_loaded
        self._loaded: OrderedDict[str, LoadedModel] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def of(cls, settings: StudioSettings) -> ModelShelf:
        """The models that were named, else those of the zoo and of the runs that are found.

        Raises MaskwrightError for a named model that is not there.
        """
        for place in settings.models:
            locate(place)
        places = list(dict.fromkeys(settings.models)) or [*_zoo(), *_runs(Path(settings.runs))]
        return cls(find_models(places, None, Hints()))

    def entry(self, model: str) -> ModelEntry:
        """The entry of an id; nothing but ids of this list is ever opened."""
        if model not in self.entries:
            raise MaskwrightError("This studio has no such model; choose one from the list.")
        return self.entries[model]

    def load(self, model: str) -> LoadedModel:
        """The model of an id, from memory where it is there; call it on the worker's thread.

        Raises MaskwrightError where its target leads back to no picture.
        """
        entry = self.entry(model)
        with self._lock:
            if model not in self._loaded:
                # Room is made first, so that never more than these are in memory.
                while len(self._loaded) >= self.most_loaded:
                    self._loaded.popitem(last=False)
                self._loaded[model] = entry.candidate.load()
            self._loaded.move_to_end(model)
            return self._loaded[model]

    def describe(self) -> list[dict[str, str]]:
        """The list to choose from."""
        return [
            {"id": entry.id, "label": entry.candidate.label, "place": entry.candidate.place}
            for entry in self.entries.values()
        ]


def _zoo() -> list[str]:
    return [f"{ZOO}{name}" for name in zoo_names() if read_card(name).is_encoder]


def _runs(folder: Path) -> list[str]:
    """Pretrained runs below a folder that have a checkpoint, the newest first."""
    if not folder.is_dir():
        return []
    found = [path for path in find_runs(folder, []) if RunFolder(path).last.exists()]
    newest = sorted(found, key=lambda path: RunFolder(path).last.stat().st_mtime, reverse=True)
    return [str(path) for path in newest[:MOST_FOUND]]
