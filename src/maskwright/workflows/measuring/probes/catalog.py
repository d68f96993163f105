"""Every probe by name; a new one is one file, one line here and one test."""

from __future__ import annotations

from collections.abc import Iterable

from maskwright.support.catalog import Entry, build
from maskwright.support.errors import MaskwrightError
from maskwright.support.shorthand import Call, parse_value, split_list
from maskwright.workflows.measuring.probe_context import Probe

# Modules are imported when a probe is used, because some need seconds.
_ROOM = "maskwright.workflows.measuring.probes"
PROBES: dict[str, Entry] = {
    "knn": Entry(
        f"{_ROOM}.knn:KnnProbe",
        "the nearest train pictures by cosine vote, as in DINO, on standardized features",
    ),
    "linear": Entry(
        f"{_ROOM}.linear:LinearProbe",
        "logistic regression on standardized features, penalty chosen on held-out train",
    ),
    "layers": Entry(
        f"{_ROOM}.linear:LayersProbe",
        "the same after every block, to see where in the encoder the answer lies",
    ),
    "few_shot": Entry(
        f"{_ROOM}.linear:FewShotProbe",
        "the same on few labels (1%, or 5 per class), drawn several times",
    ),
    "cross_validated": Entry(
        f"{_ROOM}.cross_validated:CrossValidatedProbe",
        "linear on all labeled pictures in turns: fitted on four fifths, tested on the rest",
    ),
    "attentive": Entry(
        f"{_ROOM}.attentive:AttentiveProbe",
        "a few learned queries pool the patch tokens, then a linear layer",
    ),
    # A probe that needs a family above this one stands there.
    "finetune": Entry(
        "maskwright.workflows.finetuning.probe:FinetuneProbe",
        "all weights trained with strong augmentation; beside random weights: from scratch",
    ),
    "linear_official": Entry(
        f"{_ROOM}.gradient:OfficialLinearProbe",
        "the recipe of He et al. (2022): LARS, augmentation, 90 epochs",
    ),
    "linear_adam": Entry(
        f"{_ROOM}.gradient:AdamLinearProbe",
        "batch norm and a linear layer with Adam on cached features, nothing tuned",
    ),
    "segmentation": Entry(
        f"{_ROOM}.segmentation:SegmentationProbe",
        "a class for every pixel, by a linear layer on frozen patch tokens",
    ),
    "regression": Entry(
        f"{_ROOM}.regression:RegressionProbe",
        "a number for every picture or pixel, by ridge regression on frozen features",
    ),
}


def parse_probes(text: str, shots: str | None = None) -> dict[str, Probe]:
    """Build the probes of a line such as `knn(k=5),linear`, each under its own words.

    text: names with options, as in `maskwright list probes`.
    shots: `1%,5` adds few_shot probes.

    Raises MaskwrightError for an unknown probe or option, with the nearest known one.
    """
    # `5` and `1%` are the shorthand of few_shot(shots=...).
    few = [Call("few_shot", (), {"shots": word}) for word in split_list(shots or "")]
    calls = [*_calls(text), *few]
    if not calls:
        raise MaskwrightError("No probe to measure with; give --probe knn,linear or --shots 1%.")
    # Its words are the name of a probe in tables and results.
    return {_format(call): build("probe", PROBES, call) for call in calls}


def _calls(text: str) -> Iterable[Call]:
    for item in map(parse_value, split_list(text)):
        # A number or quoted text is no probe.
        if not isinstance(item, Call):
            raise MaskwrightError(f"Probes are written like knn(k=20),linear; got '{text}'.")
        yield item


def _format(call: Call) -> str:
    """`few_shot 5` for few_shot(shots=5), the words themselves for all others."""
    if call.name == "few_shot" and set(call.options) == {"shots"}:
        return f"few_shot {call.options['shots']}"
    return str(call)
