"""Train a model of the zoo from its description, measure it, and write its weights and its card.

python bench/train_zoo.py bench/zoo/dead-leaves-32.yaml --runs RUNS [--measure CIFAR-10=CIFAR10.zip]
    [--limit 10000] [--zoo src/maskwright/zoo]
An interrupted training goes on where it stopped, a finished one is not repeated, so the command can
be given again. Lengths are in steps: a busy or a fast machine makes the same model. --measure takes
labeled pictures that the training never saw, for the card; they are no part of the weights.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import load_file

import maskwright
from maskwright.evaluation.fill import fill_pixels, hidden_pixels
from maskwright.evaluation.metrics import bootstrap_interval, masked_psnr
from maskwright.evaluation.reconstruction import measure_reconstruction
from maskwright.masking.uniform import RandomPolicy
from maskwright.support.files import write_text
from maskwright.support.reporting import LogReporter
from maskwright.support.torch_files import write_safetensors
from maskwright.weights.checkpoint import describe_model, load_model
from maskwright.workflows.building.mask_samples import MaskDraw, mask_samples
from maskwright.workflows.loading.pictures import eval_batch, load
from maskwright.workflows.run import Run, open_run
from maskwright.workflows.runs.run_folder import slug

QUIET: dict[str, Any] = {"track": ["none"], "sample_every": 100_000, "knn_every": 0}
FILLED_PICTURES = 512
# Positions are kept whole: halved, the fixed table would no longer be the formula's.
WHOLE = ("pos_embed",)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("description", type=Path)
    parser.add_argument("--runs", type=Path, default=Path("runs/zoo"))
    parser.add_argument("--zoo", type=Path, default=Path("src/maskwright/zoo"))
    parser.add_argument("--measure", nargs="*", default=[], metavar="NAME=DATA")
    parser.add_argument("--limit", type=int, default=10_000)
    options = parser.parse_args()
    described = yaml.safe_load(options.description.read_text())
    name = options.description.stem
    if described["kind"] == "autoencoder":
        make_autoencoder(name, described, options)
    else:
        make_masker(name, described, options)


def make_autoencoder(name: str, described: dict[str, Any], options: argparse.Namespace) -> None:
    """Pretrain, halve the weights' precision, measure what is left, and write both files."""
    run = pretrain(options.runs / name, described)
    weights = options.zoo / f"{name}.safetensors"
    write_halved(run, weights)
    results = {"filling in, dB": measure_filling(weights, run)}
    for measured in options.measure:
        title, _, data = measured.partition("=")
        results[title] = measure_probes(weights, data, options)
    flags = " ".join(
        f"--{key.replace('_', '-')} {value}" for key, value in described["pretrain"].items()
    )
    config = load_model(weights).model.config
    facts = {
        "image_size": config.image_size[0],
        "patch_size": config.patch_size,
        "channels": config.channels,
        "command": f'maskwright pretrain "{described["data"]}" {flags}',
        "steps": run.status["step"],
        "minutes": round(run.status["seconds"] / 60, 1),
        "storage": compare_precisions(run, weights),
    }
    write_card(name, described, {**facts, **of_run(run)}, results, options.zoo)


def pretrain(folder: Path, described: dict[str, Any]) -> Run:
    """The finished run: begun, gone on with, or found."""
    if (folder / "run.json").exists():
        run = open_run(folder)
        if run.status["state"] == "finished":
            return run
        return maskwright.pretrain(resume=True, out=folder)
    return maskwright.pretrain(described["data"], out=folder, **{**QUIET, **described["pretrain"]})


def write_halved(run: Run, path: Path) -> None:
    """Write a run's model in half precision; positions stay whole."""
    loaded = load_model(run.folder.last)
    state = {
        name: (value if name.endswith(WHOLE) else value.half()).contiguous()
        for name, value in loaded.model.state_dict().items()
    }
    about = describe_model(loaded.model, loaded.scale, loaded.settings)
    # Where the run lay is of no use to anyone else.
    about["settings"] = {key: value for key, value in about["settings"].items() if key != "out"}
    write_safetensors(path, state, {"format": "pt", "maskwright": json.dumps(about)})


def compare_precisions(run: Run, weights: Path) -> str:
    """How far features move when weights are stored in half precision."""
    whole, halved = load_model(run.folder.last), load_model(weights)
    config = whole.model.config
    images = torch.rand(64, config.channels, *config.image_size, generator=torch.manual_seed(0))
    with torch.no_grad():
        expected, found = (loaded.model.encode(images) for loaded in (whole, halved))
    share = float((expected - found).norm() / expected.norm())
    return f"float16, positions float32; features differ by {100 * share:.2f} % from the run's"


def measure_filling(weights: Path, run: Run) -> dict[str, Any]:
    """PSNR over what random masks of 75 % hide of pictures held out, and of the smooth fill."""
    loaded = load_model(weights)
    source = maskwright_source(run)
    pictures = load(run.settings.data, source, run.settings.train.seed, LogReporter(visible=False))
    grid = loaded.model.grid
    batch = eval_batch(pictures.fixed, pictures.size, FILLED_PICTURES)
    mask = mask_samples(RandomPolicy(), grid, batch.sample_ids, MaskDraw(0.75, 0, "common"))
    result = measure_reconstruction(loaded.model, batch.images, mask, loaded.scale)
    truth = batch.images.float() / 255
    is_hidden = hidden_pixels(mask, grid)
    smooth = masked_psnr(fill_pixels(truth, is_hidden).clamp(0, 1), truth, is_hidden)
    return {
        "pictures": f"{len(truth)} rendered ones that were held out, 75 % hidden by chance",
        "model": as_interval(result.psnr),
        "smooth fill": as_interval(smooth),
    }


def maskwright_source(run: Run) -> Any:
    """The pictures that a run was trained on."""
    from maskwright.data.sources.open import open_source

    return open_source(run.settings.data.data)


def as_interval(values: torch.Tensor) -> list[float]:
    """The mean with a 95 % interval."""
    interval = bootstrap_interval(values.double().numpy(), 0)
    return [round(number, 2) for number in (interval.value, interval.low, interval.high)]


def measure_probes(weights: Path, data: str, options: argparse.Namespace) -> dict[str, Any]:
    """k-NN and linear probe on pictures never seen, beside random weights of the same shape."""
    results = maskwright.evaluate(
        str(weights),
        data,
        limit=options.limit,
        figures=False,
        out=options.runs / "eval",
    )
    rows = {}
    for encoder, probes in results.items():
        rows["model" if encoder == "this encoder" else encoder] = {
            probe: [round(100 * result["top1"][key], 1) for key in ("value", "low", "high")]
            for probe, result in probes.items()
        }
    return rows


def make_masker(name: str, described: dict[str, Any], options: argparse.Namespace) -> None:
    """Train a scorer on the run of an autoencoder of the zoo, and write both files."""
    run = open_run(options.runs / described["of"])
    folder = run.path / "select" / slug(name)
    is_begun = (folder / "run.json").exists()
    if not (folder / "scorer.safetensors").exists():
        maskwright.select(run.path, name=name, resume=is_begun, **described["select"])
    weights = options.zoo / f"{name}.safetensors"
    state = load_file(folder / "scorer.safetensors")
    header = read_header(folder / "scorer.safetensors")
    write_safetensors(weights, {key: value.half() for key, value in state.items()}, header)
    report = json.loads((folder / "report.json").read_text())
    status = json.loads((folder / "run.json").read_text())
    flags = " ".join(
        f"--{key.replace('_', '-')} {value}" for key, value in described["select"].items()
    )
    side = run.settings.data.image_size
    assert side is not None  # a finished run knows it
    facts = {
        "image_size": int(side),
        "patch_size": run.settings.model.patch_size,
        "channels": run.settings.data.channels,
        "command": f"maskwright select RUN {flags}   (RUN: that of zoo:{described['of']})",
        "minutes": round(status.get("seconds", 0) / 60, 1),
        "storage": "float16",
    }
    write_card(name, described, {**facts, **of_run(run)}, report_numbers(report), options.zoo)


def read_header(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        return dict(file.metadata())


def report_numbers(report: dict[str, Any]) -> dict[str, Any]:
    """What a selection reached and lost against chance: the masks' errors and their differences."""
    facts = ("pictures", "interval", "measured_with")
    errors = {name: interval_of(row, "composite_mse") for name, row in report["masks"].items()}
    differences = {
        name: interval_of(row, "composite_mse") for name, row in report["differences"].items()
    }
    return {**{name: report[name] for name in facts}, "error": errors, "differences": differences}


def interval_of(row: dict[str, Any], name: str) -> list[float]:
    """Value, low and high of one number of a report."""
    return [round(row[name][part], 5) for part in ("value", "low", "high")]


def of_run(run: Run) -> dict[str, Any]:
    """What the card keeps of the run and its machine."""
    made_by = {part: str(version) for part, version in run.status["versions"].items()}
    return {"device": str(run.status["device"]), "versions": made_by}


def write_card(
    name: str,
    described: dict[str, Any],
    facts: dict[str, Any],
    results: dict[str, Any],
    zoo: Path,
) -> None:
    """The card: facts as front matter, then a few sentences."""
    weights = zoo / f"{name}.safetensors"
    front = {
        **{key: described[key] for key in ("kind", "summary", "license", "terms")},
        "data": described.get("data", f"the pictures of zoo:{described.get('of')}"),
        **facts,
        "results": results,
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
    }
    text = f"Good for: {described['good_for']}.\n\nNot good for: {described['not_for']}.\n"
    dumped = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=100)
    write_text(zoo / f"{name}.md", f"---\n{dumped}---\n{text}")
    print(f"{weights}: {weights.stat().st_size / 1e6:.2f} MB\n{dumped}")


if __name__ == "__main__":
    main()
