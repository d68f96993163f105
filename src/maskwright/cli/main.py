"""The command line: parse, call one workflow, print; a user's mistake is one sentence and exit code
2, never a traceback.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence

from maskwright.cli.commands import run_command
from maskwright.cli.completion import FLAG, write_completion
from maskwright.cli.console import print_error, print_text, show_notes
from maskwright.cli.endings import DONE, stop
from maskwright.cli.parser import UsageError, build_parser
from maskwright.support.errors import MaskwrightError, is_out_of_memory
from maskwright.support.files import write_advice
from maskwright.support.variables import is_in_cache, limit_threads, wait_briefly

# What the person at the screen can mend: a full disk, a locked folder.
REFUSALS = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ENAMETOOLONG,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 the program failed, 2 the user can mend it,
    130 interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    show_notes()
    try:
        if words[:1] == [FLAG]:
            print_text(write_completion(" ".join(words[1:])))
            return DONE
        parsed = build_parser(words).parse(words)
        if parsed is None:
            return DONE
        return run_command(parsed.command, parsed.options)
    except (MaskwrightError, UsageError) as error:
        print_error(str(error))
        return 2
    except KeyboardInterrupt:
        return stop()
    except BrokenPipeError:
        # `maskwright list models | head` has closed its end: nobody is left to hear a sentence.
        return 1
    except OSError as error:
        if (refused := _format_refusal(error)) is None:
            raise
        print_error(refused)
        return 2
    except (MemoryError, RuntimeError) as error:
        # PyTorch reports memory that ran out on a CPU as a plain RuntimeError.
        if not is_out_of_memory(error):
            raise
        print_error(
            "Not enough memory for pictures or batches of this size; try a smaller --image-size,"
            " --batch-size or model."
        )
        return 2


def _format_refusal(error: OSError) -> str | None:
    """A sentence on a place that cannot be read or written; None for errors that are not the
    place's.
    """
    # Some calls know a file by its number alone.
    named = isinstance(error.filename, (str, bytes))
    path = os.fsdecode(error.filename) if named else ""
    where = f": '{path}'" if named else ""
    if named and is_in_cache(path):
        return f"{error.strerror}{where}. {write_advice(path)}"
    # Anything else is a fault of ours and keeps its traceback.
    if error.errno not in REFUSALS:
        return None
    return f"{error.strerror}{where}. Choose another place, or make room or give permission there."


def console_main() -> None:
    """Entry point of the `maskwright` script."""
    # Both have to happen before torch is imported.
    wait_briefly()
    limit_threads()
    sys.exit(main())
