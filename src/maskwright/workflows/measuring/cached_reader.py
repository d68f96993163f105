"""Features of one subject on pictures of a store, kept on disk for the next time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from maskwright.data.loader import Batch
from maskwright.evaluation.feature_cache import FeatureCache, features_key, hash_weights
from maskwright.evaluation.features import Features, raw_pixel_features
from maskwright.evaluation.layer_features import LayerFeatures, extract_layers
from maskwright.evaluation.readout import describe_readout, read_features
from maskwright.evaluation.subject import Subject
from maskwright.support.count_progress import CountProgress, PictureCounter
from maskwright.support.reporting import Reporter
from maskwright.support.variables import cache_folder
from maskwright.training.group import ALONE, Group
from maskwright.workflows.dividing.parts import Batches, Parts, Tensors, make_in_parts
from maskwright.workflows.measuring.store_pictures import StorePictures

# The line that says what is measured stays on the screen where pictures are few.
SECONDS_BEFORE_SHOWN = 2.0


@dataclass(frozen=True)
class Asked:
    """Which features are read of which pictures.

    part: `train` or `test`.
    readout: which pooled features; None for those of every block.
    """

    part: str
    readout: str | None


@dataclass(frozen=True)
class HelpCall:
    """What the first process asks of the others: their share of some features.

    asked: which features.
    key: the name under which they are kept.
    """

    asked: Asked
    key: str


@dataclass(frozen=True, eq=False, kw_only=True)
class CachedReader:
    """Reads features of one subject, from the cache where they are already.

    subject: the frozen encoder, or raw pixels.
    cache: where features are kept; None encodes the pictures each time.
    reporter: where progress is shown.
    group: this process among those that share the pictures; the others wait in `help`.
    """

    subject: Subject
    cache: FeatureCache | None
    reporter: Reporter
    group: Group = ALONE

    def pooled(self, pictures: StorePictures, part: str, readout: str) -> Features:
        """Pooled features as the readout says; part: `train` or `test`, for messages."""
        tensors = self._fetch(pictures, Asked(part, readout))
        # Labels are not cached: they belong to the pictures and may be read anew.
        return Features(tensors.get("cls"), tensors["mean"], pictures.store.labels)

    def layers(self, pictures: StorePictures, part: str) -> LayerFeatures:
        """Pooled features after every block; part: `train` or `test`, for messages."""
        tensors = self._fetch(pictures, Asked(part, None))
        return LayerFeatures(tensors.get("cls"), tensors["mean"], pictures.store.labels)

    def help(self, pictures: StorePictures, call: HelpCall) -> None:
        """Encode this process's share of some pictures, which the first process joins."""
        self._write_share(pictures, call)

    def _fetch(self, pictures: StorePictures, asked: Asked) -> Tensors:
        if self.cache is None and self.group.world_size == 1:
            return self._encode_all(pictures, asked)
        key = self._key(pictures, asked)

        def make() -> Tensors:
            if self.group.world_size == 1:
                return self._encode_all(pictures, asked)
            call = self.group.hear_first(HelpCall(asked, key))
            return self._write_share(pictures, call)

        if self.cache is None:
            return make()
        return self.cache.fetch(key, f"{self.subject.name}, {asked.part}", make)

    def _encode_all(self, pictures: StorePictures, asked: Asked) -> Tensors:
        counter = PictureCounter(self._progress(asked), len(pictures))
        return self._encode(pictures, asked, counter)

    def _write_share(self, pictures: StorePictures, call: HelpCall) -> Tensors:
        """Encode this process's share; the first process gets all features, the others none."""
        parts = Parts(cache_folder() / "features" / f"{call.key}.parts", ".safetensors")
        batches = Batches(len(pictures), pictures.batch_size)

        def encode(rows: range, counter: PictureCounter) -> Tensors:
            return self._encode(pictures.take(rows), call.asked, counter)

        return make_in_parts(self.group, parts, batches, self._progress(call.asked), encode)

    def _encode(self, pictures: StorePictures, asked: Asked, counter: PictureCounter) -> Tensors:
        subject = self.subject
        shown = _counted(pictures, counter)
        # Raw pixels have no blocks, so every readout gives the same.
        if subject.model is None:
            return _to_tensors(raw_pixel_features(shown))
        options: dict[str, Any] = {
            "scale": subject.scale,
            "device": subject.device,
            "precision": subject.precision,
        }
        if asked.readout is None:
            return _to_tensors(extract_layers(subject.encoder, shown, **options))
        return _to_tensors(read_features(subject.encoder, shown, asked.readout, **options))

    def _progress(self, asked: Asked) -> CountProgress:
        """Shows progress where encoding takes long."""
        noun = f"{asked.part} pictures of {self.subject.name}"
        return CountProgress(self.reporter, "features", noun, hidden_seconds=SECONDS_BEFORE_SHOWN)

    def _key(self, pictures: StorePictures, asked: Asked) -> str:
        """The name of features in the cache; all that changes the numbers is in it."""
        subject = self.subject
        contents = self._describe(asked.readout)
        how = f"{contents} of {subject.image_size} in {subject.precision} on {subject.device.type}"
        # Pixels need no weights; the same pictures give the same features for every encoder.
        if subject.model is None:
            return features_key("raw pixels", {}, None, pictures.store, how)
        shape = subject.model.config.to_dict()
        return features_key(self._weights, shape, subject.scale, pictures.store, how)

    def _describe(self, readout: str | None) -> str:
        """What sets the features of one readout apart in the cache; raw pixels have one only."""
        if readout is None:
            return "layers"
        if self.subject.model is None:
            return "pooled"
        return f"pooled {describe_readout(readout, self.subject.model.config)}"

    # Hashing reads every weight, so it is done once for train, test and all readouts.
    @cached_property
    def _weights(self) -> str:
        return hash_weights(self.subject.encoder.encoder)


def _counted(pictures: StorePictures, counter: PictureCounter) -> Iterator[Batch]:
    """The batches, each counted when the next one is asked for."""
    for batch in pictures:
        yield batch
        counter.add(len(batch.images))


def _to_tensors(features: Features | LayerFeatures) -> Tensors:
    """What the cache keeps of features; labels stay with the pictures."""
    tensors = {"mean": features.mean}
    if features.cls is not None:
        tensors["cls"] = features.cls
    return tensors
