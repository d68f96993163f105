"""What parts of a study say to the person at the screen."""

from __future__ import annotations

from maskwright.studies.plan import plan_policies
from maskwright.studies.progress import QuietStream, StudyProgress
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


def test_trials_of_the_same_pictures_warn_of_the_same_once() -> None:
    listener = Listener()
    plan = plan_policies("photos", "random,grid")
    warned: set[str] = set()
    for seed in (0, 1):
        progress = StudyProgress(listener, plan, [], f"random, seed {seed}", warned)
        progress.warn("3 test pictures have been seen")
        progress.warn(f"loss of seed {seed} was not a number")
    assert listener.warned == [
        "random, seed 0: 3 test pictures have been seen",
        "random, seed 0: loss of seed 0 was not a number",
        "random, seed 1: loss of seed 1 was not a number",
    ]
