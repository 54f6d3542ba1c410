"""The four commands of the views, run as a user runs them on recorded data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2e.conftest import WINDOW_END, Run

COMMANDS = {
    "mtf": ["--frames", "4h,1h", "--json"],
    "structure": ["--companion", "other=binance:ETHUSDT"],
    "sessions": ["--timeframe", "1h", "--from", "2024-05-01", "--statistics"],
    "metrics": ["--lookback", "7d"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_view_writes_its_files_and_tells_its_tables(perpscope: Run, window_lake: Path, tmp_path: Path, name: str) -> None:
    done = perpscope(name, "BTCUSDT", "--lake", window_lake, "--at", WINDOW_END, "--out", tmp_path, *COMMANDS[name])
    written = {p.name for p in tmp_path.iterdir()}
    assert {f"{name}.json", f"{name}.png"} <= written
    record = json.loads((tmp_path / f"{name}.json").read_text())
    assert record["symbol"] == "BTCUSDT"
    if "--json" in COMMANDS[name]:
        assert json.loads(done.stdout) == record
    else:
        assert "wrote " in done.stdout
    if name == "sessions":
        assert "by chance alone" in done.stdout
        assert json.loads((tmp_path / "sessions-study.json").read_text())["looks"] == 40


def test_a_mistake_is_one_sentence_and_exit_code_2(perpscope: Run, window_lake: Path, tmp_path: Path) -> None:
    done = perpscope("mtf", "BTCUSDT", "--frames", "1h,5m", "--lake", window_lake, "--out", tmp_path, ok=False)
    assert done.returncode == 2
    assert "5m bars can be made neither from shorter bars nor from trades" in done.stderr.replace("\n", " ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())
