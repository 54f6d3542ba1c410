"""`perpscope backtest` and `perpscope sweep` as a user runs them, on the recorded window."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from e2e.conftest import Run
from perpscope.research.trials import Ledger

CONFIG = """
name = "window"
[data]
venue = "binance"
symbols = ["BTCUSDT"]
start = "2024-06-25"
end = "2024-08-15"
timeframe = "1h"
warmup = "30d"
[yardsticks]
random_draws = 50
[[setup]]
name = "session_open"
"""
SWEEP = """
[sweep]
family = "session opens"
[sweep.grid]
"risk.risk_fraction" = [0.002, 0.005, 0.008]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    return path


def test_a_backtest_writes_its_result_and_every_row(perpscope: Run, window_lake: Path, tmp_path: Path) -> None:
    trials = tmp_path / "trials.jsonl"
    asked = ("--lake", window_lake, "--ledger", trials)
    done = perpscope("backtest", written(tmp_path, CONFIG), *asked, "--out", tmp_path / "out")
    assert "this proves nothing" in done.stdout
    said = json.loads((tmp_path / "out" / "backtest.json").read_text())
    trips = pl.read_parquet(tmp_path / "out" / "round_trips.parquet")
    ledger = pl.read_parquet(tmp_path / "out" / "ledger.parquet").filter(pl.col("kind") != "margin_move")
    equity = pl.read_parquet(tmp_path / "out" / "equity.parquet")
    assert said["performance"]["round_trips"] == len(trips) > 5
    assert ledger["amount"].sum() == pytest.approx(equity["wallet_balance"][-1], abs=1e-6)
    assert said["performance"]["growth"] == pytest.approx(equity["equity"][-1] / 10_000.0 - 1.0)
    assert len(said["yardsticks"]) == 2
    assert (tmp_path / "out" / "backtest.png").read_bytes()[:4] == b"\x89PNG"
    again = perpscope("backtest", tmp_path / "config.toml", *asked, "--out", tmp_path / "again", "--json")
    counted = Ledger(trials).read()
    assert (counted.count("backtest"), len(counted.trials)) == (1, 1), "the same run again is no new trial"
    assert counted.trials[0].result is not None
    assert again.stdout == (tmp_path / "out" / "backtest.json").read_text()


def test_setups_side_by_side_tell_those_that_could_not_run(perpscope: Run, window_lake: Path, tmp_path: Path) -> None:
    text = CONFIG + '[[setup]]\nname = "absorption_level"\n'
    done = perpscope(
        "backtest",
        written(tmp_path, text),
        "--separately",
        "--lake",
        window_lake,
        "--out",
        tmp_path / "out",
        "--ledger",
        tmp_path / "l",
    )
    table = (tmp_path / "out" / "setups.md").read_text()
    assert table in done.stdout
    assert [line.split(" | ")[0] for line in table.splitlines()[2:]] == ["| session_open", "| absorption_level"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (CONFIG.replace("session_open", "sesion_open"), "Did you mean 'session_open'"),
        (CONFIG.replace("[yardsticks]", "[yardstick]"), "Did you mean 'yardsticks'"),
        (CONFIG.replace("BTCUSDT", "BTCUSD"), "BTCUSD"),
        (CONFIG.replace("2024-08-15", "2031-08-15"), "2031|end"),
        ("name = ", "no TOML"),
    ],
)
def test_a_mistake_is_one_sentence_and_nothing_is_traded(
    perpscope: Run, window_lake: Path, tmp_path: Path, text: str, sentence: str
) -> None:
    done = perpscope("backtest", written(tmp_path, text), "--lake", window_lake, "--out", tmp_path / "out", ok=False)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert any(part in done.stderr for part in sentence.split("|"))
    assert not (tmp_path / "out").exists()


def test_a_sweep_that_was_killed_goes_on_and_ends_with_the_bytes_of_one_on_processes(
    perpscope: Run, window_lake: Path, tmp_path: Path
) -> None:
    config = written(tmp_path, CONFIG + SWEEP)
    options = ["sweep", str(config), "--lake", str(window_lake), "--workers", "1"]
    command = [sys.executable, "-c", "from perpscope.cli import main; main()", *options]
    killed = tmp_path / "killed"
    started = subprocess.Popen(
        [*command, "--runner", "threads", "--out", str(killed), "--ledger", str(tmp_path / "a.jsonl")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120.0
    while time.monotonic() < deadline and not any(p.read_bytes().count(b"\n") for p in killed.glob("variants-*.jsonl")):
        time.sleep(0.02)
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    done = sum(p.read_bytes().count(b"\n") for p in killed.glob("variants-*.jsonl"))
    assert done >= 1
    perpscope(*options, "--runner", "threads", "--out", killed, "--ledger", tmp_path / "a.jsonl")
    perpscope(*options, "--runner", "processes", "--out", tmp_path / "whole", "--ledger", tmp_path / "b.jsonl")
    assert (killed / "sweep.json").read_bytes() == (tmp_path / "whole" / "sweep.json").read_bytes()
    assert json.loads((killed / "sweep.json").read_text())["trials"] == 3


def test_a_runner_that_does_not_exist_is_refused(perpscope: Run, window_lake: Path, tmp_path: Path) -> None:
    config = written(tmp_path, CONFIG + SWEEP)
    done = perpscope("sweep", config, "--lake", window_lake, "--runner", "cluster", ok=False)
    assert (done.returncode, "Known: processes, threads, ray" in done.stderr) == (2, True)
