"""A file written in chunks with a journal beside it: a killed process loses one chunk at most."""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from maskwright.support.files import read_json, write_json

_PLAN, _JOURNAL = "plan.json", "journal.jsonl"
# All bytes up to 1 GiB are checked; of larger files only so many chunks, so that opening is quick.
_VERIFY_WHOLE_BYTES = 1 << 30
_VERIFY_CHUNKS = 8


@dataclass(frozen=True)
class Chunk:
    """One line of the journal: what was written together.

    stop: how many items of the source are done with this chunk.
    end: where it ends in the file, in bytes.
    checksum: CRC-32 of its bytes.
    facts: what the writer wants to know about it later.
    """

    stop: int
    end: int
    checksum: int
    facts: dict[str, Any] = field(default_factory=dict)


class ChunkedFile:
    """A folder in which one file grows.

    Opened again, it continues after the last whole chunk, or anew when the plan is another.
    """

    def __init__(self, part: Path, name: str, plan: dict[str, Any]) -> None:
        """Open the folder; raises OSError.

        part: the folder of the unfinished work.
        name: the file in it.
        plan: what is being made, ready for JSON.
        """
        self.part = part
        self._file = part / name
        self._journal = part / _JOURNAL
        # Work on something else is of no use here: begin anew.
        plan_file = part / _PLAN
        is_same = plan_file.exists() and read_json(plan_file) == plan
        if not is_same:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            write_json(plan_file, plan)
        self._file.touch()
        self._journal.touch()
        self.chunks = list(self._whole_chunks())
        # Cut off what an interrupted write left behind, in the file and in the journal.
        with self._file.open("r+b") as file:
            file.truncate(self.end)
        lines = "".join(map(_line, self.chunks))
        self._journal.write_text(lines, encoding="utf-8")

    @property
    def stop(self) -> int:
        """How many items are done."""
        return self.chunks[-1].stop if self.chunks else 0

    @property
    def end(self) -> int:
        """How many bytes are written."""
        return self.chunks[-1].end if self.chunks else 0

    def append(self, data: bytes, stop: int, facts: dict[str, Any]) -> None:
        """Write one chunk, then its line of the journal; raises OSError when the disk refuses."""
        # The bytes first: a line of the journal promises that they are all there.
        chunk = Chunk(
            stop=stop,
            end=self.end + len(data),
            checksum=zlib.crc32(data),
            facts=facts,
        )
        with self._file.open("ab") as file:
            file.write(data)
        with self._journal.open("a", encoding="utf-8") as journal:
            journal.write(_line(chunk))
        self.chunks.append(chunk)

    def checksums(self) -> dict[str, Any]:
        """What `damage` needs to know later, for the facts of the finished file."""
        return {
            "num_bytes": self.end,
            "chunk_ends": [chunk.end for chunk in self.chunks],
            "chunk_checksums": [chunk.checksum for chunk in self.chunks],
        }

    def remove_journal(self) -> None:
        """The work is finished: only the file stays."""
        for name in (_PLAN, _JOURNAL):
            (self.part / name).unlink()

    def _whole_chunks(self) -> Iterator[Chunk]:
        """The chunks whose line and bytes are both as they were written."""
        start = 0
        lines = self._journal.read_text(encoding="utf-8").splitlines()
        with self._file.open("rb") as file:
            for line in lines:
                try:
                    chunk = Chunk(**json.loads(line))
                except (ValueError, TypeError):
                    # The interruption cut this line off.
                    return
                data = file.read(chunk.end - start)
                if zlib.crc32(data) != chunk.checksum:
                    return
                start = chunk.end
                yield chunk


def damage(path: Path, facts: dict[str, Any]) -> str | None:
    """Say how a finished file differs from its facts, or None when it does not.

    All chunks are checked up to 1 GiB, eight spread chunks beyond.
    """
    # The size first: it costs nothing and catches most accidents.
    have = path.stat().st_size if path.exists() else 0
    if have != facts["num_bytes"]:
        return f"{path.name} has {have:,} bytes instead of {facts['num_bytes']:,}"
    ends = facts["chunk_ends"]
    # A chunk begins where the one before it ends; the last end begins nothing.
    starts = [0, *ends]
    chunks = list(zip(starts, ends, facts["chunk_checksums"], strict=False))
    step = 1
    if have > _VERIFY_WHOLE_BYTES:
        step = max(1, len(chunks) // _VERIFY_CHUNKS)
    with path.open("rb") as file:
        for start, end, checksum in chunks[::step]:
            file.seek(start)
            data = file.read(end - start)
            if zlib.crc32(data) != checksum:
                return f"bytes {start:,} to {end:,} of {path.name} changed since they were written"
    return None


def _line(chunk: Chunk) -> str:
    return json.dumps(asdict(chunk)) + "\n"
