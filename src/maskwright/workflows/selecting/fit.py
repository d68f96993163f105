"""Training a scorer in its folder, the state in run.json true whatever happens."""

from __future__ import annotations

import torch

from maskwright.data.augment.transforms import Augment
from maskwright.data.loader import LoaderSettings, ResumableLoader, build_loader, pick_workers
from maskwright.evaluation.selection import measure_scorer
from maskwright.schedules import Cosine
from maskwright.support.environment import (
    describe_device,
    keep_freed_memory,
    pick_device,
    pick_precision,
    versions,
)
from maskwright.support.files import write_json
from maskwright.support.reporting import Reporter
from maskwright.training.clock import set_clock
from maskwright.training.epoch_tasks import EpochTask
from maskwright.training.recorder import Row
from maskwright.training.schedule_lr import LearningRate
from maskwright.training.selector import SelectModule, SelectStepSettings
from maskwright.training.trainer import Machine
from maskwright.workflows.loading.pictures import eval_images
from maskwright.workflows.runs.compute_cost import format_count
from maskwright.workflows.runs.run_folder import now
from maskwright.workflows.runs.run_log import mirrored_log
from maskwright.workflows.runs.same_pictures import (
    check_same_data,
    check_same_parts,
    facts_of_pictures,
)
from maskwright.workflows.runs.train_loop import TrainLoop, run_train_loop
from maskwright.workflows.selecting.report import MOST_MEASURED
from maskwright.workflows.selecting.task import SelectTask
from maskwright.workflows.settings.select_settings import SelectSettings

# Pictures that the scorer is measured on after each epoch.
WATCHED = 256
SAVE_MINUTES = 5.0
DEFAULT_EPOCHS = 30
# The base rate is for that many pictures, as for pretraining.
RATE_BATCH = 256


def fit_scorer(task: SelectTask, reporter: Reporter, *, resume: bool) -> bool:
    """Train the scorer; returns whether it came to its end."""
    options, folder = task.options, task.folder
    device = pick_device(options.device)
    if device.type == "cpu":
        keep_freed_memory()
    # A batch is never larger than the data.
    batch_size = min(options.batch_size, len(task.pictures.train))
    loader = _build_loader(task, batch_size, device)
    module = _build_module(task, batch_size, len(loader))
    _record_begin(task, device, reporter, resume)
    try:
        stopped = _train(task, module, loader, device, reporter, resume)
    except BaseException as error:
        folder.fail(error)
        raise
    folder.update_status(
        state="stopped" if stopped else "finished",
        ended=now(),
        seconds=round(module.clock.seconds, 2),
        **module.totals(),
    )
    # It is saved and measured next, wherever it was trained.
    task.scorer.to("cpu")
    return not stopped


def _build_module(task: SelectTask, batch_size: int, batches: int) -> SelectModule:
    options, loaded = task.options, task.loaded
    clock = set_clock(
        batches,
        minutes=options.minutes,
        steps=options.steps,
        epochs=options.epochs or DEFAULT_EPOCHS,
    )
    settings = _build_step_settings(options, batch_size)
    return SelectModule(loaded.model, task.scorer, loaded.scale, settings, clock)


def _record_begin(task: SelectTask, device: torch.device, reporter: Reporter, resume: bool) -> None:
    """Say what is trained; put it on record, or check that a resumed training has the same data."""
    options, pictures, folder = task.options, task.pictures, task.folder
    parameters = sum(parameter.numel() for parameter in task.scorer.parameters())
    reporter.say(
        f"{options.scorer} scorer, {format_count(parameters)} parameters, on a frozen autoencoder"
        f" with a {task.loaded.model.grid}; {len(pictures.train):,} pictures to train on; encode"
        f" {options.encode}, mix {options.mixing}"
    )
    # Options were compared before; here the pictures are.
    if resume:
        way = "--overwrite starts it again"
        check_same_data(pictures.train.fingerprint, "the data", folder, way)
        check_same_parts(pictures.train, pictures.held, folder, way)
        return
    write_json(folder.path / "settings.json", options.to_dict())
    folder.update_status(
        state="running",
        kind="select",
        started=now(),
        device=describe_device(device),
        **facts_of_pictures(pictures.train.fingerprint, pictures.train, pictures.held),
        versions=versions(),
    )


def _train(
    task: SelectTask,
    module: SelectModule,
    loader: ResumableLoader,
    device: torch.device,
    reporter: Reporter,
    resume: bool,
) -> bool:
    """Returns whether somebody asked to stop before the end."""
    pictures, options = task.pictures, task.options
    # Fixed pictures, so that epochs compare.
    watched = eval_images(pictures.fixed, pictures.size, min(WATCHED, MOST_MEASURED))

    def measure(module: SelectModule, epoch: int) -> Row:
        return dict(
            measure_scorer(module.model, module.scorer, watched, module.scale, module.device)
        )

    loop = TrainLoop(
        label="select",
        beside="composite error and what is kept",
        machine=Machine(device=device, precision=options.precision or pick_precision(device)),
        epochs=options.epochs,
        tasks=[EpochTask("look", 1, measure)],
        save_minutes=SAVE_MINUTES,
    )
    with mirrored_log(task.folder, options.track, options.to_dict(), reporter) as run_log:
        result = run_train_loop(module, loader, run_log, loop, reporter, resume=resume)
    return result.stop_requested and not module.clock.is_over(result.step)


def _build_loader(task: SelectTask, batch_size: int, device: torch.device) -> ResumableLoader:
    options, pictures = task.options, task.pictures
    return build_loader(
        pictures.train,
        Augment(size=pictures.size, crop=options.crop, flip=options.flip),
        LoaderSettings(
            batch_size=batch_size,
            seed=options.seed,
            workers=pick_workers(device.type),
            pin=device.type == "cuda",
        ),
    )


def _build_step_settings(options: SelectSettings, batch_size: int) -> SelectStepSettings:
    """The numbers that a training step needs."""
    peak = options.lr
    if peak is None:
        peak = options.base_lr * batch_size / RATE_BATCH
    return SelectStepSettings(
        seed=options.seed,
        rate=LearningRate(peak, 0.0, options.warmup),
        weight_decay=options.weight_decay,
        beta2=0.95,  # as for pretraining
        clip=options.clip,
        encode=options.encode,
        mix=options.mixing,
        sparsity=options.sparsity,
        entropy=options.entropy,
        temperature=Cosine(options.temperature, options.last_temperature),
        temperature_steps=options.temperature_steps,
    )
