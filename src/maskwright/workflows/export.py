"""Taking a model to other software: timm, transformers, the official code, ONNX, safetensors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from maskwright.components.policy_text import require_patches
from maskwright.support.errors import MaskwrightError, unknown_name
from maskwright.support.notebook import usual_reporter
from maskwright.support.reporting import Reporter
from maskwright.weights.checkpoint import LoadedEncoder
from maskwright.weights.export_formats import FORMATS, Check
from maskwright.weights.exporting import export_model
from maskwright.weights.hf_folder import BOTH, usage_lines, why_no_decoder
from maskwright.weights.hints import Hints
from maskwright.weights.model_card import format_value_range
from maskwright.weights.timm_vit import hub_config, is_standard
from maskwright.workflows.runs.locate import home_of, load_any, load_any_encoder
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.export_settings import ExportSettings

# What decoders of other software predict.
PIXEL_TARGETS = ("raw", "normalized")


@dataclass(frozen=True)
class Exported:
    """Where a model was written and what came back from there.

    path: the file or folder.
    check: the comparison with what was read back.
    usage: the lines that open it in its own software.
    """

    path: Path
    check: Check
    usage: tuple[str, ...]


@takes(ExportSettings, "run")
def export(settings: ExportSettings, reporter: Reporter | None = None) -> Exported:
    """Write a run, file or named model in another format, read it back, and compare.

    Raises MaskwrightError, before anything is written, for what a format cannot hold.
    """
    reporter = reporter or usual_reporter()
    if settings.format not in FORMATS:
        raise unknown_name("format", settings.format, FORMATS)
    hints = Hints(target=settings.target)
    # Some formats hold an encoder alone.
    if FORMATS[settings.format].needs_decoder:
        loaded = _both(settings.run, hints)
    else:
        loaded = load_any_encoder(settings.run, hints)
    # Other software takes what a decoder predicts for pixels.
    target = loaded.model.config.target
    if FORMATS[settings.format].needs_decoder and target not in PIXEL_TARGETS:
        raise MaskwrightError(
            f"The {settings.format} format holds a decoder that predicts"
            f" {' or '.join(PIXEL_TARGETS)} pixels, and this one predicts {target}; export the"
            " encoder with --format timm or onnx, or all for maskwright with --format safetensors."
        )
    # Refuses a wrong path before anything is written.
    path = _output_path(settings.run, settings.format, settings.out)
    check = export_model(loaded, settings.format, path)
    usage = _usage(settings.format, path, loaded)
    for line in [f"{path}: {check}.", *(f"  {line}" for line in usage)]:
        reporter.say(line)
    if license_name := loaded.facts.get("license"):
        reporter.say(f"  license: {license_name}")
    # Other software has no place for it, and would show the model darker or lighter pictures.
    if value_range := loaded.settings.get("value_range"):
        reporter.say(f"  {format_value_range(value_range)}")
    return Exported(path, check, usage)


def _both(run: str | Path, hints: Hints) -> LoadedEncoder:
    """A model with its decoder; raises MaskwrightError where there is none."""
    whole = load_any(run, hints)
    # Other software would hide patches from it.
    require_patches(whole.settings, f"'{run}'")
    return LoadedEncoder(whole.model, whole.scale, whole.settings, whole.facts)


def _output_path(run: str | Path, format: str, out: str | Path | None) -> Path:
    """The file or folder to write; raises MaskwrightError for the wrong kind of the two."""
    ending = FORMATS[format].ending
    if out is None:
        name = f"model{ending}" if ending else format
        return home_of(run) / "exported" / name
    path = Path(out)
    # A format with an ending is a file, others are folders.
    if ending and path.is_dir():
        return path / f"model{ending}"
    if ending and path.suffix != ending:
        raise MaskwrightError(f"A file of format {format} ends in {ending}; got --out {out}.")
    if not ending and path.is_file():
        raise MaskwrightError(
            f"The {format} format is a folder and {out} is a file; give another --out."
        )
    return path


def _transformers_usage(path: Path, loaded: LoadedEncoder) -> tuple[str, ...]:
    """How transformers opens the encoder, and what became of the decoder."""
    missing = why_no_decoder(loaded)
    decoder = (
        f"transformers.ViTMAEForPreTraining.from_pretrained('{path / BOTH}')   with its decoder; it"
        " hides patches at random at every call"
    )
    return (
        *usage_lines(str(path), loaded.model.config),
        f"no decoder: {missing}" if missing else decoder,
        f"{path / 'README.md'} is its model card",
    )


def _usage(format: str, path: Path, loaded: LoadedEncoder) -> tuple[str, ...]:
    """The lines that open the file in its own software."""
    # What a person types next, with the path filled in.
    config = loaded.model.config
    if format == "timm":
        name, _ = hub_config(config, loaded.scale)
        by_file = (
            f"or: timm.create_model('{name}', img_size={config.image_size},"
            f" in_chans={config.channels}, num_classes=0,"
            f" checkpoint_path='{path}/model.safetensors')"
        )
        by_folder = f"timm.create_model('local-dir:{path}', pretrained=True)"
        # A shape that timm has no name for is found by its folder only.
        return (by_folder, by_file) if is_standard(config) else (by_folder,)
    if format == "hf":
        return _transformers_usage(path, loaded)
    if format == "onnx":
        height, width = config.image_size
        scaled = f"(pixels / 255 - {list(loaded.scale.mean)}) / {list(loaded.scale.std)}"
        shape = f"(B, {config.channels}, {height}, {width})"
        return (f"input 'images' {shape} float32 = {scaled}",)
    if format == "safetensors":
        return (f"maskwright.load('{path}')",)
    return ()
