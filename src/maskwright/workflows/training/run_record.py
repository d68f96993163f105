"""What a run puts on record at its beginning, at its end and when it fails."""

from __future__ import annotations

from maskwright.support.count_progress import format_time
from maskwright.support.environment import describe_device, pick_device, versions
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_text
from maskwright.support.plurals import count_of
from maskwright.support.reporting import log
from maskwright.training.masker import Masker
from maskwright.training.stepped import NonFiniteLoss
from maskwright.weights.checkpoint import LoadedModel, describe_model, load_model
from maskwright.weights.timm_vit import NotExportable, export_encoder
from maskwright.workflows.runs.compute_cost import format_count, training_flops
from maskwright.workflows.runs.run_folder import RunFolder, now
from maskwright.workflows.runs.same_pictures import facts_of_pictures
from maskwright.workflows.settings.recipes import dump_recipe
from maskwright.workflows.training.final_psnr import measure_psnr_gain
from maskwright.workflows.training.mask_record import show_masks
from maskwright.workflows.training.monitors import shows_pictures
from maskwright.workflows.training.run_plan import ActiveRun


def record_begin(run: ActiveRun) -> None:
    """Say what will be trained; write config.yaml, run.json and a gallery of masks."""
    settings, folder, pictures = run.settings, run.folder, run.pictures
    parameters = sum(parameter.numel() for parameter in run.module.model.parameters())
    held_count = 0 if pictures.held is None else len(pictures.held)
    total_steps, minutes = run.clock.total_steps, run.clock.minutes
    length = count_of(total_steps, "step") if total_steps else count_of(minutes or 0, "minute")
    run.reporter.say(
        f"{settings.model.model} with a {settings.model.decoder} decoder,"
        f" {format_count(parameters)} parameters, {run.module.model.grid};"
        f" {len(pictures.train):,} pictures to train on, {held_count:,} held out; {length}"
    )

    if not shows_pictures(settings):
        run.reporter.say(
            f"The target {run.module.model.target} leads back to no picture, so the run leaves no"
            " sheets of reconstructions; the loss and k-NN say how it goes"
        )

    # Also when the run is resumed: the data may have moved.
    heading = f"Repeat this run: maskwright pretrain --recipe {folder.config} --out NEW"
    write_text(folder.config, dump_recipe(settings, heading))
    if run.plan.resume:
        folder.update_status(state="running")
        return
    folder.update_status(
        state="running",
        started=now(),
        seed=settings.train.seed,
        device=describe_device(pick_device(settings.run.device)),
        **facts_of_pictures(run.plan.source.fingerprint, pictures.train, pictures.held),
        pictures=len(pictures.train),
        held_out=held_count,
        parameters=parameters,
        total_steps=total_steps,
        step=0,
        epoch=0,
        versions=versions(),
    )
    show_masks(pictures, run.module, folder, "gallery")


def record_failure(folder: RunFolder, error: BaseException) -> None:
    """Put an error on record; one about the numbers is raised again with the way on."""
    try:
        folder.fail(error)
    except MaskwrightError as second:
        # A full disk prevents this too; the first error is the one that people must see.
        log.warning(str(second))
    if isinstance(error, NonFiniteLoss):
        way = "No checkpoint was written yet."
        if folder.last.exists():
            way = f"The last good checkpoint is {folder.last}; --init starts from it."
        raise MaskwrightError(f"{error} So does --precision 32-true. {way}") from error


def record_end(run: ActiveRun, stopped: bool) -> None:
    """Put on record what was spent, export the encoder, and say what to do next.

    stopped: before the end of the training.
    """
    folder, reporter = run.folder, run.reporter
    # Of the last row: the step that was put on record.
    step = folder.metrics()[-1]["step"]
    spent = {
        "step": step,
        "seconds": round(run.clock.seconds, 2),
        "ended": now(),
        **run.module.totals(),
        "training_flops": training_flops(run.module),
    }
    if stopped:
        folder.update_status(state="stopped", **spent)
        reporter.say(
            f"Stopped at step {step:,}; nothing is lost. Go on with: maskwright pretrain --resume"
            f" --out {folder}"
        )
        return

    masks = show_masks(run.pictures, run.module, folder, "final", describe=True)
    # From the checkpoint: with averaged weights that is not what the module holds.
    loaded = load_model(folder.last)
    exported = _export(folder, loaded)
    # Its decibels are of masked patches, which a run that hides components never meets.
    gain = None
    if isinstance(run.module.masker, Masker):
        gain = measure_psnr_gain(loaded, run.pictures, run.module.device)
    folder.update_status(state="finished", **spent, masks=masks, psnr=gain)
    look = f"Look at {folder.samples}; " if shows_pictures(run.settings) else ""
    elapsed = format_time(run.clock.seconds)
    reporter.say(f"Finished {count_of(step, 'step')} in {elapsed}. {look}{exported}")
    reporter.say(f"Measure it with: maskwright evaluate {folder} --data LABELED")


def _export(folder: RunFolder, loaded: LoadedModel) -> str:
    """Write the encoder for timm; returns a sentence on where it is, or why timm cannot have it."""
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
