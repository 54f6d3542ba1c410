"""A process killed at every call that changes the disk: `python -m faults.storage.stages LAKE WORK WHAT WHEN EVERY`.

WHAT is seal, compact, repair or forget; a child does it in a copy of LAKE and kills itself right before (or after) its n-th
rename, forced write, removal, or change of a day file; n = EVERY, 2 EVERY, ... The copies stay in WORK/<n>; prints their
numbers.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lake.hot.market import START
from perpscope.core.time import DAY
from perpscope.lake.compact import compact
from perpscope.lake.hot.day import DayWriter
from perpscope.lake.hot.seal import forget, seal
from perpscope.lake.repair import repair

NOW = START + 3 * DAY
WORK: dict[str, Callable[[Path], Any]] = {
    "seal": lambda root: seal(root, "binance", NOW, START),
    "compact": lambda root: compact(root, NOW, 0.5),
    "repair": lambda root: repair(root, lambda: NOW),
    "forget": lambda root: forget(root, "binance", NOW + 9 * DAY),
}


def dying(call: Callable[..., Any], count: list[int], at: int, when: str) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        count[0] += 1
        mine = count[0] == at
        if mine and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = call(*args, **kwargs)
        if mine and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return run


def main() -> None:
    base, work, what, when, every = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5])
    for number in range(every, 1000, every):
        lake = work / str(number)
        shutil.copytree(base, lake)
        pid = os.fork()
        if pid == 0:
            count = [0]
            for name in ("replace", "fsync", "unlink"):
                setattr(os, name, dying(getattr(os, name), count, number, when))
            for name in ("commit", "mark_sealed", "drop_batches", "set_token", "lose"):
                setattr(DayWriter, name, dying(getattr(DayWriter, name), count, number, when))
            WORK[what](lake)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        if not os.WIFSIGNALED(status):
            if os.WEXITSTATUS(status):
                sys.exit(f"{what} failed by itself")
            shutil.rmtree(lake)
            print(*range(every, number, every))
            return


if __name__ == "__main__":
    main()
