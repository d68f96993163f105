"""Maps of a prepared store: made from the originals, written beside the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from maskwright.data.cropped_source import CroppedSource
from maskwright.data.maps.map_writer import write_map
from maskwright.data.maps.originals import Original
from maskwright.data.maps.patch_maps import PixelMap
from maskwright.data.maps.priors import PriorRequest, build_prior, resolve_source
from maskwright.data.pixels.decode import quiet_pillow
from maskwright.data.sources.open import Source
from maskwright.data.store.packed import PackedStore
from maskwright.data.store.splits import spread
from maskwright.support.count_progress import CountProgress
from maskwright.support.environment import pick_device
from maskwright.support.files import hash_strings
from maskwright.support.reporting import Reporter
from maskwright.workflows.building.teachers import open_teacher
from maskwright.workflows.preparing.sheets import save_map_sheet

# Pictures that a maker of maps may look at before it begins.
_LOOK_AT = 24


def find_originals(store: PackedStore, source: Source) -> list[Original]:
    """Where each stored picture comes from."""
    # From the end, so that of pictures with equal keys the first counts.
    indexes = {source.key(index): index for index in reversed(range(len(source)))}
    sizes = zip(store.heights.tolist(), store.widths.tolist(), strict=True)
    originals = []
    for key, size in zip(store.keys, sizes, strict=True):
        index = indexes[key]
        if isinstance(source, CroppedSource):
            window = source.windows[index]
            originals.append(Original(source.whole, window.index, window.choice.window, size))
        else:
            originals.append(Original(source, index, None, size))
    return originals


def make_map(
    asked: PriorRequest,
    store: PackedStore,
    originals: list[Original],
    seed: int,
    device: str,
    reporter: Reporter,
) -> PixelMap:
    """Make one map, saying where it comes from, and a sheet to look at it."""
    # A detector is chosen, and thresholds are set, by what it finds in some pictures.
    sample = [originals[at] for at in spread(len(originals), _LOOK_AT)]
    prior, words = build_prior(_with_teacher(asked, device), seed, sample)
    reporter.say(f"{asked.name}: {words}")
    progress = CountProgress(reporter, asked.name)

    def draw(ids: Sequence[int]) -> Any:
        return prior.draw([originals[index] for index in ids])

    with quiet_pillow():
        pixel_map = write_map(store, prior.plan(), draw, progress.show)
    reporter.finish()
    reporter.say(format_coverage(pixel_map, len(store)))
    reporter.say(f"  look at it: {save_map_sheet(store, pixel_map)}")
    return pixel_map


def _with_teacher(asked: PriorRequest, device: str) -> PriorRequest:
    """Attention needs a network, which is opened here: the room `data` knows no networks."""
    if asked.name != "attention" or asked.source is None:
        return asked
    _, options = resolve_source(asked)
    chosen_device = pick_device(device)
    teacher = open_teacher(options.get("file", ""), chosen_device)
    # Part of the map's identity: other weights make another map.
    stamp = hash_strings(
        f"{name} {values.double().sum().item():.12g}"
        for name, values in teacher.encoder.state_dict().items()
    )
    network = {"teacher": teacher, "stamp": stamp, "device": str(chosen_device)}
    return PriorRequest(asked.name, "vit", {**options, **asked.options, **network})


def format_coverage(pixel_map: PixelMap, count: int) -> str:
    """A map's coverage in a line for people: mean share, pictures without any, and each part."""
    numbers = pixel_map.coverage
    text = (
        f"  {pixel_map.name}: covers {numbers['mean_share']:.1%} on average;"
        f" {int(numbers['without']):,} of {count:,} pictures have none"
    )
    parts = []
    for part in pixel_map.parts:
        share, without = numbers[f"{part}: mean_share"], int(numbers[f"{part}: without"])
        parts.append(f"{part} {share:.1%} (none in {without:,})")
    return "; ".join([text, ", ".join(parts)]) if parts else text
