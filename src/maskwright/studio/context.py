"""What the rooms share: settings, folders, models, pictures, and the threads that compute."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from maskwright.studio.folders import Folders
from maskwright.studio.models import ModelShelf
from maskwright.studio.pictures import Pictures
from maskwright.studio.worker import Worker
from maskwright.support.environment import cpu_count, pick_device
from maskwright.workflows.live.fill import warm_up
from maskwright.workflows.settings.studio_settings import StudioSettings

Result = TypeVar("Result")

# Says which page a request is from; each page makes one up when it is opened.
PAGE_HEADER = "x-studio-page"


class Studio:
    """One open studio.

    settings: of the command.
    device: where models compute.
    folders: `runs` and `studies`, where they are there.
    models: those that may be chosen, loaded when they are first used.
    pictures: of the data, and those that people bring.
    worker: the threads that models compute on.
    """

    def __init__(self, settings: StudioSettings) -> None:
        self.settings = settings
        self.device = pick_device(settings.device)
        self.folders = Folders({"runs": Path(settings.runs), "studies": Path(settings.studies)})
        self.models = ModelShelf.of(settings)
        self.pictures = Pictures(settings.data, settings.upload_megapixels)
        # An accelerator has one queue anyway.
        self.worker = Worker(cpu_count() if self.device.type == "cpu" else 1)
        self._is_warm = threading.Event()
        self._is_warm.set()

    async def compute(self, request: Request, what: str, work: Callable[[], Result]) -> Result:
        """Do work with models, after what others asked for before.

        what: a newer request of the same page for the same thing replaces one that still waits,
            which then raises Outdated.
        """

        def do() -> Result:
            # OpenCV cannot be imported by two threads at once, so the first piece is done alone.
            self._is_warm.wait()
            return work()

        page = request.headers.get(PAGE_HEADER, "")[:64]
        return await self.worker.run(f"{page} {what}", do)

    async def read(self, work: Callable[[], Result]) -> Result:
        """Read files beside the model's work, so that neither waits for the other."""
        return await run_in_threadpool(work)

    def warm_up(self) -> None:
        """Load the first model before anybody asks: the first use of torch takes seconds."""
        first = next(iter(self.models.entries), None)
        if first is None:
            return

        def begin() -> None:
            try:
                warm_up(self.models.load(first), self.device)
            finally:
                self._is_warm.set()

        self._is_warm.clear()
        self.worker.submit("warm up", begin)

    def close(self) -> None:
        """End the threads."""
        self.worker.close()

    def describe(self) -> dict[str, Any]:
        """What the page has to know when it is opened."""
        return {
            "device": str(self.device),
            "models": self.models.describe(),
            "upload_megabytes": self.settings.upload_megabytes,
            "upload_megapixels": self.settings.upload_megapixels,
        }
