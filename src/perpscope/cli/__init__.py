"""The command line: reads the arguments, the clock and the environment, and calls the library.

Every command lives in its own file here; heavy imports happen inside commands, so that help is instant.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of `perpscope`. A mistake of the user is one sentence and exit code 2."""
    from perpscope.cli.app import run

    sys.exit(run(sys.argv[1:]))
