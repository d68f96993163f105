"""Work of models, a piece at a time on a thread of its own; what is outdated is never begun."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

# Pieces that may wait: more people than that are asked to try again.
MOST_WAITING = 64


class Outdated(Exception):
    """A newer request of the same page has taken the place of this one."""


class Busy(Exception):
    """Too many pages wait already."""


@dataclass
class _Piece:
    work: Callable[[], Any]
    result: Future[Any]


class Worker:
    """A thread that does pieces of work in turn.

    Each piece has a key, such as the page and what it shows. A new piece takes the place in the
    queue of a waiting piece of the same key, so that whoever paints fast never waits longer for it.
    """

    def __init__(self, most_waiting: int = MOST_WAITING) -> None:
        self.most_waiting = most_waiting
        # How many pieces were done, and dropped because a newer one came.
        self.done = 0
        self.dropped = 0
        self._waiting: OrderedDict[str, _Piece] = OrderedDict()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def submit(self, key: str, work: Callable[[], Any]) -> Future[Any]:
        """Queue a piece; its future raises Outdated when a newer one of the same key comes first.

        Raises Busy when too many others wait.
        """
        piece = _Piece(work, Future())
        with self._changed:
            old = self._waiting.get(key)
            if old is None and len(self._waiting) >= self.most_waiting:
                raise Busy("The studio has too much to do at the moment; try again in a second.")
            # The same key keeps its place in the queue.
            self._waiting[key] = piece
            self._start()
            self._changed.notify()
        if old is not None:
            self.dropped += 1
            old.result.set_exception(Outdated())
        return piece.result

    async def run(self, key: str, work: Callable[[], Any]) -> Any:
        """Queue a piece and wait for what it returns or raises."""
        return await asyncio.wrap_future(self.submit(key, work))

    def close(self) -> None:
        """End the thread after the piece that it is at."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _start(self) -> None:
        """Begin the thread with the first piece of work."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="studio", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                _, piece = self._waiting.popitem(last=False)
            self._do(piece)

    def _do(self, piece: _Piece) -> None:
        # False when whoever asked has gone in the meantime.
        if not piece.result.set_running_or_notify_cancel():
            return
        try:
            value = piece.work()
        except BaseException as error:
            piece.result.set_exception(error)
        else:
            self.done += 1
            piece.result.set_result(value)
