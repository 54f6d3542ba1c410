"""`perpscope weights` as a user runs it: learned on the recorded window, shown, and read by a backtest."""

from __future__ import annotations

import json
from pathlib import Path

from e2e.conftest import Run

CONFIG = """
weights = "{weights}"
min_agreement = 0.0
[data]
venue = "binance"
symbols = ["BTCUSDT"]
start = "2024-06-25"
end = "2024-08-15"
warmup = "30d"
[yardsticks]
random_draws = 0
[[setup]]
name = "session_open"
"""


def test_weights_are_learned_shown_and_read_by_a_backtest(perpscope: Run, window_lake: Path, tmp_path: Path) -> None:
    span = ("--start", "2024-03-01", "--end", "2024-08-15", "--first", "90d", "--every", "30d")
    stored = tmp_path / "weights.json"
    done = perpscope("weights", "learn", "BTCUSDT", "--lake", window_lake, *span, "--out", stored)
    assert done.stdout.count("learned from") == 4
    assert f"wrote {stored}" in done.stdout
    shown = json.loads(perpscope("weights", "show", stored, "--json").stdout)
    assert [one["frame"] for one in shown] == ["1h"] * 4
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.format(weights=stored))
    out = tmp_path / "out"
    perpscope("backtest", config, "--lake", window_lake, "--out", out)
    said = json.loads((out / "backtest.json").read_text())
    assert said["config"]["weights"] == str(stored)
    assert "confluence disagrees" in said["refusals"]


def test_a_mistake_is_one_sentence(perpscope: Run, window_lake: Path, tmp_path: Path) -> None:
    span = ("--start", "2024-03-01", "--end", "2024-08-15", "--first", "90d")
    calls = (
        (("learn", "BTCUSD", "--lake", window_lake, *span, "--out", tmp_path / "w.json"), "BTCUSD"),
        (("show", tmp_path / "none.json"), "perpscope weights learn"),
    )
    for arguments, part in calls:
        done = perpscope("weights", *arguments, ok=False)
        assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1)
        assert part in done.stderr
    assert not (tmp_path / "w.json").exists()
