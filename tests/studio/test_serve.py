"""The command: it says where it is, warns where it must, and needs its extra."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
from dataclasses import replace

import pytest

from maskwright.cli.main import main
from maskwright.studio import serve
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.settings.studio_settings import StudioSettings


class Listener:
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.warned: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.warned.append(text)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Where the studio listened, in place of serving for ever."""
    places: list[tuple[str, int]] = []

    def note(app: object, bound: socket.socket) -> None:
        places.append(bound.getsockname()[:2])
        bound.close()

    monkeypatch.setattr(serve, "serve_on", note)
    return places


def start(settings: StudioSettings, listener: Listener) -> None:
    serve.serve_studio(**vars(settings), reporter=listener)


def test_the_printed_address_is_where_it_listens(
    served: list[tuple[str, int]], studio_settings: StudioSettings
) -> None:
    listener = Listener()
    start(replace(studio_settings, port=0), listener)
    ((host, port),) = served
    assert host == "127.0.0.1"
    assert f"http://127.0.0.1:{port}/ " in listener.said[0]
    assert not listener.warned


def test_beyond_this_machine_there_is_a_warning_and_the_token_in_the_address(
    served: list[tuple[str, int]], studio_settings: StudioSettings
) -> None:
    listener = Listener()
    token = "a-token-that-is-long-enough"
    start(replace(studio_settings, port=0, host="0.0.0.0", token=token), listener)
    assert "not encrypted" in listener.warned[0]
    assert f"?token={token}" in listener.said[0]


def test_a_port_that_is_taken_is_a_sentence(studio_settings: StudioSettings) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(MaskwrightError, match="Choose another --port"):
            start(replace(studio_settings, port=port), Listener())


def test_the_traceback_of_a_fault_reaches_the_terminal(
    served: list[tuple[str, int]],
    studio_settings: StudioSettings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = logging.getLogger("maskwright.studio")
    monkeypatch.setattr(log, "handlers", [])
    start(replace(studio_settings, port=0), Listener())
    try:
        raise ZeroDivisionError("planted")
    except ZeroDivisionError:
        log.exception("GET /planted failed")
    assert "ZeroDivisionError: planted" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "fragment"),
    [
        (["--host", "0.0.0.0"], "needs --token"),
        (["--token", "x"], "too short"),
        (["--port", "99999"], "between 0 and 65535"),
        (["--prot", "1"], "Did you mean '--port'?"),
        (["/no/such/run"], "There is no run or checkpoint"),
        (["--data", "/no/such/photos"], "/no/such/photos"),
    ],
)
def test_a_mistake_is_a_sentence(
    words: list[str], fragment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["studio", *words]) == 2
    said = capsys.readouterr().err
    assert fragment in said
    assert "Traceback" not in said


WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("starlette", "uvicorn"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name in ("starlette", "uvicorn") else found(name)
from maskwright.cli.main import main
assert main(["list", "policies"]) == 0
assert not any(name.startswith("maskwright.studio") for name in sys.modules)
sys.exit(main(["studio"]))
"""


def test_without_the_extra_all_else_works_and_the_command_says_what_to_install() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "pip install 'maskwright[studio]'" in done.stderr
    assert "Traceback" not in done.stderr
