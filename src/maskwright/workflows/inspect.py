"""Saying what a checkpoint file or a run folder is."""

from __future__ import annotations

from pathlib import Path

from maskwright.models.config import ModelConfig
from maskwright.support.errors import MaskwrightError
from maskwright.support.plurals import count_of
from maskwright.weights.facts import FileFacts, inspect_file
from maskwright.weights.hints import Hints, split_hints
from maskwright.weights.opening import file_of, load_encoder
from maskwright.weights.pixel_scales import format_scale
from maskwright.weights.timm_names import PREFIX as TIMM
from maskwright.weights.zoo import PREFIX as ZOO
from maskwright.weights.zoo import read_card, zoo_file
from maskwright.workflows.finetuning.report import format_answers
from maskwright.workflows.run import Run, open_run
from maskwright.workflows.runs.compute_cost import format_count
from maskwright.workflows.runs.other_weights import suggesting_others
from maskwright.workflows.runs.run_folder import RunFolder
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.finetune_settings import SECTION
from maskwright.workflows.settings.inspect_settings import InspectSettings
from maskwright.workflows.settings.recipes import read_recipe

NO_DECODER = "  decoder  none: features and evaluation work, it cannot reconstruct"


@takes(InspectSettings, "path", "target")
def describe(settings: InspectSettings) -> str:
    """A few lines on a run folder, a file or folder of weights, or a name with its prefix
    (`official:`, `timm:`, `zoo:`).
    """
    text, hints = split_hints(settings.path)
    file = Path(text)
    if file.is_dir() and RunFolder(file).exists:
        return describe_run(RunFolder(file))
    # Names before paths: nothing on disk begins like that.
    if text.startswith(TIMM):
        return describe_timm(settings.path)
    if text.startswith(ZOO):
        return describe_zoo(text, Hints(target=settings.target).over(hints))
    file = file_of(text)
    if not file.exists():
        raise MaskwrightError(f"There is no file or run at '{text}'.")
    return describe_file(file, Hints(target=settings.target).over(hints))


def describe_file(file: Path, hints: Hints) -> str:
    """What a weight file is, its sizes, what it predicts, its license."""
    with suggesting_others(file):
        facts = inspect_file(file, hints)
    lines = [f"{file}: {facts.summary}, {format_count(facts.num_parameters)} numbers"]
    # Some files do not say enough to build a model from them.
    if facts.config is not None:
        lines += [
            describe_encoder(facts.config),
            describe_decoder(facts),
        ]
    elif facts.unread:
        lines.append(f"  use      cannot be used before its name says more: {facts.unread}")
    if facts.pixels:
        lines.append(f"  pixels   {facts.pixels}")
    # Only our own checkpoints say how they were trained.
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
        NO_DECODER,
        f"  pixels   {format_scale(loaded.scale)}, stated by timm",
    ]
    return "\n".join([*lines, f"  license  {loaded.facts['license']}"])


def describe_zoo(name: str, hints: Hints) -> str:
    """The card of a model of the zoo, after what its file says."""
    card = read_card(name)
    file = zoo_file(name)
    lines = [describe_file(file, hints)] if card.is_encoder else [f"{file}: a learned masker"]
    return "\n".join([*lines, "", str(card)])


def describe_encoder(config: ModelConfig) -> str:
    """The shape of an encoder in a line."""
    height, width = config.image_size
    extras = ""
    if config.layer_scale is not None:
        extras += ", layer scales"
    if not config.final_norm:
        extras += ", no final norm"
    if config.first_norm:
        extras += ", a norm before the first block"
    if config.activation != "gelu":
        extras += f", {config.activation}"
    return (
        f"  encoder  {config.width}x{config.depth}, {config.heads} heads, {height}x{width} images"
        f" of {config.channels} channels, patch {config.patch_size}, {config.positions} positions,"
        f" {config.num_prefix} prefix tokens{extras}"
    )


def describe_decoder(facts: FileFacts) -> str:
    """The shape of a decoder and what it predicts in a line."""
    config = facts.config
    if config is None or not facts.has_decoder:
        return NO_DECODER
    shape = (
        f"{config.decoder} {config.decoder_width}x{config.decoder_depth}, {config.decoder_heads}"
        " heads"
    )
    use = "can reconstruct" if facts.can_reconstruct else "leads back to no picture"
    return f"  decoder  {shape}: {use}; predicts {facts.target}"


def describe_run(folder: RunFolder) -> str:
    """State, data, model, masks and last numbers of a run."""
    # Each kind of run has its own facts.
    run = open_run(folder.path)
    if run.kind == "pretrain":
        lines = _describe_pretrained(run)
    elif run.kind == SECTION:
        lines = _describe_finetuned(run)
    else:
        lines = [f"  kind     {run.kind}; its settings are in {folder.config}"]
    checkpoints = ", ".join(sorted(item.name for item in folder.checkpoints.glob("*.ckpt")))
    last_line = f"  kept     {checkpoints or 'no checkpoint yet'}"
    return "\n".join([folder.describe(), *lines, last_line])


def _describe_pretrained(run: Run) -> list[str]:
    """Data, model, masks, device and last loss of a pretraining."""
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
    # Rows of measurements between epochs have no loss.
    rows = [row for row in run.metrics if "loss" in row]
    if rows:
        line = f"  loss     {rows[-1]['loss']:.4f} at step {rows[-1]['step']:,}"
        # What trivial predictions reach; a run that has not begun to train has none.
        baselines = status.get("baselines") or {}
        if baselines:
            parts = [f"{name.replace('_', ' ')} {loss:.4f}" for name, loss in baselines.items()]
            line += f"; baselines: {', '.join(parts)}"
        lines.append(line)
    return lines


def _describe_finetuned(run: Run) -> list[str]:
    """Data, model, length and result of a fine-tuning."""
    section = read_recipe(str(run.folder.config))[SECTION]
    status, settings = run.status, run.finetune_settings
    length = count_of(settings.epochs, "epoch") if settings.epochs else "chosen epochs"
    if settings.minutes is not None:
        length = count_of(settings.minutes, "minute")
    start = "random weights" if section["from_scratch"] else section["run"]
    # The run of several folds has no pictures of its own.
    pictures = f": {status['pictures']:,} pictures" if "pictures" in status else ""
    lines = [
        f"  data     {section['data']}{pictures}",
        f"  model    classifier on {start}, {settings.pooling} pooling",
        (
            f"  training {length}, layer decay {settings.layer_decay:g}, seed {section['seed']},"
            f" maskwright {status['versions']['maskwright']}"
        ),
    ]
    if "folds" in status:
        lines.append(f"  folds    {len(status['folds'])}, each in a folder of its own")
    if "result" in status:
        lines.append(f"  result   {format_answers(status['result'])}")
    return lines
