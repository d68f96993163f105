"""Features of one subject on pictures of a store, kept on disk for the next time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from maskwright.data.loader import Batch
from maskwright.evaluation.feature_cache import FeatureCache, features_key, hash_weights
from maskwright.evaluation.features import Features, raw_pixel_features
from maskwright.evaluation.layer_features import LayerFeatures, extract_layers
from maskwright.evaluation.readout import describe_readout, read_features
from maskwright.evaluation.subject import Subject
from maskwright.support.count_progress import CountProgress
from maskwright.support.reporting import Reporter
from maskwright.workflows.measuring.store_pictures import StorePictures

# The line that says what is measured stays on the screen where pictures are few.
SECONDS_BEFORE_SHOWN = 2.0


@dataclass(frozen=True, eq=False, kw_only=True)
class CachedReader:
    """Reads features of one subject, from the cache where they are already.

    subject: the frozen encoder, or raw pixels.
    cache: where features are kept; None encodes the pictures each time.
    reporter: where progress is shown.
    """

    subject: Subject
    cache: FeatureCache | None
    reporter: Reporter

    def pooled(self, pictures: StorePictures, part: str, readout: str) -> Features:
        """Pooled features as the readout says; part: `train` or `test`, for messages."""

        def encode() -> dict[str, Tensor]:
            return _to_tensors(self._encode(pictures, part, readout))

        # Labels are not cached: they belong to the pictures and may be read anew.
        tensors = self._fetch(pictures, part, self._describe(readout), encode)
        return Features(tensors.get("cls"), tensors["mean"], pictures.store.labels)

    def layers(self, pictures: StorePictures, part: str) -> LayerFeatures:
        """Pooled features after every block; part: `train` or `test`, for messages."""

        def encode() -> dict[str, Tensor]:
            subject = self.subject
            features = extract_layers(
                subject.encoder,
                self._shown(pictures, part),
                scale=subject.scale,
                device=subject.device,
                precision=subject.precision,
            )
            return _to_tensors(features)

        tensors = self._fetch(pictures, part, "layers", encode)
        return LayerFeatures(tensors.get("cls"), tensors["mean"], pictures.store.labels)

    def _encode(self, pictures: StorePictures, part: str, readout: str) -> Features:
        # Raw pixels have no blocks, so every readout gives the same.
        if self.subject.model is None:
            return raw_pixel_features(self._shown(pictures, part))
        return read_features(
            self.subject.encoder,
            self._shown(pictures, part),
            readout,
            scale=self.subject.scale,
            device=self.subject.device,
            precision=self.subject.precision,
        )

    def _shown(self, pictures: StorePictures, part: str) -> Iterator[Batch]:
        """The batches, with progress where encoding them takes long."""
        noun = f"{part} pictures of {self.subject.name}"
        progress = CountProgress(
            self.reporter, "features", noun, hidden_seconds=SECONDS_BEFORE_SHOWN
        )
        done = 0
        for batch in pictures:
            progress.show(done, len(pictures))
            done += len(batch.images)
            yield batch

    def _describe(self, readout: str) -> str:
        """What sets the features of one readout apart in the cache; raw pixels have one only."""
        if self.subject.model is None:
            return "pooled"
        return f"pooled {describe_readout(readout, self.subject.model.config)}"

    def _fetch(
        self,
        pictures: StorePictures,
        part: str,
        contents: str,
        encode: Callable[[], dict[str, Tensor]],
    ) -> dict[str, Tensor]:
        if self.cache is None:
            return encode()
        subject = self.subject
        # Everything that changes the numbers is in the key, precision and device among it.
        how = f"{contents} of {subject.image_size} in {subject.precision} on {subject.device.type}"
        # Pixels need no weights; the same pictures give the same features for every encoder.
        if subject.model is None:
            key = features_key("raw pixels", {}, None, pictures.store, how)
        else:
            shape = subject.model.config.to_dict()
            key = features_key(self._weights, shape, subject.scale, pictures.store, how)
        return self.cache.fetch(key, f"{subject.name}, {part}", encode)

    # Hashing reads every weight, so it is done once for train, test and all readouts.
    @cached_property
    def _weights(self) -> str:
        return hash_weights(self.subject.encoder.encoder)


def _to_tensors(features: Features | LayerFeatures) -> dict[str, Tensor]:
    """What the cache keeps of features; labels stay with the pictures."""
    tensors = {"mean": features.mean}
    if features.cls is not None:
        tensors["cls"] = features.cls
    return tensors
