"""Saying what a checkpoint file or a run folder is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maskwright.models.config import ModelConfig
from maskwright.support.errors import MaskwrightError
from maskwright.weights.checkpoint import load_model
from maskwright.weights.facts import inspect_file
from maskwright.workflows.run import open_run
from maskwright.workflows.run_folder import RunFolder
from maskwright.workflows.spent import spell_count


def describe(path: str) -> str:
    """A few lines on a run folder or a weights file."""
    place = Path(path)
    if place.is_dir():
        return describe_run(RunFolder(place))
    if not place.exists():
        raise MaskwrightError(f"There is no file or run at '{path}'.")
    facts = inspect_file(place)
    lines = [f"{path}: {facts.summary}, {spell_count(facts.num_parameters)} numbers"]
    if facts.kind == "maskwright":
        loaded = load_model(place)
        lines += describe_model(loaded.model.config, loaded.settings)
    return "\n".join(lines)


def describe_model(config: ModelConfig, settings: Mapping[str, Any]) -> list[str]:
    """The shape of a model, what it predicts, and how it was masked."""
    height, width = config.image_size
    return [
        f"  encoder  {config.width}x{config.depth}, {config.heads} heads, {height}x{width} images of {config.channels} channels, "
        f"patch {config.patch_size}, {config.positions} positions, {config.num_prefix} prefix tokens",
        f"  decoder  {config.decoder} {config.decoder_width}x{config.decoder_depth}, {config.decoder_heads} heads: can reconstruct; "
        f"predicts {config.target} pixels",
        f"  masks    {settings.get('policy')} at ratio {settings.get('ratio')}, seed {settings.get('seed')}, data {settings.get('data')}",
    ]


def describe_run(folder: RunFolder) -> str:
    """State, data, model, masks and last numbers of a run."""
    run = open_run(folder.path)
    status, settings = run.status, run.settings
    lines = [
        folder.describe(),
        f"  data     {settings.data.data}: {status['pictures']:,} pictures, {status['held_out']:,} held out",
        f"  model    {settings.model.model}, patch {settings.model.patch_size}, image {settings.data.image_size}, "
        f"{settings.model.decoder} decoder, {status['parameters'] / 1e6:.1f}M parameters, {settings.model.target} target",
        f"  masks    {settings.mask.policy} at ratio {settings.mask.ratio}",
        f"  device   {status['device']}, {settings.run.precision}, seed {status['seed']}, maskwright {status['versions']['maskwright']}",
    ]
    rows = [row for row in run.metrics if "loss" in row]
    if rows:
        lines.append(f"  loss     {rows[-1]['loss']:.4f} at step {rows[-1]['step']:,}; baselines {status.get('baselines')}")
    kept = ", ".join(sorted(item.name for item in folder.checkpoints.glob("*.ckpt")))
    lines.append(f"  kept     {kept or 'no checkpoint yet'}")
    return "\n".join(lines)
