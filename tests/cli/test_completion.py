"""A shell completes commands, flags and files from a script that the command line prints."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from maskwright.cli.main import main


def test_bash_reads_the_script_and_completes_a_flag(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["--print-completion", "bash"]) == 0
    script = tmp_path / "completion.sh"
    script.write_text(capsys.readouterr().out)
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    line = (
        f"source {script}; COMP_WORDS=(maskwright evaluate --base); COMP_CWORD=2;"
        " $(complete -p maskwright | sed 's/.*-F \\([^ ]*\\).*/\\1/') maskwright --base evaluate;"
        ' echo "${COMPREPLY[@]}"'
    )
    answer = subprocess.run([bash, "-c", line], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["--baselines"]


def test_a_shell_that_has_no_completion_is_named_with_those_that_have(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--print-completion", "bush"]) == 2
    assert "Unknown shell 'bush'. Did you mean 'bash'?" in capsys.readouterr().err
