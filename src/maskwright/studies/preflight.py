"""Asks before anything trains whether a finished arm could be measured: labels, pictures to fill
in, masks that fit its grid.
"""

from __future__ import annotations

from maskwright.data.sources.open import Source
from maskwright.data.store.packed import PackedStore
from maskwright.patches import Grid
from maskwright.schedules import Constant
from maskwright.studies.measures import MEASURE_SEED, MeasureSettings, read_mask
from maskwright.studies.measuring import held_store
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.workflows.building.policies import build_checked_policy
from maskwright.workflows.loading.labeled import find_split
from maskwright.workflows.loading.labeled_settings import LabeledSettings
from maskwright.workflows.loading.pictures import Pictures, eval_batch
from maskwright.workflows.settings.pretrain_settings import PretrainSettings


def check_measuring(
    measures: MeasureSettings,
    settings: PretrainSettings,
    source: Source,
    pictures: Pictures,
    reporter: Reporter,
) -> None:
    """Raise MaskwrightError, saying what to change in the plan, where a trial of these complete
    settings would train in vain.
    """
    if measures.probes:
        _check_labels(measures, settings)
    if measures.masks:
        _check_masks(
            measures, settings, held_store(settings, source, pictures, reporter), pictures.size
        )


def _check_labels(measures: MeasureSettings, settings: PretrainSettings) -> None:
    labels = measures.labels or (settings.data.labels if measures.data is None else None)
    try:
        find_split(
            LabeledSettings(
                data=measures.data or settings.data.data,
                labels=labels,
                limit=measures.limit,
                seed=MEASURE_SEED,
                value_range=settings.data.value_range,
                pages=settings.data.pages,
            )
        )
    except MaskwrightError as error:
        raise MaskwrightError(
            f"Probes could not be measured after the training: {error} Or measure reconstruction"
            " alone: evaluate.probes: [] in a plan, --probes none for compare."
        ) from error


def _check_masks(
    measures: MeasureSettings, settings: PretrainSettings, store: PackedStore, size: tuple[int, int]
) -> None:
    """Build every common mask's policy on the arm's grid, and find the maps that it looks at."""
    grid = Grid.of_image(*size, settings.model.patch_size or 1)
    maps: set[str] = set()
    for mask in measures.masks:
        choice = read_mask(mask)
        try:
            maps.update(
                build_checked_policy(choice.policy, grid, Constant(choice.ratio)).traits.needed(
                    "prior"
                )
            )
        except MaskwrightError as error:
            raise MaskwrightError(f"The common mask '{mask}' cannot be drawn: {error}") from error
    eval_batch(store, size, 1, sorted(maps), (grid.rows, grid.cols))
