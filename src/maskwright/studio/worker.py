"""Work of models on a few threads; what is outdated is never begun."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import torch

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
    """Threads that do pieces of work in turn.

    Each piece has a key, such as the page and what it shows. A new piece takes the place in the
    queue of a waiting piece of the same key, so that whoever paints fast never waits longer for it.
    """

    def __init__(self, threads: int = 1, most_waiting: int = MOST_WAITING) -> None:
        self.most_waiting = most_waiting
        # How many pieces were done, and dropped because a newer one came.
        self.done = 0
        self.dropped = 0
        self._waiting: OrderedDict[str, _Piece] = OrderedDict()
        self._changed = threading.Condition()
        self.num_threads = threads
        self._threads: list[threading.Thread] = []
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
        """End each thread after the piece that it is at."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _start(self) -> None:
        """Begin the threads with the first piece of work."""
        while len(self._threads) < self.num_threads:
            thread = threading.Thread(target=self._work, name="studio", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        # A picture is too little to share out: on two busy cores several threads for each piece
        # took six times as long as a single one, since all wait for the slowest.
        torch.set_num_threads(1)
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
        except BaseException as error:  # it is raised where the piece was asked for
            piece.result.set_exception(error)
        else:
            self.done += 1
            piece.result.set_result(value)
