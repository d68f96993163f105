"""What parts of a study say to the person at the screen."""

from __future__ import annotations

from maskwright.studies.progress import QuietStream
from maskwright.support.reporting import LogReporter


class Listener(LogReporter):
    """Keeps warnings and sentences."""

    def __init__(self) -> None:
        super().__init__(visible=False)
        self.warned: list[str] = []
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.warned.append(text)


def test_arms_of_the_same_data_warn_of_the_same_once() -> None:
    listener = Listener()
    quiet = QuietStream(listener)
    for text in ("few pictures", "few pictures", "another", "few pictures"):
        quiet.warn(text)
        quiet.say("what was found")
    assert listener.warned == ["few pictures", "another"]
    assert listener.said == []
