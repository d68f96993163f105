"""Saying what a checkpoint file or a run folder is."""

from __future__ import annotations

from pathlib import Path

from maskwright.models.config import ModelConfig
from maskwright.support.errors import MaskwrightError
from maskwright.weights.facts import inspect_file
from maskwright.weights.hints import Hints, split_hints
from maskwright.weights.official_files import PREFIX as OFFICIAL
from maskwright.weights.official_files import official_file
from maskwright.weights.opening import load_encoder
from maskwright.weights.pixel_scales import format_scale
from maskwright.weights.timm_names import PREFIX as TIMM
from maskwright.workflows.finetuning.report import format_answers
from maskwright.workflows.run import Run, open_run
from maskwright.workflows.runs.compute_cost import format_count
from maskwright.workflows.runs.other_weights import offering_others
from maskwright.workflows.runs.run_folder import RunFolder
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.finetune_settings import SECTION
from maskwright.workflows.settings.inspect_settings import InspectSettings
from maskwright.workflows.settings.recipes import read_recipe


@takes(InspectSettings, "path", "target")
def describe(settings: InspectSettings) -> str:
    """A few lines on a run folder, a file or folder of weights, `official:NAME` or `timm:NAME`."""
    text, told = split_hints(settings.path)
    place = Path(text)
    if place.is_dir() and RunFolder(place).exists:
        return describe_run(RunFolder(place))
    if text.startswith(TIMM):
        return describe_timm(settings.path)
    if text.startswith(OFFICIAL):
        place = official_file(text.removeprefix(OFFICIAL))
    if not place.exists():
        raise MaskwrightError(f"There is no file or run at '{text}'.")
    return describe_file(place, Hints(target=settings.target).over(told))


def describe_file(place: Path, told: Hints) -> str:
    """What a weight file is, its sizes, what it predicts, its license."""
    with offering_others(place):
        facts = inspect_file(place, told)
    lines = [f"{place}: {facts.summary}, {format_count(facts.num_parameters)} numbers"]
    if facts.config is not None:
        lines += [
            describe_encoder(facts.config),
            describe_decoder(facts.config, facts.target, facts.can_reconstruct),
        ]
    elif facts.unread:
        lines.append(f"  use      not before the name tells more: {facts.unread}")
    if facts.pixels:
        lines.append(f"  pixels   {facts.pixels}")
    if "settings" in facts.details:
        run = facts.details["settings"]
        lines.append(
            f"  masks    {run.get('policy')} at ratio {run.get('ratio')}, seed {run.get('seed')},"
            f" data {run.get('data')}"
        )
    if facts.license:
        lines.append(f"  license  {facts.license}")
    return "\n".join([*lines, *(f"  note     {note}" for note in facts.notes)])


def describe_timm(name: str) -> str:
    """The encoder of a model of timm."""
    loaded = load_encoder(name)
    weights = "fresh weights" if loaded.facts["random"] else "timm's weights"
    lines = [
        f"{name}: {weights}",
        describe_encoder(loaded.model.config),
        describe_decoder(loaded.model.config, "", False),
        f"  pixels   {format_scale(loaded.scale)}, stated by timm",
    ]
    return "\n".join([*lines, f"  license  {loaded.facts['license']}"])


def describe_encoder(config: ModelConfig) -> str:
    """The shape of an encoder in a line."""
    height, width = config.image_size
    extras = (", layer scales" if config.layer_scale is not None else "") + (
        "" if config.final_norm else ", no final norm"
    )
    return (
        f"  encoder  {config.width}x{config.depth}, {config.heads} heads, {height}x{width} images"
        f" of {config.channels} channels, patch {config.patch_size}, {config.positions} positions,"
        f" {config.num_prefix} prefix tokens{extras}"
    )


def describe_decoder(config: ModelConfig, target: str, can_reconstruct: bool) -> str:
    """The shape of a decoder and what it predicts in a line."""
    if not can_reconstruct:
        return "  decoder  none: features and evaluation work, it cannot reconstruct"
    shape = (
        f"{config.decoder} {config.decoder_width}x{config.decoder_depth}, {config.decoder_heads}"
        " heads"
    )
    return f"  decoder  {shape}: can reconstruct; predicts {target}"


def describe_run(folder: RunFolder) -> str:
    """State, data, model, masks and last numbers of a run."""
    run = open_run(folder.path)
    told = {"pretrain": _describe_pretrained, SECTION: _describe_finetuned}.get(run.kind)
    lines = (
        told(run)
        if told is not None
        else [f"  kind     {run.kind}; its settings are in {folder.config}"]
    )
    kept = ", ".join(sorted(item.name for item in folder.checkpoints.glob("*.ckpt")))
    return "\n".join([folder.describe(), *lines, f"  kept     {kept or 'no checkpoint yet'}"])


def _describe_pretrained(run: Run) -> list[str]:
    status, settings = run.status, run.settings
    lines = [
        (
            f"  data     {settings.data.data}: {status['pictures']:,} pictures,"
            f" {status['held_out']:,} held out"
        ),
        (
            f"  model    {settings.model.model}, patch {settings.model.patch_size}, image"
            f" {settings.data.image_size}, {settings.model.decoder} decoder,"
            f" {status['parameters'] / 1e6:.1f}M parameters, {settings.model.target} target"
        ),
        f"  masks    {settings.mask.policy} at ratio {settings.mask.ratio}",
        (
            f"  device   {status['device']}, {settings.run.precision}, seed {status['seed']},"
            f" maskwright {status['versions']['maskwright']}"
        ),
    ]
    rows = [row for row in run.metrics if "loss" in row]
    if rows:
        beside = "".join(
            f", {name.replace('_', ' ')} {value:.4f}"
            for name, value in (status.get("baselines") or {}).items()
        )
        lines.append(
            f"  loss     {rows[-1]['loss']:.4f} at step"
            f" {rows[-1]['step']:,}{f'; baselines: {beside[2:]}' if beside else ''}"
        )
    return lines


def _describe_finetuned(run: Run) -> list[str]:
    told, status, settings = (
        read_recipe(str(run.folder.config))[SECTION],
        run.status,
        run.finetune_settings,
    )
    length = (
        f"{settings.minutes:g} minutes"
        if settings.minutes is not None
        else f"{settings.epochs or 'chosen'} epochs"
    )
    lines = [
        f"  data     {told['data']}"
        + (f": {status['pictures']:,} pictures" if "pictures" in status else ""),
        (
            f"  model    classifier on {'random weights' if told['from_scratch'] else told['run']},"
            f" {settings.pooling} pooling"
        ),
        (
            f"  training {length}, layer decay {settings.layer_decay:g}, seed {told['seed']},"
            f" maskwright {status['versions']['maskwright']}"
        ),
    ]
    if "folds" in status:
        lines.append(f"  folds    {len(status['folds'])}, each in a folder of its own")
    return (
        [*lines, f"  result   {format_answers(status['result'])}"] if "result" in status else lines
    )
