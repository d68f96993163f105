"""Measuring an encoder on labeled pictures: k-NN and linear probe, beside random weights and raw pixels, under one protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from maskwright.data.packed import PackedStore
from maskwright.data.sources import Source, open_source
from maskwright.evaluation.features import Features, extract_features, raw_pixel_features
from maskwright.evaluation.knn import KnnSettings, measure_knn
from maskwright.evaluation.linear_probe import LinearProbeSettings, hold_out, measure_linear_probe
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.image_encoder import ImageEncoder
from maskwright.support.environment import pick_device, pick_precision, versions
from maskwright.support.errors import MaskwrightError, unknown_name
from maskwright.support.files import write_json
from maskwright.support.reporting import LogReporter, Reporter
from maskwright.support.seeding import torch_generator
from maskwright.weights.checkpoint import LoadedEncoder
from maskwright.weights.hints import split_hints
from maskwright.weights.opening import is_name
from maskwright.workflows.loading import eval_batches, packed
from maskwright.workflows.run import home_of, load_any_encoder
from maskwright.workflows.run_folder import now, slug

PROBES = ("knn", "linear")
TEST_NAMES = ("test", "val", "valid", "validation")
TEST_SHARE = 0.25


@dataclass(frozen=True)
class Labeled:
    """Two labeled stores and where they came from."""

    train: PackedStore
    test: PackedStore
    name: str
    how: str


def evaluate(
    run: str | Path,
    data: str | None = None,
    *,
    probe: str = "knn,linear",
    train_split: str | None = None,
    test_split: str | None = None,
    labels: str | None = None,
    baselines: bool = True,
    limit: int | None = None,
    device: str = "auto",
    seed: int = 0,
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Measure the encoder of a run or checkpoint on labeled pictures; returns and saves {encoder name: {probe: result}}.

    data: as for pretrain, with labels from sub-folders or a CSV (default: the run's data). Splits are found by name, else a seeded,
    stratified quarter is the test set. Nothing is chosen on the test set. Raises MaskwrightError when there are no labels.
    """
    reporter = reporter or LogReporter()
    probes = [word.strip() for word in probe.split(",")]
    for name in probes:
        if name not in PROBES:
            raise unknown_name("probe", name, PROBES)
    loaded = load_any_encoder(run)
    chosen = pick_device(device)
    settings = loaded.settings
    pictures = _labeled_pictures(
        data or settings.get("data"),
        labels or (settings.get("labels") if data is None else None),
        train_split,
        test_split,
        limit,
        seed,
        loaded,
        reporter,
    )
    reporter.say(f"{len(pictures.train):,} pictures to fit on, {len(pictures.test):,} to test on, {pictures.how}")
    results = _measure_all(_encoders(loaded, pictures, chosen, baselines), probes, seed, reporter)
    report = {
        "data": pictures.name,
        "protocol": pictures.how,
        "limit": limit,
        "seed": seed,
        "made": now(),
        "versions": versions(),
        "results": results,
    }
    path = eval_folder(run) / f"{slug(pictures.name)}-{'-'.join(probes)}.json"
    write_json(path, report)
    for line in [*spell_results(results), f"Written to {path}"]:
        reporter.say(line)
    return results


def _measure_all(
    encoders: dict[str, Callable[[], tuple[Features, Features]]], probes: list[str], seed: int, reporter: Reporter
) -> dict[str, Any]:
    """Results by encoder and probe; features are made one encoder at a time."""
    results: dict[str, Any] = {}
    for name, features in encoders.items():
        reporter.progress("features", len(results), len(encoders), name)
        train, test = features()
        results[name] = {word: _measure(word, train, test, seed) for word in probes}
    reporter.finish()
    return results


def eval_folder(run: str | Path) -> Path:
    """Where results go: RUN/eval, beside a checkpoint file, or eval in a folder named after a name such as timm:NAME."""
    place = Path(split_hints(run)[0])
    return home_of(run) / "eval" if place.is_dir() or is_name(str(run)) else place.with_suffix(".eval")


def spell_results(results: dict[str, Any]) -> list[str]:
    """One line per encoder, aligned."""
    lines = []
    for name, by_probe in results.items():
        parts = [f"{probe}: {_spell(result)}" for probe, result in by_probe.items()]
        lines.append(f"  {name:<16} " + "   ".join(parts))
    return lines


def _spell(result: dict[str, Any]) -> str:
    words = []
    for key, title in (("top1", "top-1"), ("top5", "top-5"), ("auroc", "AUROC")):
        value = result.get(key)
        if value is not None:
            words.append(f"{title} {value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]")
    return " ".join(words)


def _measure(probe: str, train: Features, test: Features, seed: int) -> dict[str, Any]:
    if probe == "linear":
        return measure_linear_probe(train, test, LinearProbeSettings(), seed=seed).to_dict()
    pooling = "mean"
    return measure_knn(train.labeled(pooling), test.labeled(pooling), KnnSettings(), seed=seed).to_dict()


def _encoders(
    loaded: LoadedEncoder, pictures: Labeled, device: torch.device, baselines: bool
) -> dict[str, Callable[[], tuple[Features, Features]]]:
    def by(model: MaskedAutoencoder | ImageEncoder) -> Callable[[], tuple[Features, Features]]:
        return lambda: (_features(model, loaded, pictures.train, device), _features(model, loaded, pictures.test, device))

    size = loaded.model.config.image_size
    encoders = {"this encoder": by(loaded.model)}
    if baselines:
        encoders["random weights"] = by(type(loaded.model)(loaded.model.config, torch_generator(0, "random weights")).eval())
        encoders["raw pixels"] = lambda: (
            raw_pixel_features(eval_batches(pictures.train, size)),
            raw_pixel_features(eval_batches(pictures.test, size)),
        )
    return encoders


def _features(model: MaskedAutoencoder | ImageEncoder, loaded: LoadedEncoder, store: PackedStore, device: torch.device) -> Features:
    config = model.config
    return extract_features(
        model.to(device).encode,
        eval_batches(store, config.image_size),
        num_prefix=config.num_prefix,
        scale=loaded.scale,
        device=device,
        precision=torch.bfloat16 if pick_precision(device) == "bf16-mixed" else torch.float32,
        class_token=config.class_token,
    )


def _labeled_pictures(
    data: str | None,
    labels: str | None,
    train_split: str | None,
    test_split: str | None,
    limit: int | None,
    seed: int,
    loaded: LoadedEncoder,
    reporter: Reporter,
) -> Labeled:
    if data is None:
        raise MaskwrightError("This checkpoint does not say what it was trained on; give --data LABELED.")
    whole = open_source(data, labels=labels) if train_split is None else open_source(data, split=train_split, labels=labels)
    known = whole.splits
    test_name = test_split or next((name for name in TEST_NAMES if name in known), None)
    train_name = train_split or ("train" if "train" in known else None)
    config = loaded.model.config

    def opened(source: Source) -> PackedStore:
        if source.labels is None:
            raise MaskwrightError(
                f"'{data}' has no class folders - fine for pretraining; to evaluate, pass --labels FILE.csv (file,label) or other --data."
            )
        store = packed(source, config.image_size, config.channels, reporter)
        return store if limit is None or limit >= len(store) else store.subset(_some(len(store), limit, seed))

    if train_name is not None and test_name is not None:
        train, test = (opened(open_source(data, split=name, labels=labels)) for name in (train_name, test_name))
        return Labeled(train, test, whole.name, f"splits {train_name} and {test_name} of {whole.name}")
    store = opened(whole)
    assert store.labels is not None
    is_held = hold_out(store.labels, TEST_SHARE, seed)
    train, test = store.subset((~is_held).nonzero()[:, 0]), store.subset(is_held.nonzero()[:, 0])
    return Labeled(train, test, whole.name, f"a stratified quarter of {whole.name} held out with seed {seed}")


def _some(count: int, limit: int, seed: int) -> torch.Tensor:
    return torch.randperm(count, generator=torch_generator(seed, "limit"))[:limit].sort().values
