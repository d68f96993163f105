"""The commands that carry a model or its features to other software: export and embed."""

from __future__ import annotations

from typing import Any

from maskwright.cli.flags import READING, Flag

TARGET = Flag(
    "target", "what a foreign model predicts, where its file does not say: raw or normalized"
)


def export_flags() -> list[Flag]:
    return [
        Flag(
            "run",
            "run, weight file or folder, official:NAME or timm:NAME",
            positional=True,
            metavar="RUN",
        ),
        Flag("format", "timm, hf, official, onnx or safetensors", default="timm"),
        Flag("out", "file or folder to write (default: RUN/exported/...)", metavar="PLACE"),
        TARGET,
    ]


def run_export(options: dict[str, Any]) -> None:
    from maskwright.cli.console import ConsoleReporter
    from maskwright.workflows.export import export

    export(reporter=ConsoleReporter(), **_given(options))


def embed_flags() -> list[Flag]:
    return [
        Flag(
            "run",
            "run, weight file or folder, official:NAME or timm:NAME",
            positional=True,
            metavar="RUN",
        ),
        Flag("data", "pictures, as for pretrain", positional=True, metavar="DATA"),
        Flag("out", "file to write, .npz or .parquet", default="features.npz"),
        Flag(
            "features",
            "what is read: statistics (mean and deviation of all blocks), last (block), blocks,"
            " grid (quarters) or blocks_grid",
            default="statistics",
        ),
        Flag("pooling", "mean of the patch tokens, cls (the class token) or both", default="mean"),
        Flag("split", "use this split of the data"),
        Flag("labels", "CSV file of file,label"),
        *READING,
        Flag("device", "auto, cpu, cuda or mps", default="auto"),
    ]


def run_embed(options: dict[str, Any]) -> None:
    from maskwright.cli.console import ConsoleReporter
    from maskwright.workflows.embed import embed

    embed(reporter=ConsoleReporter(), **_given(options))


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
