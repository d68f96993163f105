"""What every probe is handed: one frozen encoder, labeled pictures, and features that are made
once, when first asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import torch
from torch import Tensor

from maskwright.data.store.packed import PackedStore
from maskwright.evaluation.features import Features, raw_pixel_features
from maskwright.evaluation.layer_features import LayerFeatures, extract_layers
from maskwright.evaluation.readout import DEFAULT_READOUT, describe_readout, read_features
from maskwright.support.environment import pick_precision
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.weights.checkpoint import LoadedEncoder
from maskwright.workflows.loading.pictures import eval_batches
from maskwright.workflows.measuring.feature_cache import FeatureCache, features_key, hash_weights


class Probe(Protocol):
    """A way to measure an encoder, as a frozen dataclass of its options; one file and a line in
    `workflows/measuring/probes/catalog.py`.

    needs_encoder: whether it asks for more than pooled features, which raw pixels do not have.
    looks_at: what its accuracy speaks of, in a few words for a table.
    """

    needs_encoder: ClassVar[bool]
    looks_at: ClassVar[str]

    def measure(self, bench: Bench) -> dict[str, Any]:
        """Numbers ready for JSON: top1, top5, auroc with intervals, per class, protocol, notes."""


Values = TypeVar("Values")


@dataclass(frozen=True)
class Pair(Generic[Values]):
    """The same of train and test pictures."""

    train: Values
    test: Values


@dataclass(frozen=True, kw_only=True, eq=False)
class Bench:
    """One encoder under test: its name, itself (None: raw pixels shrunk to at most 16x16), the
    pictures, seed, device and listener.
    """

    name: str
    loaded: LoadedEncoder | None
    image_size: tuple[int, int]
    train: PackedStore
    test: PackedStore
    seed: int
    device: torch.device
    reporter: Reporter
    cache: FeatureCache | None = None
    readout: str = DEFAULT_READOUT

    @cached_property
    def features(self) -> Pair[Features]:
        """Pooled features as the readout says."""
        return self._pair(self.readout)

    @cached_property
    def last_block(self) -> Pair[Features]:
        """Pooled features of the last block alone, for published protocols that read
        nothing else.
        """
        return self.features if self.readout == "last" else self._pair("last")

    @property
    def read(self) -> dict[str, object]:
        """What the features are, ready for JSON."""
        if self.loaded is None:
            return {"features": "pixels, shrunk to at most 16x16"}
        return describe_readout(self.readout, self.loaded.model.config)

    @cached_property
    def layers(self) -> Pair[LayerFeatures]:
        """Pooled features after every block."""
        return Pair(self._layers(self.train, "train"), self._layers(self.test, "test"))

    @property
    def encoder(self) -> LoadedEncoder:
        """The encoder, on the device; a broken promise of ours when this bench has none."""
        assert self.loaded is not None, "raw pixels have no encoder"
        self.loaded.model.to(self.device)
        return self.loaded

    @property
    def precision(self) -> torch.dtype:
        """What the frozen encoder computes in."""
        return torch.bfloat16 if pick_precision(self.device) == "bf16-mixed" else torch.float32

    @property
    def has_class_token(self) -> bool:
        """Whether there is anything to pool but the mean."""
        return self.loaded is not None and self.loaded.model.config.class_token

    def pooling(self, wanted: str) -> str:
        """The pooling asked for; raw pixels have only `mean`. Raises MaskwrightError for an encoder
        without the class token it needs.
        """
        if self.loaded is None:
            return "mean"
        if wanted in ("cls", "both") and not self.has_class_token:
            raise MaskwrightError(
                f"Pooling '{wanted}' needs a class token and the encoder '{self.name}' has none;"
                " use mean."
            )
        return wanted

    def _pair(self, readout: str) -> Pair[Features]:
        return Pair(
            self._features(self.train, "train", readout), self._features(self.test, "test", readout)
        )

    def _features(self, store: PackedStore, part: str, readout: str) -> Features:
        def make() -> dict[str, Tensor]:
            made = self._encode(store, readout)
            return {"mean": made.mean} | ({} if made.cls is None else {"cls": made.cls})

        found = self._fetch(store, part, self._format(readout), make)
        return Features(found.get("cls"), found["mean"], store.labels)

    def _format(self, readout: str) -> str:
        """What distinguishes the features of one readout from those of another; raw pixels have one
        only.
        """
        if self.loaded is None:
            return "pooled"
        return f"pooled {describe_readout(readout, self.loaded.model.config)}"

    def _encode(self, store: PackedStore, readout: str) -> Features:
        batches = eval_batches(store, self.image_size)
        if self.loaded is None:
            return raw_pixel_features(batches)
        return read_features(
            self.encoder.model,
            batches,
            readout,
            scale=self.loaded.scale,
            device=self.device,
            precision=self.precision,
        )

    def _layers(self, store: PackedStore, part: str) -> LayerFeatures:
        def make() -> dict[str, Tensor]:
            encoder = self.encoder
            made = extract_layers(
                encoder.model,
                eval_batches(store, self.image_size),
                scale=encoder.scale,
                device=self.device,
                precision=self.precision,
            )
            return {"mean": made.mean} | ({} if made.cls is None else {"cls": made.cls})

        found = self._fetch(store, part, "layers", make)
        return LayerFeatures(found.get("cls"), found["mean"], store.labels)

    def _fetch(self, store: PackedStore, part: str, what: str, make: Any) -> dict[str, Tensor]:
        if self.cache is None:
            return make()
        how = f"{what} of {self.image_size} in {self.precision} on {self.device.type}"
        if self.loaded is None:
            key = features_key("raw pixels", {}, None, store, how)
        else:
            key = features_key(
                self._weights, self.loaded.model.config.to_dict(), self.loaded.scale, store, how
            )
        return self.cache.fetch(key, f"{self.name}, {part}", make)

    @cached_property
    def _weights(self) -> str:
        return hash_weights(self.encoder.model.encoder)
