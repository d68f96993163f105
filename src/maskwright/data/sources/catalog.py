"""The kinds of sources, in the order in which they are tried: one line each."""

from __future__ import annotations

from maskwright.data.rendered.dead_leaves import DeadLeavesSource
from maskwright.data.rendered.rendered_source import RenderedSource, is_rendered, open_rendered
from maskwright.data.rendered.shapes_textures import ShapesTexturesSource
from maskwright.data.sources.archives import ARCHIVE
from maskwright.data.sources.array_files import ARRAY_FILE
from maskwright.data.sources.arrays import NUMPY_ARRAY, TENSOR
from maskwright.data.sources.folder import FOLDER, PICTURE_FILE
from maskwright.data.sources.lists import LIST_FILE
from maskwright.data.sources.parquet import PARQUET, PARQUET_PATTERN
from maskwright.data.sources.shards import SHARDS
from maskwright.data.sources.source import Source
from maskwright.data.sources.source_kind import LocatedPath, SourceKind
from maskwright.data.sources.store_source import STORE
from maskwright.data.sources.torch_datasets import TORCH_DATASET
from maskwright.data.sources.torchvision_sets import TORCHVISION_SET


def _rendered_kind(source: type[RenderedSource], noun: str) -> SourceKind:
    """Rendered pictures lie below this room and know no kinds, so their entries are made here."""
    return SourceKind(
        name=source.prefix,
        noun=noun,
        takes=str,
        accepts=lambda text: is_rendered(source, text),
        open=lambda text, options: open_rendered(source, text, options.split),
        prefix=source.prefix,
    )


_GIVEN_SOURCE = SourceKind(
    name="source",
    noun="a Source",
    takes=Source,
    open=lambda source, options: source,
)

# The first kind that matches opens the data, so the order matters.
SOURCES: tuple[SourceKind, ...] = (
    # Names come first: a name need not exist on disk, and looking for it there would fail.
    TORCHVISION_SET,
    _rendered_kind(ShapesTexturesSource, "rendered shapes with textures"),
    _rendered_kind(DeadLeavesSource, "rendered piles of shapes"),
    # `photos-{000..127}.tar` is a name too. As a path it would be a folder and a pattern, and the
    # folder of shards would be searched for picture files.
    SHARDS,
    PARQUET_PATTERN,
    # Every store is a folder, so a folder may only come after it.
    STORE,
    # So is every folder of Parquet, and a list of Parquet files would be one of pictures.
    PARQUET,
    # What is a folder on disk is read as one, even if its name ends in .zip or .npy.
    FOLDER,
    ARCHIVE,
    # .npy is an ending of single pictures as well: one file named alone holds an array of them.
    ARRAY_FILE,
    LIST_FILE,
    PICTURE_FILE,
    # A Python object may be a Source and a Dataset; as a Source it says more about itself.
    _GIVEN_SOURCE,
    NUMPY_ARRAY,
    TENSOR,
    TORCH_DATASET,
)


def find_kind(data: object) -> SourceKind | None:
    """The first kind that matches a text, a located path or a Python object; None without one."""
    return next((kind for kind in SOURCES if kind.matches(data)), None)


def path_nouns() -> list[str]:
    """What messages call the kinds of files and folders, each noun once."""
    named = [kind.noun for kind in SOURCES if kind.takes is LocatedPath]
    return list(dict.fromkeys(named))  # a store and a folder share theirs


def object_nouns() -> list[str]:
    """What messages call the kinds of Python objects."""
    return [kind.noun for kind in SOURCES if kind.takes not in (str, LocatedPath)]


def prefixes() -> list[str]:
    """The words that a name of some kind begins with."""
    return [kind.prefix for kind in SOURCES if kind.prefix]
