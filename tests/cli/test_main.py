"""The command line answers at once, suggests what was meant, and never shows a traceback for a
user's mistake.
"""

from __future__ import annotations

import errno
import logging
import subprocess
import sys
from typing import Any

import pytest

from maskwright.cli import main as command_line
from maskwright.cli.commands import COMMANDS
from maskwright.cli.main import main


def test_help_needs_no_torch() -> None:
    program = (
        "import sys; from maskwright.cli.main import main; main(['--help']); main(['pretrain',"
        " '--help']); sys.exit('torch' in sys.modules)"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", program], check=False, stdout=subprocess.DEVNULL
        ).returncode
        == 0
    )


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert "usage: maskwright" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "fragment"),
    [
        (["pretran", "x"], "Did you mean 'pretrain'?"),
        (["pretrain", "x", "--epoch", "3"], "Did you mean '--epochs'?"),
        (
            ["anomalies", "x", "--data", "y"],
            "'--data'. RUN PHOTOS needs no flag. See:",
        ),
        (["pretrain", "x", "--epochs", "many"], "expected a number"),
        (["pretrain", "x", "--set", "model.dept=2"], "Did you mean 'depth'?"),
        (["pretrain"], "No data given"),
        (["pretrain", "/no/such/photos"], "/no/such/photos"),
        (["list", "polices"], "Did you mean 'policies'?"),
        (["inspect", "/no/such/file"], "There is no file or run"),
        (["evaluate", "/no/such/run"], "There is no run or checkpoint"),
        (["evaluate", "zoo:dead-leaves-32", "/no/such/photos"], "they come behind --data"),
        (["neighbors", __file__], "is not an array file of NumPy"),
        (["evaluate", "/no/such/run", "--probe", "knnn"], "Did you mean 'knn'?"),
        (["reconstruct", "/no/such/run", "x.png"], "There is no run or checkpoint"),
        (["masks", "/no/such/photos"], "/no/such/photos"),
        (["pretrain", "--resume"], "--resume needs the run"),
        (["masks", "x", "--ratio", "lots"], "not a number"),
        (["pretrain", "x", "y"], "'y' is one word too many: pretrain takes [DATA]"),
        (["pretrain", "x", "--set", "ratio=0.5"], "Did you mean 'mask.ratio'?"),
        (["pretrain", "x", "--set", "optimiser.lr=1"], "Did you mean 'train.lr'?"),
        (["pretrain", "x", "--workers", "-1"], "workers is at least 0"),
        (["pretrain", ""], "The data is an empty text"),
        (["pretrain", "torchvison:STL10"], "Did you mean 'torchvision:STL10'?"),
        (["pretrain", "--resume", "--overwrite", "--out", "x"], "give one of them"),
        (["evaluate", "vit_tiny"], "written timm:vit_tiny"),
    ],
)
def test_a_mistake_gives_a_sentence_and_exit_code_2(
    words: list[str], fragment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    told = capsys.readouterr().err
    assert fragment in told
    assert "Traceback" not in told


def test_python_spelling_of_a_flag_works(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pretrain", "/no/such/photos", "--image_size=64", "--no-flip"]) == 2
    assert "/no/such/photos" in capsys.readouterr().err


@pytest.mark.parametrize(
    "what",
    [
        "policies",
        "models",
        "recipes",
        "schedules",
        "losses",
        "optimizers",
        "priors",
        "probes",
        "diagnostics",
        "studies",
    ],
)
def test_lists_are_tables(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", what]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 2
    assert set(lines[1]) <= {"-", " "}


@pytest.mark.parametrize(
    ("error", "fragment"),
    [
        (
            PermissionError(errno.EACCES, "Permission denied", "/locked/runs"),
            "Permission denied: '/locked/runs'",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device", "/full/store"),
            "No space left on device: '/full/store'",
        ),
        (
            RuntimeError(
                "DefaultCPUAllocator: can't allocate memory: you tried to allocate 230400000000"
                " bytes."
            ),
            "Not enough memory",
        ),
        (MemoryError(), "Not enough memory"),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "/nohome/cache/packed/a"),
            "No such file or directory: '/nohome/cache/packed/a'. Set MASKWRIGHT_CACHE",
        ),
        (OSError(errno.EROFS, "Read-only file system", 7), "Read-only file system. Choose another"),
    ],
)
def test_what_the_machine_refuses_is_a_sentence(
    error: Exception,
    fragment: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(name: str, options: dict[str, Any]) -> None:
        raise error

    monkeypatch.setenv("MASKWRIGHT_CACHE", "/nohome/cache")
    monkeypatch.setattr(command_line, "run_command", refuse)
    assert main(["doctor"]) == 2
    assert fragment in capsys.readouterr().err


def test_the_warnings_of_the_data_room_reach_the_screen_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait(name: str, options: dict[str, Any]) -> int:
        logging.getLogger("maskwright.data.store.lock").warning(
            "another process works in %s", "here"
        )
        return 0

    monkeypatch.setattr(command_line, "run_command", wait)
    assert (main(["doctor"]), main(["doctor"])) == (0, 0)
    assert capsys.readouterr().err == "note: another process works in here\n" * 2


def test_a_fault_of_our_own_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str, options: dict[str, Any]) -> None:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(command_line, "run_command", fail)
    with pytest.raises(RuntimeError, match="shapes differ"):
        main(["doctor"])


def test_help_tells_a_default_of_zero(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["masks", "--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "the one number that all chance comes from (default: 0)" in told


def test_a_range_below_zero_needs_no_equals_sign(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pretrain", "/no/such/photos", "--value-range", "-1000,400"]) == 2
    assert "There is no file or folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        "pretrain",
        "prepare",
        "evaluate",
        "embed",
        "reconstruct",
        "masks",
        "finetune",
        "diagnose",
        "compare",
    ],
)
def test_every_command_that_reads_pictures_takes_a_range(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--help"]) == 0
    told = capsys.readouterr().out
    assert "--value-range" in told
    assert "--pages" in told
