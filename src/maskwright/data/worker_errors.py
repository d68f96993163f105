"""Errors of the processes that prepare batches, brought to the training as they were said.

A DataLoader wraps what its workers raise into their traceback, which is nothing for users.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from torch.utils.data import get_worker_info

from maskwright.support.errors import MaskwrightError


@dataclass(frozen=True)
class WorkerError:
    """What a worker hands over in place of a batch that it cannot make.

    message: of its MaskwrightError.
    """

    message: str


def in_place_of_error(make: Callable[[], Any]) -> Any:
    """What `make` gives; in a worker a WorkerError in place of a MaskwrightError."""
    try:
        return make()
    except MaskwrightError as error:
        if get_worker_info() is None:
            raise
        return WorkerError(str(error))


def raise_errors(batches: Iterator[Any]) -> Iterator[Any]:
    """The batches; raises MaskwrightError where a worker could not make one."""
    for batch in batches:
        if isinstance(batch, WorkerError):
            raise MaskwrightError(batch.message)
        yield batch
