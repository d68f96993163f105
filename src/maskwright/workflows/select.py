"""Learning which patches to keep: a scorer trained on a run's frozen autoencoder.

It is measured without noise beside random masks.
"""

from __future__ import annotations

import dataclasses
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from maskwright.components.policy_text import require_patches
from maskwright.patches.target import require_picture
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import read_json, write_text
from maskwright.support.notebook import usual_reporter
from maskwright.support.reporting import Reporter
from maskwright.support.seeding import torch_generator
from maskwright.training.trackers import check_trackers
from maskwright.weights.checkpoint import LoadedModel
from maskwright.weights.scorer_file import ScorerShape, save_scorer
from maskwright.workflows.loading.pictures import Pictures, find, load
from maskwright.workflows.run import Run, open_run
from maskwright.workflows.runs.resuming import refuse_changes
from maskwright.workflows.runs.run_folder import RunFolder, slug
from maskwright.workflows.selecting.apply import apply_scorer
from maskwright.workflows.selecting.fit import fit_scorer
from maskwright.workflows.selecting.report import report_selection
from maskwright.workflows.selecting.task import SelectTask
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.pretrain_settings import DataSettings
from maskwright.workflows.settings.select_options import SELECT, SelectOptions, check_select
from maskwright.workflows.settings.select_settings import SelectSettings, build_select_settings


@dataclass(frozen=True)
class Selection:
    """What came out.

    path: the folder with scorer.safetensors, report.json, sheet.png and curve.png.
    report: the numbers of report.json.
    """

    path: Path
    report: dict[str, Any]


@takes(SELECT, "run", "data")
def select(options: SelectOptions, reporter: Reporter | None = None, **settings: Any) -> Selection:
    """Train a scorer that says which patches of a picture a frozen autoencoder fills in best from.
    Raises MaskwrightError for what a user can mend.
    """
    reporter = reporter or usual_reporter()
    check_select(options, settings)
    if options.apply is not None:
        given = {name: value for name, value in settings.items() if value is not None}
        return _apply(options, given.get("limit"), str(given.get("device", "auto")), reporter)
    task = _prepare_task(options, settings, reporter)
    if not fit_scorer(task, reporter, resume=options.resume):
        raise MaskwrightError(
            f"Stopped; nothing is lost. Go on with --resume --name {task.folder.path.name} and the"
            " same settings."
        )
    # The scorer is safe on disk before anything is measured.
    shape = _shape(task.options, task.loaded)
    save_scorer(task.folder.path / "scorer.safetensors", task.scorer, shape)
    return Selection(task.folder.path, report_selection(task, reporter))


def _prepare_task(
    options: SelectOptions, settings: dict[str, Any], reporter: Reporter
) -> SelectTask:
    """Everything that a training of a scorer needs, its folder opened."""
    # A recipe may also name the data.
    extra, chosen = build_select_settings(options.recipe, settings)
    check_trackers(chosen.track, reporter)
    parent = open_run(options.run)
    loaded = parent.load()
    _check_decoder(chosen, loaded)
    # Inside the run: a scorer means nothing without its autoencoder.
    name = options.name or f"{chosen.encode}-{chosen.scorer}"
    folder = RunFolder(parent.path / "select" / slug(name))
    data = extra.get("data") if options.data is None else options.data
    _open_folder(folder, chosen, options.resume, options.overwrite)
    data_settings = _data_settings(parent, data, chosen, loaded)
    pictures = _open_pictures(data_settings, data, parent.settings.train.seed, reporter)
    if not options.resume:
        _write_settings(parent, folder, data_settings.data, chosen)
    # Drawn from the seed, apart from all other chance.
    shape = _shape(chosen, loaded)
    scorer = shape.build(loaded.model.grid, torch_generator(chosen.seed, "scorer"))
    held_out = _is_held_out_from_run(parent.settings.data, data_settings)
    return SelectTask(
        options=chosen,
        loaded=loaded,
        scorer=scorer,
        pictures=pictures,
        folder=folder,
        pretrained=parent.settings.to_flat(),
        held_out_from_run=pictures.held is not None and held_out,
    )


def _apply(options: SelectOptions, limit: int | None, device: str, reporter: Reporter) -> Selection:
    """Let a trained scorer look at other pictures."""
    count = None if limit is None else int(limit)
    parent = open_run(options.run).folder
    folder = apply_scorer(parent, str(options.apply), str(options.data), count, device, reporter)
    return Selection(folder, read_json(folder / "summary.json"))


def _check_decoder(settings: SelectSettings, loaded: LoadedModel) -> None:
    """Refuse a target without pictures, and a cross decoder where kept features are mixed with
    mask tokens.
    """
    require_picture(loaded.model.target, "The run")
    require_patches(loaded.settings, "The run")
    if settings.encode == "all" and loaded.model.config.decoder != "full":
        raise MaskwrightError(
            "encode='all' mixes kept features with mask tokens, which a cross decoder does not"
            " have. Use encode='kept'."
        )


def _open_pictures(settings: DataSettings, data: Any, seed: int, reporter: Reporter) -> Pictures:
    """The pictures to learn from and those held out; warns where none are."""
    # A path is in the settings already; anything else is an object from Python.
    by_name = data is None or isinstance(data, (str, Path))
    source, _ = find(settings, None if by_name else data, reporter)
    pictures = load(settings, source, seed, reporter)
    if pictures.held is None:
        reporter.warn(
            "Nothing is held out, so the selection is measured on pictures that it was trained on;"
            " --val 0.1 holds a part out."
        )
    return pictures


def _write_settings(parent: Run, folder: RunFolder, data: str, options: SelectSettings) -> None:
    """Leave a recipe that repeats the training."""
    heading = f"# Repeat: maskwright select {parent.path} --recipe {folder.config} --name NEW\n"
    section = {"select": {"data": data, **options.to_dict()}}
    write_text(folder.config, heading + yaml.safe_dump(section, sort_keys=False))


def _shape(options: SelectSettings, loaded: LoadedModel) -> ScorerShape:
    return ScorerShape(
        kind=options.scorer,
        patch_size=loaded.model.grid.patch_size,
        channels=loaded.model.config.channels,
        width=options.scorer_width,
        depth=options.scorer_depth,
        heads=options.scorer_heads,
    )


def _open_folder(folder: RunFolder, options: SelectSettings, resume: bool, overwrite: bool) -> None:
    """Raise MaskwrightError for a folder that cannot be written or resumed as asked."""
    if resume:
        if not folder.exists or not folder.last.exists():
            raise MaskwrightError(f"There is nothing to resume in {folder}.")
        if folder.status()["state"] == "finished":
            raise MaskwrightError(
                f"{folder} is finished; --overwrite starts it again, --name NEW another."
            )
        # The settings that the training began with.
        kept = read_json(folder.path / "settings.json")
        # Where numbers are mirrored changes nothing of the training.
        asked = {name: value for name, value in options.to_dict().items() if name != "track"}
        refuse_changes(kept, asked, f"See {folder.config}.")
        return
    # Only what a training has made is deleted.
    if overwrite and folder.exists:
        shutil.rmtree(folder.path)
    if folder.path.exists() and any(folder.path.iterdir()):
        raise MaskwrightError(
            f"{folder} exists already: --resume goes on with it, --overwrite starts it again,"
            " --name NEW another."
        )


def _data_settings(
    parent: Run, data: Any, options: SelectSettings, loaded: LoadedModel
) -> DataSettings:
    """The run's own data settings where the data is the run's, else those given."""
    settings = parent.settings.data
    if data is not None:
        name = str(data) if isinstance(data, (str, Path)) else "python"
        # Other data under the run's range of values: inputs must mean the same.
        if name != settings.data:
            settings = DataSettings(data=name, value_range=settings.value_range)

    config = loaded.model.config
    stated = {name: getattr(options, name) for name in ("split", "val", "limit")}
    return dataclasses.replace(
        settings,
        image_size="x".join(map(str, config.image_size)),
        channels=config.channels,
        crop=options.crop,
        flip=options.flip,
        **{name: value for name, value in stated.items() if value is not None},
    )


def _is_held_out_from_run(trained: DataSettings, used: DataSettings) -> bool:
    """Whether what is held out here was held out from the run too."""
    # All that decides which pictures are held out, beside the seed, which is the run's.
    names = ("data", "split", "labels", "val", "test_size", "limit")
    return all(getattr(trained, name) == getattr(used, name) for name in names)
