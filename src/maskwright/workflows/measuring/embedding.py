"""What `maskwright embed` works with: an encoder, opened pictures, and the file to write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from maskwright.data.sources.open import Source, open_source
from maskwright.data.sources.picture_files import PictureFiles
from maskwright.data.sources.reading import Reading
from maskwright.evaluation.feature_cache import hash_weights
from maskwright.support.count_progress import CountProgress, PictureCounter
from maskwright.support.files import hash_strings
from maskwright.support.reporting import Reporter
from maskwright.workflows.encoder import PictureEncoder, load
from maskwright.workflows.loading.pictures import reading_for
from maskwright.workflows.loading.views import BATCH, PictureBatches
from maskwright.workflows.measuring.feature_files import FeatureBatch, check_ending
from maskwright.workflows.measuring.feature_parts import check_parts
from maskwright.workflows.settings.embed_settings import EmbedSettings

# Part of what parts are known by: a higher number makes all of them anew.
FORMAT = "1"


@dataclass(frozen=True, eq=False, kw_only=True)
class Embedding:
    """Everything that is needed to write vectors of pictures.

    settings: as they were given.
    encoder: on its device.
    source: the pictures.
    reading: how their files are read.
    width: numbers of a vector.
    reporter: where progress is shown.
    """

    settings: EmbedSettings
    encoder: PictureEncoder
    source: Source
    reading: Reading
    width: int
    reporter: Reporter

    @property
    def path(self) -> Path:
        """The file that is asked for."""
        return Path(self.settings.out)

    @property
    def parts_folder(self) -> Path:
        """Where several processes leave their parts, beside the file."""
        return self.path.with_name(f"{self.path.name}.parts")

    @property
    def how(self) -> str:
        """What is read of each picture, in words."""
        return f"{self.settings.features}, {self.settings.pooling}"

    @property
    def place(self) -> str:
        """Where the pictures came from.

        Arrays and datasets have no name to be opened by again.
        """
        data = self.settings.data
        return str(data) if isinstance(data, (str, Path)) else ""

    def identity(self) -> str:
        """What sets these vectors apart from those of other weights, pictures or options."""
        loaded, source = self.encoder.loaded, self.source
        # Every byte of ten million files would be read twice for their fingerprint.
        if isinstance(source, PictureFiles):
            pictures = hash_strings(source.keys)
        else:
            pictures = source.fingerprint
        labels = (repr(source.labels and list(source.labels)), repr(source.classes))
        model = (hash_weights(loaded.model), repr(loaded.model.config), str(loaded.scale))
        device = self.encoder.device.type
        how = (self.how, device, str(self.reading), str(BATCH))
        return hash_strings([FORMAT, pictures, *labels, *model, *how])

    def pictures(self, rows: range) -> PictureBatches:
        """Batches of pictures with these numbers."""
        return PictureBatches(self.source, self.encoder.config, rows)

    def counter(self, total: int, noun: str = "pictures") -> PictureCounter:
        """Shows how many of so many pictures are embedded."""
        return PictureCounter(CountProgress(self.reporter, "embed", noun), total)

    def embed(self, pictures: PictureBatches, counter: PictureCounter) -> Iterator[FeatureBatch]:
        """The vectors of each batch, with names of the pictures, and labels if they have any."""
        settings, source = self.settings, self.source
        for indexes, images in pictures:
            # (n, width)
            vectors = self.encoder.features_of_batch(images, settings.pooling, settings.features)
            labels = None
            if source.labels is not None:
                labels = [source.labels[index] for index in indexes]
            yield FeatureBatch([source.key(index) for index in indexes], labels, vectors.numpy())
            counter.add(len(indexes))


def open_embedding(settings: EmbedSettings, processes: int, reporter: Reporter) -> Embedding:
    """Load the encoder and open the pictures; what can be refused is refused here."""
    path = Path(settings.out)
    check_ending(path)
    if processes > 1:
        check_parts()
    encoder = load(settings.run, device=settings.device)
    # As the encoder's pictures were read, unless stated.
    reading = reading_for(encoder.loaded.settings, settings.value_range, settings.pages)
    source = open_source(
        settings.data, split=settings.split, labels=settings.labels, reading=reading
    )
    for note in source.notes:
        reporter.say(note)
    # Also refuses unknown names, before anything is read.
    width = encoder.width_of(settings.pooling, settings.features)
    path.parent.mkdir(parents=True, exist_ok=True)
    return Embedding(
        settings=settings,
        encoder=encoder,
        source=source,
        reading=reading,
        width=width,
        reporter=reporter,
    )
