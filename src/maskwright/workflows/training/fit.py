"""The training itself: parts and callbacks put together, run, and the run folder left in a true
state whatever happens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from lightning.pytorch.callbacks import EMAWeightAveraging

from maskwright.data.loader import ResumableLoader
from maskwright.evaluation.baselines import TrivialBaselines
from maskwright.losses.objective import needs_of
from maskwright.masking.given import check_given
from maskwright.patches import Grid
from maskwright.support.environment import describe_device, keep_freed_memory, pick_device, versions
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_text
from maskwright.support.reporting import Reporter, log
from maskwright.support.variables import join_folder
from maskwright.training.clock import Clock
from maskwright.training.module import PretrainModule
from maskwright.training.recorder import Row, format_time
from maskwright.training.stepped import NonFiniteLoss
from maskwright.training.trackers import open_trackers
from maskwright.training.trainer import Machine
from maskwright.weights.checkpoint import describe_model, load_model
from maskwright.weights.timm_vit import NotExportable, export_encoder
from maskwright.workflows.building.module import build_module, check_masks, model_config
from maskwright.workflows.loading.batches import build_batches, build_clock
from maskwright.workflows.loading.pictures import Pictures
from maskwright.workflows.runs.compute_cost import format_count, training_flops
from maskwright.workflows.runs.run_folder import RunFolder, now
from maskwright.workflows.runs.run_log import RunLog
from maskwright.workflows.runs.same_pictures import check_same_parts, facts_of_pictures, new_run
from maskwright.workflows.settings.pretrain_settings import PretrainSettings
from maskwright.workflows.settings.recipes import dump_recipe
from maskwright.workflows.training.mask_record import show_masks
from maskwright.workflows.training.monitors import TrainingMonitor
from maskwright.workflows.training.start_weights import start_from
from maskwright.workflows.training.train_loop import TrainLoop, load_finished, run_train_loop


def fit(
    settings: PretrainSettings,
    pictures: Pictures,
    folder: RunFolder,
    fingerprint: str,
    reporter: Reporter,
    *,
    resume: bool,
    joined: bool,
    watch: Callable[[Row], bool] | None = None,
) -> None:
    """Train to the end, to a request to stop, or to an error; the state in run.json says which.
    watch: see RunLog.
    """
    if resume:
        check_same_parts(pictures.train, pictures.held, folder, new_run(folder))
    device = pick_device(settings.run.device)
    if device.type == "cpu":
        keep_freed_memory()
    loader = _open_batches(settings, pictures, device)
    clock = build_clock(settings, len(loader))
    module = _build(settings, pictures, clock)
    if settings.train.init and not resume:
        reporter.say(start_from(settings.train.init, module.model))
        module.masker.restart(module.model.encoder)
    if not joined:
        _begin(settings, pictures, folder, fingerprint, module, clock, reporter, resume)
    join_folder(folder.path)
    run_log = RunLog(
        folder,
        [] if joined else open_trackers(settings.run.track, folder.path, settings.to_flat()),
        watch,
    )
    try:
        stopped = _train(settings, pictures, module, loader, run_log, reporter, resume)
    except BaseException as error:
        _fail(folder, error, module)
        raise
    finally:
        run_log.close()
    if not joined:
        _end(pictures, folder, module, clock, reporter, stopped)


def _open_batches(
    settings: PretrainSettings, pictures: Pictures, device: torch.device
) -> ResumableLoader:
    """The batches, with the maps that the policy and the loss look at."""
    config = model_config(settings)
    grid = Grid.of_image(*config.image_size, config.patch_size)
    policy = check_masks(settings, grid)
    held = () if pictures.held is None else pictures.held.keys
    check_given(policy, (*pictures.train.keys, *held))
    maps = sorted({*policy.traits.needed("prior"), *needs_of(settings.train.loss).priors})
    keys = "keys" in policy.traits.needs
    return build_batches(settings, pictures, device, maps, (grid.rows, grid.cols), keys)


def _build(settings: PretrainSettings, pictures: Pictures, clock: Clock) -> PretrainModule:
    """The module, with what its checkpoints say of it."""
    described = {
        "format": 1,
        "pixel_scale": {"mean": list(pictures.scale.mean), "std": list(pictures.scale.std)},
    }
    module = build_module(settings, pictures.scale, clock, described, len(pictures.train))
    described |= {"model": module.model.config.to_dict(), "settings": settings.to_flat()}
    if settings.run.compile:
        module.model.compile()
    return module


def _begin(
    settings: PretrainSettings,
    pictures: Pictures,
    folder: RunFolder,
    fingerprint: str,
    module: PretrainModule,
    clock: Clock,
    reporter: Reporter,
    resume: bool,
) -> None:
    parameters = sum(parameter.numel() for parameter in module.model.parameters())
    held = 0 if pictures.held is None else len(pictures.held)
    grid = module.model.grid
    reporter.say(
        f"{settings.model.model} with a {settings.model.decoder} decoder,"
        f" {format_count(parameters)} parameters, {grid}; {len(pictures.train):,} pictures to train"
        f" on, {held:,} held out; "
        + (f"{clock.total_steps:,} steps" if clock.total_steps else f"{clock.minutes:g} minutes")
    )
    heading = f"Repeat this run: maskwright pretrain --recipe {folder.config} --out NEW"
    write_text(folder.config, dump_recipe(settings, heading))  # resumed: the data may have moved
    if resume:
        folder.update_status(state="running")
        return
    folder.update_status(
        state="running",
        started=now(),
        seed=settings.train.seed,
        device=describe_device(pick_device(settings.run.device)),
        **facts_of_pictures(fingerprint, pictures.train, pictures.held),
        pictures=len(pictures.train),
        held_out=held,
        parameters=parameters,
        total_steps=clock.total_steps,
        step=0,
        epoch=0,
        versions=versions(),
    )
    show_masks(pictures, module, folder, "gallery")


def _train(
    settings: PretrainSettings,
    pictures: Pictures,
    module: PretrainModule,
    loader: ResumableLoader,
    run_log: RunLog,
    reporter: Reporter,
    resume: bool,
) -> bool:
    """Returns whether the training was stopped before its end."""
    if resume and load_finished(run_log.folder, module):
        return False
    watcher = TrainingMonitor(settings, pictures, run_log.picture)
    loop = TrainLoop(
        label="pretrain",
        beside=format_baselines(settings, run_log.folder, watcher.baselines(module)),
        epochs=settings.train.epochs,
        tasks=watcher.tasks(),
        save_minutes=settings.run.save_minutes,
        keep=settings.run.keep or (),
        more=module.masker.monitor.take_row,
        averaging=averaging(settings),
    )
    ended = run_train_loop(
        module, loader, run_log, _machine(settings), loop, reporter, resume=resume
    )
    return ended.asked and (
        module.clock.total_steps is None or ended.step < module.clock.total_steps
    )


def _machine(settings: PretrainSettings) -> Machine:
    return Machine(
        device=pick_device(settings.run.device),
        precision=settings.run.precision or "32-true",
        devices=settings.run.devices,
        nodes=settings.run.nodes,
        strategy=settings.run.strategy,
        accumulate=settings.train.accumulate,
    )


def format_baselines(
    settings: PretrainSettings, folder: RunFolder, baselines: TrivialBaselines
) -> str:
    """Put the trivial baselines on record; returns them in the words that stand beside the loss."""
    folder.update_status(baselines=baselines.to_dict())
    unit = "" if settings.train.loss.strip() == "mse" else "mse of "
    return f"{unit}patch mean {baselines.patch_mean:.3f}, bilinear {baselines.bilinear:.3f}"


def averaging(settings: PretrainSettings) -> list[Any]:
    """The callback that averages weights, when asked for; buffers, such as what a policy remembers,
    are kept as they are.
    """
    if not settings.train.ema:
        return []
    return [EMAWeightAveraging(decay=settings.train.ema, use_buffers=False)]


def _fail(folder: RunFolder, error: BaseException, module: PretrainModule) -> None:
    try:
        folder.fail(error)
    except (
        MaskwrightError
    ) as second:  # a full disk takes this too; the first error is the one to tell
        log.warning(str(second))
    if isinstance(error, NonFiniteLoss):
        kept = (
            f"The last good checkpoint is {folder.last}; --init starts from it."
            if folder.last.exists()
            else "No checkpoint was written yet."
        )
        raise MaskwrightError(f"{error} So does --precision 32-true. {kept}") from error


def _end(
    pictures: Pictures,
    folder: RunFolder,
    module: PretrainModule,
    clock: Clock,
    reporter: Reporter,
    stopped: bool,
) -> None:
    step = folder.metrics()[-1]["step"]
    spent = {
        "step": step,
        "seconds": round(clock.seconds, 2),
        "ended": now(),
        **module.totals(),
        "training_flops": training_flops(module),
    }
    if stopped:
        folder.update_status(state="stopped", **spent)
        reporter.say(
            f"Stopped at step {step:,}; nothing is lost. Go on with: maskwright pretrain --resume"
            f" --out {folder}"
        )
        return
    folder.update_status(
        state="finished",
        **spent,
        masks=show_masks(pictures, module, folder, "final", describe=True),
    )
    reporter.say(
        f"Finished {step:,} steps in {format_time(clock.seconds)}. Look at {folder.samples};"
        f" {_export(folder)}"
    )
    reporter.say(f"Measure it with: maskwright evaluate {folder} --data LABELED")


def _export(folder: RunFolder) -> str:
    """Write the encoder for timm; returns a sentence on where it is, or why timm cannot have it."""
    loaded = load_model(folder.last)
    try:
        path, _ = export_encoder(
            folder.exported / "encoder.safetensors",
            loaded.model,
            loaded.scale,
            note=f"maskwright run {folder.path.name}",
            about=describe_model(loaded.model, loaded.scale, loaded.settings),
        )
    except NotExportable as error:
        return f"no export: {error}"
    return f"the encoder for timm is {path}"
