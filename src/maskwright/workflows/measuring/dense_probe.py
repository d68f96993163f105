"""What probes of dense tasks share: the tokens they read, and the pictures on their figures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from maskwright.data.maps.picture_maps import CutMaps, open_map_source
from maskwright.data.store.packed import PackedStore
from maskwright.support.errors import MaskwrightError
from maskwright.visual.dense import DenseExample
from maskwright.workflows.loading.pictures import eval_batches
from maskwright.workflows.measuring.patch_tokens import PatchTokens
from maskwright.workflows.measuring.probe_context import ProbeContext

# Pictures on the figure.
EXAMPLES = 8
# Truth and prediction (h, w) of pictures, by their places among the test pictures.
Examples = Mapping[int, tuple[np.ndarray, np.ndarray]]


def tokens_for(context: ProbeContext, store: PackedStore, part: str, blocks: str) -> PatchTokens:
    """The patch tokens of train or test pictures, kept in the cache of the context."""
    return PatchTokens(
        subject=context.subject, store=store, blocks=blocks, part=part, cache=context.cache
    )


def shown_pictures(context: ProbeContext, examples: Examples) -> list[DenseExample]:
    """The pictures of a figure, read as the encoder sees them."""
    ids = list(examples)
    store = context.test.subset(ids)
    images = next(eval_batches(store, context.subject.image_size, len(ids))).images
    shown = []
    for index, image, key in zip(ids, images, store.keys, strict=True):
        truth, given = examples[index]
        shown.append(DenseExample(image.float() / 255, truth, given, key))
    return shown


def check_maps(place: str, store: PackedStore, size: tuple[int, int]) -> None:
    """Refuse maps that cannot be found, and a place without a usable one for any picture.

    size: (height, width) that the model sees.
    """
    maps = CutMaps(store, open_map_source(place, store), size)
    # Maps may be rare, so all are asked for; one that is missing takes no time.
    if all(maps.read(index) is None for index in range(len(store))):
        raise no_maps()


def no_maps() -> MaskwrightError:
    """What is said where no picture has a map."""
    return MaskwrightError(
        "None of the pictures has a map that says anything about it. Check that maps are named"
        " like the pictures, and have their shape."
    )
