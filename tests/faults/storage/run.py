"""Runs the programs of this folder in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]


def program(name: str, *arguments: object, within: list[str] | None = None) -> str:
    """The output of `python -m faults.storage.<name> ARGUMENTS`."""
    command = [*(within or []), sys.executable, "-m", f"faults.storage.{name}", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
