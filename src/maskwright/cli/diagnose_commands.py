"""The command that asks encoders what they see: diagnose."""

from __future__ import annotations

from typing import Any

from maskwright.cli.flags import READING, WHERE, Flag, typed, yes


def diagnose_flags() -> list[Flag]:
    return [
        Flag(
            "runs",
            "run folders, weight files or folders, official:NAME or timm:NAME",
            kind="many",
            positional=True,
            metavar="RUN",
        ),
        Flag(
            "on",
            "labeled pictures, as for evaluate --data (default: the data of the first run)",
            metavar="DATA",
        ),
        Flag(
            "tests",
            "what to ask, e.g. lowpass,cue-conflict or lowpass(sigmas=[0,1,2]); see: maskwright"
            " list diagnostics",
        ),
        Flag(
            "stimuli",
            "cue-conflict pictures for the test cue-conflict: a folder or archive",
            metavar="PLACE",
        ),
        Flag("textures", "labeled pictures of textures for the test texture", metavar="PLACE"),
        Flag("baselines", "true or false: also ask random weights and raw pixels", default="true"),
        Flag("limit", "use at most this many pictures of each split"),
        Flag(
            "out",
            "folder for <test>.png and <test>.json (default: <first RUN>/diagnose)",
            metavar="FOLDER",
        ),
        Flag("train_split", "split to fit probes on (default: train, where the data has one)"),
        Flag("test_split", "split to test on (default: test or val, where the data has one)"),
        Flag("labels", "CSV file of file,label"),
        *READING,
        *WHERE,
    ]


def run_diagnose(options: dict[str, Any]) -> None:
    from maskwright.cli.console import ConsoleReporter
    from maskwright.workflows.diagnose import diagnose

    diagnose(reporter=ConsoleReporter(), **typed(options, limit=int, seed=int, baselines=yes))
