"""`perpscope doctor`: is everything here that the commands need?"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

PACKAGES = ("numpy", "numba", "polars", "duckdb", "pyarrow", "scipy", "matplotlib", "msgspec", "typer", "rich", "tzdata")


def doctor(
    lake: Annotated[
        Path | None, typer.Option("--lake", help="Also check this lake: every file against its checksum.", show_default=False)
    ] = None,
    compile_: Annotated[
        bool, typer.Option("--compile", help="Also compile the kernels now, so that no command waits for it.")
    ] = False,
) -> None:
    """Check the installation, the compiler, time zones, disk and (with --lake) a lake. Exit code 1 if something is wrong."""
    import importlib.metadata
    import platform

    from perpscope import __version__

    wrong = 0
    print(f"perpscope {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    print("  " + ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES))
    for label, check in (("compiled kernels", _kernels), ("time zones", _zones), ("disk", _disk), ("features", _features)):
        wrong += _say(label, check())
    if compile_:
        wrong += _say("kernels compiled for the commands", _compile())
    if lake is not None:
        from perpscope.lake import Lake

        wrong += _say(f"lake {lake}", Lake(lake).check())
    if wrong:
        raise typer.Exit(1)


def _say(label: str, faults: list[str]) -> int:
    print(f"  {'ok   ' if not faults else 'WRONG'} {label}" + "".join(f"\n        {fault}" for fault in faults))
    return len(faults)


def _kernels() -> list[str]:
    import numpy as np

    from perpscope.numeric.rolling import ema, ema_state

    got = ema(np.arange(1.0, 7.0), 3, ema_state())[2:].tolist()
    return [] if got == [2.0, 3.0, 4.0, 5.0] else [f"the moving average of 1..6 came out as {got}; reinstall numba"]


def _compile() -> list[str]:
    """Run a small demo where nobody sees it: what it compiles stays on disk."""
    import tempfile

    from perpscope.demo import run_demo

    with tempfile.TemporaryDirectory() as folder:
        made = run_demo(Path(folder) / "demo", days=3)
    return [] if made.written else ["the small demo wrote nothing"]


def _zones() -> list[str]:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    faults = []
    for name in ("Asia/Tokyo", "Europe/London", "America/New_York"):
        try:
            ZoneInfo(name)
        except ZoneInfoNotFoundError:
            faults.append(f"time zone {name} is missing; run: {sys.executable} -m pip install tzdata")
    return faults


def _disk() -> list[str]:
    free = shutil.disk_usage(Path.cwd()).free
    return [] if free > 1 << 30 else [f"only {free >> 20} MiB are free here; imports and reports need about 1 GiB"]


def _features() -> list[str]:
    from perpscope.engine.catalogue import all_folds

    return [] if all_folds() else ["no feature was found; the installation is incomplete"]
