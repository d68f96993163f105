"""The command line: parse, call one workflow, print; a user's mistake is one sentence and exit code 2, never a traceback."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from maskwright.cli.commands import COMMANDS
from maskwright.cli.console import print_error
from maskwright.cli.parser import UsageError, build_parser
from maskwright.support.errors import MaskwrightError
from maskwright.support.variables import wait_briefly


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 the program failed, 2 the user can mend it, 130 interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        parsed = build_parser(words).parse(words)
        if parsed is None:
            return 0
        COMMANDS[parsed.command].run(parsed.options)
    except (MaskwrightError, UsageError) as error:
        print_error(str(error))
        return 2
    except KeyboardInterrupt:
        print_error("interrupted.")
        return 130
    except BrokenPipeError:
        return 1
    return 0


def console_main() -> None:
    """Entry point of the `maskwright` script."""
    wait_briefly()
    sys.exit(main())
