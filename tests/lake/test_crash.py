"""An import is killed with SIGKILL at every call that changes the disk; the lake must be the old one or the new one.

Answers: the lake before the import, and the lake after an import that nobody disturbed. A separate process forks a child for
every point; the child kills itself right before (or after) its n-th rename, fsync or unlink.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from perpscope.core.table import Table
from perpscope.lake import Lake, import_files, rebuild

_KILLER = """
import os, shutil, signal, sys
from pathlib import Path
from perpscope.lake import Lake, import_files
import perpscope.lake.sources.bars_parquet, duckdb

base, file, work, when = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4]

def import_until(number, lake):
    calls = 0
    def counted(call):
        def run(*args, **kwargs):
            nonlocal calls
            calls += 1
            if calls == number and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            result = call(*args, **kwargs)
            if calls == number and when == "after":
                os.kill(os.getpid(), signal.SIGKILL)
            return result
        return run
    for name in ("replace", "fsync", "unlink", "remove"):
        setattr(os, name, counted(getattr(os, name)))
    import_files(Lake(lake), "bars-parquet", [file], venue="binance", symbol="X")
    os._exit(0)

for number in range(1, 200):
    lake = work / str(number)
    if base.exists():
        shutil.copytree(base, lake)
    child = os.fork()
    if child == 0:
        import_until(number, lake)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        assert os.WEXITSTATUS(status) == 0
        shutil.rmtree(lake)
        print(number - 1)
        break
"""


def _bars(path: Path, first_hour: int, hours: int, close: float) -> Path:
    start = 1_704_067_200_000  # 2024-01-01
    ts = [start + (first_hour + i) * 3_600_000 for i in range(hours)]
    prices = {name: [close] * hours for name in ("open", "high", "low", "close")}
    pl.DataFrame({"ts": ts, **prices, "volume": [1.5] * hours}).write_parquet(path)
    return path


def _kill_everywhere(base: Path, file: Path, work: Path, when: str) -> int:
    work.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", _KILLER, str(base), str(file), str(work), when], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def _rows(lake: Path) -> Table | None:
    opened = Lake(lake)
    return opened.read("binance", "X", "bars@1h") if opened.catalogue.files else None


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_killed_import_leaves_the_old_lake_or_the_new_one(tmp_path: Path, when: str) -> None:
    base = tmp_path / "base"
    january = _bars(tmp_path / "january.parquet", 0, 600, 100.0)
    import_files(Lake(base), "bars-parquet", [january], venue="binance", symbol="X")
    more = _bars(tmp_path / "more.parquet", 500, 1000, 100.0)  # the end of January, February and some of March
    whole = tmp_path / "whole"
    shutil.copytree(base, whole)
    import_files(Lake(whole), "bars-parquet", [more], venue="binance", symbol="X")
    old, new = _rows(base), _rows(whole)
    assert old is not None
    assert new is not None
    points = _kill_everywhere(base, more, tmp_path / "work", when)
    assert points >= 12
    outcomes = set()
    for number in range(1, points + 1):
        lake = tmp_path / "work" / str(number)
        seen = _rows(lake)
        assert seen is not None
        outcomes.add("old" if seen.same_as(old) else "new" if seen.same_as(new) else "mixed")
        assert not [fault for fault in Lake(lake).check() if "not in the catalogue" not in fault]
        import_files(Lake(lake), "bars-parquet", [more], venue="binance", symbol="X")
        import_files(Lake(lake), "bars-parquet", [_bars(tmp_path / "x.parquet", 1500, 2, 100.0)], venue="binance", symbol="X")
        mended = Lake(lake)
        assert mended.read("binance", "X", "bars@1h")[: len(new)].same_as(new)
        assert mended.check() == []
        assert not list(lake.rglob(".tmp-*"))
        assert rebuild(lake).files == mended.catalogue.files
    assert outcomes == {"old", "new"}


def test_a_killed_first_import_leaves_an_empty_lake_or_the_whole(tmp_path: Path) -> None:
    file = _bars(tmp_path / "a.parquet", 500, 500, 100.0)
    whole = tmp_path / "whole"
    import_files(Lake(whole), "bars-parquet", [file], venue="binance", symbol="X")
    new = _rows(whole)
    assert new is not None
    points = _kill_everywhere(tmp_path / "nothing", file, tmp_path / "work", "before")
    outcomes = set()
    for number in range(1, points + 1):
        lake = tmp_path / "work" / str(number)
        seen = _rows(lake)
        outcomes.add("empty" if seen is None else "new" if seen.same_as(new) else "mixed")
        import_files(Lake(lake), "bars-parquet", [file], venue="binance", symbol="X")
        mended = _rows(lake)
        assert mended is not None
        assert mended.same_as(new)
    assert outcomes <= {"empty", "new"}
    assert "empty" in outcomes
