"""Checks before anything trains that a finished arm could be measured.

It needs labels or maps, pictures to fill in, and masks that fit its grid.
"""

from __future__ import annotations

from maskwright.data.sources.open import Source
from maskwright.diagnostics.catalog import build_diagnostics
from maskwright.masking.policy import Policy
from maskwright.patches import Grid
from maskwright.schedules import Constant
from maskwright.studies.measures import MEASURE_SEED, MeasureSettings, read_mask
from maskwright.studies.measuring import held_store
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.workflows.building.policies import build_checked_policy
from maskwright.workflows.loading.labeled import LabeledSplit, find_split
from maskwright.workflows.loading.labeled_settings import LabeledSettings
from maskwright.workflows.loading.pictures import Pictures, eval_batch
from maskwright.workflows.loading.plain_split import find_probe_split
from maskwright.workflows.measuring.diagnose_pictures import find_extra_pictures
from maskwright.workflows.measuring.probe_context import ReadsTruth
from maskwright.workflows.settings.data_settings import parse_size
from maskwright.workflows.settings.pretrain_settings import PretrainSettings

_IN_VAIN = "Probes could not be measured after the training:"


def check_measuring(measures: MeasureSettings, settings: PretrainSettings) -> None:
    """Refuse complete settings under which a trial would train in vain; nothing is decoded.

    Raises MaskwrightError, which says what to change in the plan.
    """
    # Labels first: they are what is most often missing.
    if measures.needs_labels or measures.diagnostics:
        _check_labels(measures, settings)
    _build_masks(measures, settings)


def check_held_out(
    measures: MeasureSettings,
    settings: PretrainSettings,
    source: Source,
    pictures: Pictures,
    reporter: Reporter,
) -> None:
    """Refuse settings that leave no pictures to fill in, or none with the maps that masks need."""
    if not measures.masks:
        return
    store = held_store(settings, source, pictures, reporter)
    maps: set[str] = set()
    for policy in _build_masks(measures, settings):
        maps.update(policy.traits.needed("prior"))
    # One picture tells whether the maps are there.
    grid = Grid.of_image(*pictures.size, settings.model.patch_size or 1)
    eval_batch(store, pictures.size, 1, sorted(maps), grid)


def check_truth(
    measures: MeasureSettings, settings: PretrainSettings, pictures: Pictures, reporter: Reporter
) -> None:
    """Refuse settings under which the pictures of probes lack the maps or values they want."""
    probes = [probe for probe in measures.parsed_probes().values() if isinstance(probe, ReadsTruth)]
    if not probes:
        return
    try:
        split = find_probe_split(
            _labeled_settings(measures, settings), reporter, needs_labels=measures.needs_labels
        )
        opened = split.open(pictures.size, settings.data.channels or 3, reporter)
        for probe in probes:
            probe.check_truth(opened.train, pictures.size)
            probe.check_truth(opened.test, pictures.size)
    except MaskwrightError as error:
        raise MaskwrightError(f"{_IN_VAIN} {error}") from error


def _labeled_settings(measures: MeasureSettings, settings: PretrainSettings) -> LabeledSettings:
    """Where the pictures of probes are."""
    # The study's own label file speaks of the study's own pictures alone.
    labels = measures.labels
    if labels is None and measures.data is None:
        labels = settings.data.labels
    return LabeledSettings(
        data=measures.data or settings.data.data,
        labels=labels,
        limit=measures.limit,
        seed=MEASURE_SEED,
        value_range=settings.data.value_range,
        pages=settings.data.pages,
    )


def _check_labels(measures: MeasureSettings, settings: PretrainSettings) -> None:
    """Find the labeled pictures as the probes will."""
    try:
        split = find_split(_labeled_settings(measures, settings))
    except MaskwrightError as error:
        raise MaskwrightError(
            f"{_IN_VAIN} {error} Or measure reconstruction"
            " alone: evaluate.probes: [] in a plan, --probes none for compare."
        ) from error
    _check_extras(measures, split)


def _check_extras(measures: MeasureSettings, split: LabeledSplit) -> None:
    """Find the pictures that diagnostics want beside the labeled ones."""
    questions = build_diagnostics(",".join(measures.diagnostics)) if measures.diagnostics else {}
    given = {
        "stimuli": measures.stimuli,
        "textures": measures.textures,
        "stylized": measures.stylized,
    }
    find_extra_pictures(questions, given, split)


def _build_masks(measures: MeasureSettings, settings: PretrainSettings) -> list[Policy]:
    """Every common mask's policy, on the arm's grid."""
    size = parse_size(settings.data.image_size or 0)
    grid = Grid.of_image(*size, settings.model.patch_size or 1)
    policies = []
    for mask in measures.masks:
        choice = read_mask(mask)
        try:
            policies.append(build_checked_policy(choice.policy, grid, Constant(choice.ratio)))
        except MaskwrightError as error:
            raise MaskwrightError(f"The common mask '{mask}' cannot be drawn: {error}") from error
    return policies
