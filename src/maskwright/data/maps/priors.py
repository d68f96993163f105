"""Where maps come from: a catalog of sources for each map, named as in parts(from='labels.csv')."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from maskwright.data.maps.map_writer import MapPlan
from maskwright.data.maps.originals import Original
from maskwright.data.store.splits import spread
from maskwright.support.catalog import Entry, build
from maskwright.support.errors import MaskwrightError, did_you_mean, unknown_name
from maskwright.support.shorthand import Call, parse_value, split_list

PRIORS: dict[str, dict[str, Entry]] = {
    "foreground": {
        "alpha": Entry(
            "maskwright.data.maps.foreground_alpha:AlphaForeground",
            "the pictures' own transparency",
        ),
        "masks": Entry(
            "maskwright.data.maps.supplied_maps:SuppliedForeground",
            "a folder or .zip of PNGs named like the pictures, white is foreground",
        ),
        "boxes": Entry(
            "maskwright.data.maps.box_maps:BoxForeground", "boxes in a .csv or COCO .json file"
        ),
        "rembg": Entry(
            "maskwright.data.maps.foreground_model:ModelForeground",
            "a segmentation model: rembg, or a U2-Net or IS-Net .onnx file",
        ),
        "grabcut": Entry(
            "maskwright.data.maps.foreground_grabcut:GrabCutForeground",
            "GrabCut started from saliency; no model, rough",
        ),
    },
    "attention": {
        "vit": Entry(
            "maskwright.data.maps.attention_map:AttentionMap",
            "what a trained encoder looks at: a run or a checkpoint",
        ),
    },
    "parts": {
        "labels": Entry(
            "maskwright.data.maps.supplied_maps:SuppliedParts",
            "a folder or .zip of PNGs whose pixel values are part numbers",
        ),
        "boxes": Entry(
            "maskwright.data.maps.box_maps:BoxParts",
            "boxes and points in a .csv or COCO .json file",
        ),
        "animeface": Entry(
            "maskwright.data.maps.detected_parts:AnimeParts",
            "drawn faces, eyes, mouths, noses and chins",
        ),
        "cascade": Entry(
            "maskwright.data.maps.detected_parts:CascadeParts",
            "photographed faces and eyes, or what a cascade .xml finds",
        ),
    },
}
# The sources tried in this order when none is named.
BY_SIGHT = {"foreground": ("alpha", "grabcut"), "parts": ("animeface", "cascade")}
# The kind of source that a file is.
_SUFFIXES = {".csv": "boxes", ".json": "boxes", ".xml": "cascade", ".onnx": "rembg"}
# `from` is a keyword of Python: it is read as `from_`.
_FROM = re.compile(r"([(,]\s*)from(\s*=)")
# Pictures looked at, to see whether a source fits.
_LOOK_AT = 24


class Prior(Protocol):
    """Makes one map of every picture."""

    def plan(self) -> MapPlan:
        """What the map is and how it is made; raises MaskwrightError when it cannot be
        made here.
        """

    def draw(self, originals: Sequence[Original]) -> list[np.ndarray]:
        """The map of each picture, (H, W) uint8 at its stored size."""


class AutomaticPrior(Prior, Protocol):
    """A prior that can be chosen for data it fits."""

    def fit(self, sample: Sequence[Original]) -> str | None:
        """Say in a few words why it fits these pictures, or None when it does not."""


@dataclass(frozen=True)
class PriorRequest:
    """A map to be made.

    name: foreground, parts or attention.
    source: where it comes from, None for whatever fits.
    options: of that source.
    """

    name: str
    source: str | None
    options: dict[str, Any]


def parse_priors(text: str | Sequence[str]) -> list[PriorRequest]:
    """Read `foreground, parts(from='labels.csv')`; raises MaskwrightError with the nearest known
    word.
    """
    line = text if isinstance(text, str) else ", ".join(text)
    words = split_list(_FROM.sub(r"\1from_\2", line))
    requests = [_request(parse_value(word)) for word in words]
    names = [request.name for request in requests]
    if len(set(names)) < len(names):
        raise MaskwrightError(f"A map is made from one source; got {', '.join(names)}.")
    return requests


def build_prior(request: PriorRequest, seed: int, sample: Sequence[Original]) -> tuple[Prior, str]:
    """Build the source of a map and say in a few words which it is.

    Without one named, the first that fits `sample` is taken.
    """
    if request.source is None:
        return _choose(request, seed, sample)
    name, options = resolve_source(request)
    prior = _build(request.name, name, {**options, **request.options}, seed)
    file = f" ({options['file']})" if "file" in options else ""
    return prior, f"from {name}{file}"


def resolve_source(request: PriorRequest) -> tuple[str, dict[str, Any]]:
    """Turn what stands after from= into a source of the catalog and its options.

    A path stands for the kind of file it is.
    """
    known = PRIORS[request.name]
    word = request.source or ""
    if word in known:
        return word, {}
    if request.name == "attention":
        return "vit", {"file": word}
    # A path may go on inside an archive, as in x.zip/labels.csv.
    path = Path(word).expanduser()
    if not path.exists() and not any(parent.is_file() for parent in path.parents):
        raise MaskwrightError(
            f"'{word}' is neither a source of {request.name} nor a file or"
            f" folder.{did_you_mean(word, known)} Known: {', '.join(known)}."
        )
    # Folders and archives hold pictures: of labels for parts, of masks for foreground.
    kind = _SUFFIXES.get(path.suffix.lower(), "labels" if request.name == "parts" else "masks")
    if kind not in known:
        raise MaskwrightError(
            f"A {path.suffix} file gives no {request.name}; got '{word}'. Known sources:"
            f" {', '.join(known)}."
        )
    return kind, {"file": str(path)}


def list_priors() -> list[tuple[str, str, str]]:
    """Rows of (map, from, what it is) for people."""
    return [
        (name, source, entry.summary)
        for name, sources in PRIORS.items()
        for source, entry in sources.items()
    ]


def _request(call: Any) -> PriorRequest:
    if not isinstance(call, Call):
        raise MaskwrightError(
            f"A map is written like foreground or parts(from='labels.csv'); got '{call}'."
        )
    if call.name not in PRIORS:
        raise unknown_name("map", call.name, PRIORS)
    options = dict(call.options)
    if call.args:
        # parts('labels.csv') is short for parts(from='labels.csv').
        options.setdefault("from_", call.args[0])
    source = options.pop("from_", None)
    return PriorRequest(call.name, None if source is None else str(source), options)


def _choose(request: PriorRequest, seed: int, sample: Sequence[Original]) -> tuple[Prior, str]:
    """Take the first source that needs nothing from the person and fits the pictures."""
    refused = []
    for name in BY_SIGHT.get(request.name, ()):
        try:
            prior: AutomaticPrior = _build(request.name, name, request.options, seed)
            reason = prior.fit([sample[at] for at in spread(len(sample), _LOOK_AT)])
        except MaskwrightError as error:
            # A package may be missing; the next source needs perhaps none.
            refused.append(f"{name}: {error}")
            continue
        if reason is not None:
            return prior, f"from {name}, because {reason}"
        refused.append(f"{name}: finds nothing in {min(len(sample), _LOOK_AT)} pictures looked at")
    tried = f"Tried: {'; '.join(refused)}." if refused else "It needs a source."
    names = ", ".join(PRIORS[request.name])
    raise MaskwrightError(
        f"No source of {request.name} fits these pictures. {tried} Name one:"
        f" {request.name}(from=...), one of {names} or a file."
    )


def _build(kind: str, name: str, options: dict[str, Any], seed: int) -> Any:
    # Only some sources leave anything to chance.
    entry = PRIORS[kind][name]
    seeded = {"seed": seed} if "seed" in getattr(entry.load(), "__dataclass_fields__", {}) else {}
    return build(f"source of {kind}", PRIORS[kind], Call(name, (), {**seeded, **options}))
