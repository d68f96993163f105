"""What every probe is handed: one frozen encoder, labeled pictures, and features made once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

from maskwright.data.store.packed import PackedStore
from maskwright.evaluation.feature_cache import FeatureCache
from maskwright.evaluation.features import Features
from maskwright.evaluation.layer_features import LayerFeatures
from maskwright.evaluation.readout import DEFAULT_READOUT, describe_readout
from maskwright.evaluation.subject import Subject
from maskwright.support.reporting import Reporter
from maskwright.training.group import ALONE, Group
from maskwright.weights.checkpoint import LoadedEncoder
from maskwright.workflows.measuring.cached_reader import CachedReader
from maskwright.workflows.measuring.store_pictures import StorePictures


class Probe(Protocol):
    """A way to measure an encoder: a frozen dataclass of its options.

    needs_encoder: whether it reads more than raw pixels have.
    looks_at: what its numbers speak of, in a few words for a table.
    task: `classes` of pictures, which needs labels; `segmentation` or `regression`, whose truth the
        probe finds itself.
    """

    needs_encoder: ClassVar[bool]
    looks_at: ClassVar[str]
    task: ClassVar[str]

    def measure(self, context: ProbeContext) -> dict[str, Any]:
        """Numbers ready for JSON: those of the task with intervals, protocol, notes."""


@runtime_checkable
class ReadsTruth(Protocol):
    """A probe whose truth lies in maps or tables, not in the classes of pictures."""

    def check_truth(self, store: PackedStore, size: tuple[int, int]) -> None:
        """Raise MaskwrightError where these pictures have none; called before a training.

        size: (height, width) that the model sees.
        """


@runtime_checkable
class SplitsPictures(Protocol):
    """A probe that does not fit on the train pictures and test on the test pictures."""

    def describe_split(self, train: int, test: int) -> str:
        """What it fits on and tests on instead, in a sentence; how many pictures there are."""


Values = TypeVar("Values")


@dataclass(frozen=True)
class Pair(Generic[Values]):
    """The same of train and test pictures."""

    train: Values
    test: Values


@dataclass(frozen=True, kw_only=True, eq=False)
class ProbeContext:
    """One encoder under test with the pictures that it is tested on.

    subject: the encoder, or raw pixels, with its device, precision and seed.
    loaded: the encoder as it was loaded; None for raw pixels.
    train: pictures to fit on, labeled where a probe needs classes.
    test: pictures to answer.
    reporter: where progress is shown.
    cache: where features are kept for the next time; None keeps none.
    readout: which features are read (see evaluation/readout.py).
    files: what a probe leaves beside its numbers, by the last part of the file's name: figures and
        fitted heads.
    group: this process among those that compute features together; the first one probes.
    """

    subject: Subject
    loaded: LoadedEncoder | None
    train: PackedStore
    test: PackedStore
    reporter: Reporter
    cache: FeatureCache | None = None
    readout: str = DEFAULT_READOUT
    files: dict[str, bytes] = field(default_factory=dict)
    group: Group = ALONE

    @property
    def encoder(self) -> LoadedEncoder:
        """The encoder, on the device; only for probes that need one."""
        # A broken promise of ours: probes that need an encoder are not given raw pixels.
        assert self.loaded is not None, "raw pixels have no encoder"
        self.loaded.model.to(self.subject.device)
        return self.loaded

    @cached_property
    def features(self) -> Pair[Features]:
        """Pooled features as the readout says."""
        return self._read(self.readout)

    @cached_property
    def last_block(self) -> Pair[Features]:
        """Pooled features of the last block, for published protocols that read nothing else."""
        return self.features if self.readout == "last" else self._read("last")

    @cached_property
    def layers(self) -> Pair[LayerFeatures]:
        """Pooled features after every block."""
        # Kept until the last probe: one pass gives the features of all blocks.
        stores = self._stores
        return Pair(
            self._reader.layers(stores.train, "train"), self._reader.layers(stores.test, "test")
        )

    def help(self) -> None:
        """Compute shares of features whenever the first process asks, until it says `done`."""
        while (call := self.group.hear_first(None)) is not None:
            pictures = self._stores.train if call.asked.part == "train" else self._stores.test
            self._reader.help(pictures, call)

    def done(self) -> None:
        """Let the other processes go on to the next encoder."""
        self.group.hear_first(None)

    def describe_features(self) -> dict[str, object]:
        """What the features are, ready for JSON."""
        if self.loaded is None:
            return {"features": "pixels, shrunk to at most 16x16"}
        return describe_readout(self.readout, self.loaded.model.config)

    def _read(self, readout: str) -> Pair[Features]:
        stores = self._stores
        return Pair(
            self._reader.pooled(stores.train, "train", readout),
            self._reader.pooled(stores.test, "test", readout),
        )

    @property
    def _stores(self) -> Pair[StorePictures]:
        size = self.subject.image_size
        return Pair(StorePictures(self.train, size), StorePictures(self.test, size))

    @cached_property
    def _reader(self) -> CachedReader:
        # Kept for all readouts, because hashing the weights takes seconds for large encoders.
        return CachedReader(
            subject=self.subject, cache=self.cache, reporter=self.reporter, group=self.group
        )
