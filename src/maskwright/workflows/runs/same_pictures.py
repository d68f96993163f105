"""Whether the pictures of an interrupted run are still those that it began with."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

from maskwright.data.sources import identity
from maskwright.data.store.packed import PackedStore
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import hash_strings
from maskwright.workflows.runs.run_folder import RunFolder


def new_run(folder: RunFolder) -> str:
    """The way on for a training that cannot be resumed, in words."""
    return f"start a new run, with --init {folder}"


def facts_of_pictures(
    fingerprint: str, train: PackedStore, held: PackedStore | None
) -> dict[str, Any]:
    """What run.json keeps of the pictures.

    fingerprint: of the whole data.
    """
    return {
        "data_fingerprint": fingerprint,
        "data_identity": identity.FORMAT,
        "parts_fingerprint": parts_fingerprint(train, held),
    }


def parts_fingerprint(train: PackedStore, held: PackedStore | None) -> str:
    """A hash of which pictures are trained on, in their order, and of those held out."""
    # Those held out may be other data: then their own fingerprint changes.
    of_held: Iterable[str] = ()
    if held is not None:
        of_held = chain([held.fingerprint], held.keys)
    return hash_strings(chain([str(len(train))], train.keys, of_held))


def check_same_data(
    fingerprint: str, data: str, folder: RunFolder, way: str, *, changes: bool = False
) -> None:
    """Raise MaskwrightError when the data is not what the run began with.

    data: its name for people.
    way: what to do instead.
    changes: whether the data comes out otherwise each time it is read.
    """
    status = folder.status()
    # Runs of early versions have no fingerprint; nothing can be said of them.
    if fingerprint == status.get("data_fingerprint", fingerprint):
        return
    # Fingerprints of another version cannot be compared.
    if status.get("data_identity") != identity.FORMAT:
        raise MaskwrightError(
            f"{folder} was begun by another version of maskwright, which knew its pictures"
            f" otherwise, so it cannot be seen whether those in '{data}' are the same; {way}."
        )
    # Random transforms in a Dataset, for example.
    if changes:
        raise MaskwrightError(
            f"The Dataset gives other pictures each time it is asked, so {folder} cannot go on with"
            " those that it began with; give the Dataset an attribute fingerprint = 'NAME' before"
            f" a run begins. Now {way}."
        )
    raise MaskwrightError(
        f"The pictures in '{data}' have changed since {folder} began: a picture, a name, a label"
        f" or their order is another; {way}."
    )


def check_same_parts(
    train: PackedStore, held: PackedStore | None, folder: RunFolder, way: str
) -> None:
    """Raise MaskwrightError when other pictures are trained on or held out than in the beginning.

    What belongs to a picture by its number, such as the memory of the policy `hard`, would go to
    another picture.
    """
    began = folder.status().get("parts_fingerprint")
    if began is not None and began != parts_fingerprint(train, held):
        raise MaskwrightError(
            f"{folder} was begun with other pictures to train on or to hold out than are chosen now"
            " (others can be read, the data of --val has changed, or this version chooses"
            f" otherwise); {way}."
        )
