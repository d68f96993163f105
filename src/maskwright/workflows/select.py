"""Learning which patches to keep: a scorer trained on a run's frozen autoencoder, measured without
noise beside random masks.
"""

from __future__ import annotations

import dataclasses
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

from maskwright.data.augment.transforms import Augment
from maskwright.data.loader import LoaderSettings, ResumableLoader, build_loader, pick_workers
from maskwright.evaluation.selection import measure_scorer
from maskwright.schedules import Cosine
from maskwright.support.environment import (
    cpu_count,
    describe_device,
    keep_freed_memory,
    pick_device,
    pick_precision,
    versions,
)
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import read_json, write_json, write_text
from maskwright.support.reporting import LogReporter, Reporter
from maskwright.support.seeding import torch_generator
from maskwright.training.clock import set_clock
from maskwright.training.epoch_tasks import EpochTask
from maskwright.training.recorder import Row
from maskwright.training.schedule_lr import LearningRate
from maskwright.training.selector import SelectModule, SelectStepSettings
from maskwright.training.trainer import Machine
from maskwright.weights.checkpoint import LoadedModel
from maskwright.weights.scorer_file import ScorerShape, save_scorer
from maskwright.workflows.loading.pictures import Pictures, eval_images, find, load
from maskwright.workflows.run import Run, open_run
from maskwright.workflows.runs.compute_cost import format_count
from maskwright.workflows.runs.run_folder import RunFolder, now, slug
from maskwright.workflows.runs.run_log import RunLog
from maskwright.workflows.runs.same_pictures import (
    check_same_data,
    check_same_parts,
    facts_of_pictures,
)
from maskwright.workflows.selecting.report import MOST_MEASURED, report_selection
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.pretrain_settings import DataSettings
from maskwright.workflows.settings.select_options import SELECT, SelectOptions
from maskwright.workflows.settings.select_settings import SelectSettings, build_select_settings
from maskwright.workflows.training.train_loop import TrainLoop, run_train_loop

WATCHED = 256
SAVE_MINUTES = 5.0


@dataclass(frozen=True)
class Selection:
    """What came out: the folder with scorer.safetensors, report.json, sheet.png and curve.png, and
    the numbers of the report.
    """

    path: Path
    report: dict[str, Any]


@takes(SELECT, "run", "data")
def select(options: SelectOptions, reporter: Reporter | None = None, **settings: Any) -> Selection:
    """Train a scorer that says which patches of a picture to keep, so that a run's frozen
    autoencoder fills in the rest best.

    Raises MaskwrightError for what a user can mend.
    """
    reporter = reporter or LogReporter()
    besides, chosen = build_select_settings(options.recipe, settings)
    parent = open_run(options.run)
    loaded = parent.load()
    if chosen.encode == "all" and loaded.model.config.decoder != "full":
        raise MaskwrightError(
            "encode='all' mixes kept features with mask tokens, which a cross decoder does not"
            " have. Use encode='kept'."
        )
    folder = RunFolder(
        parent.path / "select" / slug(options.name or f"{chosen.encode}-{chosen.scorer}")
    )
    data = besides.get("data") if options.data is None else options.data
    _open_folder(folder, chosen, options.resume, options.overwrite)
    wanted = _data_settings(parent, data, chosen, loaded)
    pictures = _open_pictures(wanted, data, parent.settings.train.seed, reporter)
    if not options.resume:
        _write_settings(parent, folder, wanted.data, chosen)
    shape = _shape(chosen, loaded)
    scorer = shape.build(loaded.model.grid, torch_generator(chosen.seed, "scorer"))
    finished = _fit(chosen, loaded, scorer, pictures, folder, reporter, options.resume)
    if not finished:
        raise MaskwrightError(
            f"Stopped; nothing is lost. Go on with --resume --name {folder.path.name} and the same"
            " settings."
        )
    save_scorer(folder.path / "scorer.safetensors", scorer, shape)
    known = _is_held_out_from_run(parent.settings.data, wanted) and pictures.held is not None
    report = report_selection(
        chosen, loaded, scorer, pictures, folder, known, parent.settings.to_flat(), reporter
    )
    return Selection(folder.path, report)


def _open_pictures(wanted: DataSettings, data: Any, seed: int, reporter: Reporter) -> Pictures:
    """The pictures to learn from and those held out; warns where none are."""
    source, _ = find(
        wanted, None if data is None or isinstance(data, (str, Path)) else data, reporter
    )
    pictures = load(wanted, source, seed, reporter)
    if pictures.held is None:
        reporter.warn(
            "Nothing is held out, so the selection is measured on pictures that it was trained on;"
            " --val 0.1 holds a part out."
        )
    return pictures


def _write_settings(parent: Run, folder: RunFolder, data: str, chosen: SelectSettings) -> None:
    """Leave a recipe that repeats the training."""
    heading = f"# Repeat: maskwright select {parent.path} --recipe {folder.config} --name NEW\n"
    write_text(
        folder.config,
        heading + yaml.safe_dump({"select": {"data": data, **chosen.to_dict()}}, sort_keys=False),
    )


def _shape(chosen: SelectSettings, loaded: LoadedModel) -> ScorerShape:
    return ScorerShape(
        kind=chosen.scorer,
        patch_size=loaded.model.grid.patch_size,
        channels=loaded.model.config.channels,
        width=chosen.scorer_width,
        depth=chosen.scorer_depth,
        heads=chosen.scorer_heads,
    )


def _open_folder(folder: RunFolder, chosen: SelectSettings, resume: bool, overwrite: bool) -> None:
    if resume:
        if not folder.exists or not folder.last.exists():
            raise MaskwrightError(f"There is nothing to resume in {folder}.")
        if folder.status()["state"] == "finished":
            raise MaskwrightError(
                f"{folder} is finished; --overwrite starts it again, --name NEW another."
            )
        kept = read_json(folder.path / "settings.json")
        changed = sorted(
            name for name, value in chosen.to_dict().items() if kept.get(name) != value
        )
        if changed:
            raise MaskwrightError(
                f"--resume needs the settings of the earlier training; {', '.join(changed)} differ."
                f" See {folder.config}."
            )
        return
    if overwrite and folder.exists:
        shutil.rmtree(folder.path)
    if folder.path.exists() and any(folder.path.iterdir()):
        raise MaskwrightError(
            f"{folder} exists already: --resume goes on with it, --overwrite starts it again,"
            " --name NEW another."
        )


def _data_settings(
    parent: Run, data: Any, chosen: SelectSettings, loaded: LoadedModel
) -> DataSettings:
    """The run's own data settings where the data is the run's, else those given."""
    own = parent.settings.data
    named = None if data is None else str(data) if isinstance(data, (str, Path)) else "python"
    config = loaded.model.config
    given = {
        name: getattr(chosen, name)
        for name in ("split", "val", "limit")
        if getattr(chosen, name) is not None
    }
    base = (
        own
        if named is None or named == own.data
        else DataSettings(data=named, value_range=own.value_range)
    )
    size = "x".join(map(str, config.image_size))
    return dataclasses.replace(
        base,
        image_size=size,
        channels=config.channels,
        crop=chosen.crop,
        flip=chosen.flip,
        **given,
    )


def _is_held_out_from_run(own: DataSettings, used: DataSettings) -> bool:
    return all(
        getattr(own, name) == getattr(used, name)
        for name in ("data", "split", "labels", "val", "test_size", "limit")
    )


def _fit(
    chosen: SelectSettings,
    loaded: LoadedModel,
    scorer: nn.Module,
    pictures: Pictures,
    folder: RunFolder,
    reporter: Reporter,
    resume: bool,
) -> bool:
    """Train the scorer; returns whether it came to its end."""
    device = pick_device(chosen.device)
    if device.type == "cpu":
        keep_freed_memory()
    batch = min(chosen.batch_size, len(pictures.train))
    loader = _build_loader(chosen, pictures, batch, device)
    clock = set_clock(
        len(loader), minutes=chosen.minutes, steps=chosen.steps, epochs=chosen.epochs or 30
    )
    module = SelectModule(loaded.model, scorer, loaded.scale, _build_recipe(chosen, batch), clock)
    weights = sum(parameter.numel() for parameter in scorer.parameters())
    reporter.say(
        f"{chosen.scorer} scorer, {format_count(weights)} parameters, on a frozen autoencoder with"
        f" a {loaded.model.grid}; {len(pictures.train):,} pictures to train on; encode"
        f" {chosen.encode}, mix {chosen.mixing}"
    )
    if resume:
        way = "--overwrite starts it again"
        check_same_data(pictures.train.fingerprint, "the data", folder, way)
        check_same_parts(pictures.train, pictures.held, folder, way)
    else:
        write_json(folder.path / "settings.json", chosen.to_dict())
        folder.update_status(
            state="running",
            kind="select",
            started=now(),
            device=describe_device(device),
            **facts_of_pictures(pictures.train.fingerprint, pictures.train, pictures.held),
            versions=versions(),
        )
    try:
        asked = _train(module, loader, pictures, folder, device, chosen, reporter, resume)
    except BaseException as error:
        folder.fail(error)
        raise
    folder.update_status(
        state="stopped" if asked else "finished",
        ended=now(),
        seconds=round(module.clock.seconds, 2),
        **module.totals(),
    )
    scorer.to("cpu")
    return not asked


def _train(
    module: SelectModule,
    loader: ResumableLoader,
    pictures: Pictures,
    folder: RunFolder,
    device: torch.device,
    chosen: SelectSettings,
    reporter: Reporter,
    resume: bool,
) -> bool:
    """Returns whether somebody asked to stop before the end."""
    watched = eval_images(pictures.fixed, pictures.size, min(WATCHED, MOST_MEASURED))

    def look(module: SelectModule, epoch: int) -> Row:
        return dict(
            measure_scorer(module.model, module.scorer, watched, module.scale, module.device)
        )

    machine = Machine(device=device, precision=chosen.precision or pick_precision(device))
    loop = TrainLoop(
        label="select",
        beside="composite error and what is kept",
        epochs=chosen.epochs,
        tasks=[EpochTask("look", 1, look)],
        save_minutes=SAVE_MINUTES,
    )
    ended = run_train_loop(
        module, loader, RunLog(folder, []), machine, loop, reporter, resume=resume
    )
    return ended.asked and not module.clock.is_over(ended.step)


def _build_loader(
    chosen: SelectSettings, pictures: Pictures, batch: int, device: torch.device
) -> ResumableLoader:
    augment = Augment(size=pictures.size, crop=chosen.crop, flip=chosen.flip)
    workers = pick_workers(device.type, cpu_count())
    return build_loader(
        pictures.train,
        augment,
        LoaderSettings(
            batch_size=batch,
            seed=chosen.seed,
            workers=workers,
            pin=device.type == "cuda",
        ),
    )


def _build_recipe(chosen: SelectSettings, batch: int) -> SelectStepSettings:
    rate = chosen.lr if chosen.lr is not None else chosen.base_lr * batch / 256
    return SelectStepSettings(
        seed=chosen.seed,
        rate=LearningRate(rate, 0.0, chosen.warmup),
        weight_decay=chosen.weight_decay,
        beta2=0.95,
        clip=chosen.clip,
        encode=chosen.encode,
        mix=chosen.mixing,
        sparsity=chosen.sparsity,
        entropy=chosen.entropy,
        temperature=Cosine(chosen.temperature, chosen.last_temperature),
        temperature_steps=chosen.temperature_steps,
    )
