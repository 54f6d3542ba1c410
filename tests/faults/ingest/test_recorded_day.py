"""`perpscope record` against `perpscope replay`: two programs that share no reading of the protocol. The judge is the replay's
ledger: sent or withheld, minus the lake, minus declared gaps. Counts of the long form: the data catalogue, section 2.1."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from faults.numbers import record as record_number
from perpscope.lake import Lake
from perpscope.lake.hot import read_hot
from perpscope.replay.compare import compare
from perpscope.replay.ledger import entries

COMMAND = [sys.executable, "-c", "import sys; from perpscope.cli import main; sys.exit(main())"]
SCENARIO = """
faults = [
  {at = 20, kind = "drop", channel = "depth", rate = 0.01, for = 40},
  {at = 30, kind = "hole", channel = "aggTrade", value = 300},
  {at = 80, kind = "rst"},
  {at = 120, kind = "close"},
  {at = 130, kind = "duplicate", rate = 0.05, for = 60},
  {at = 130, kind = "shuffle", rate = 0.05, for = 60},
  {at = 200, kind = "rest_delay", value = 2, for = 40},
  {at = 205, kind = "drop", channel = "depth", rate = 0.02, for = 30},
  {at = 250, kind = "truncate", rate = 0.02, for = 30},
  {at = 250, kind = "garbage", rate = 0.02, for = 30},
  {at = 290, kind = "huge", channel = "depth", value = 20, for = 1},
  {at = 300, kind = "rst"},
]
"""


class Programs:
    """A replay server and recorders as processes of their own."""

    def __init__(self, folder: Path, recording: Path, speed: str, *options: str) -> None:
        self.ledger, self.lake = folder / "sent.jsonl", folder / "lake"
        self.server = subprocess.Popen(
            [*COMMAND, "replay", str(recording), "--port", "0", "--speed", speed, "--wait", "2", "--ledger", str(self.ledger),
             "--exit-at-end", "--json", *options],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.server.stdout is not None
        self.rest = json.loads(self.server.stdout.readline())["rest"]

    def start(self, *options: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, "record", "binance:BTCUSDT", "--lake", str(self.lake), "--endpoint", f"binance={self.rest}",
             "--kinds", "trade,book_delta", "--any-pace", "--json", *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def sent(self) -> int:
        return self.ledger.read_bytes().count(b'"k":"sent"') if self.ledger.exists() else 0

    def until_sent(self, number: int, patience_s: float = 30.0) -> None:
        ends = time.monotonic() + patience_s
        while self.sent() < number:
            assert time.monotonic() < ends, f"{self.sent()} sent"
            time.sleep(0.05)

    def end(self) -> None:
        self.server.send_signal(signal.SIGINT)
        self.server.wait(10)


def losses(programs: Programs) -> dict[str, Any]:
    return {loss.channel: loss for loss in compare(programs.ledger, programs.lake, "binance")}


def undeclared(programs: Programs, loss: Any) -> list[int]:
    """Ids neither stored nor declared, less two kinds that are not lost: what was on its way when the recorder was told to stop
    is after the end of the recording; and a book update in the very instant of a stored snapshot that holds it is in the
    lake's book (a gap ends where the snapshot begins, and the ledger tells when an update was sent, a little later)."""
    assert loss.undeclared <= len(loss.examples)
    rows = read_hot(programs.lake, "binance", "BTCUSDT", loss.kind)
    ids = rows["trade_id" if loss.kind == "trade" else "sequence"]
    missing = [n for n in loss.examples if n < ids.max()]
    if loss.kind == "trade":
        return missing
    shots = rows[rows["snapshot"]]
    times = {e.last: e.exchange_ts for e in entries(programs.ledger) if e.channel == loss.channel}
    at = list(zip(shots["sequence"].tolist(), shots["exchange_ts"].tolist(), strict=True))
    return [n for n in missing if not any(n <= number and times[n] - ts <= 10_000_000 for number, ts in at)]


@pytest.fixture
def recording(shared_data: Path) -> Path:
    return shared_data / "wire" / "binance_usdm" / "BTCUSDT-2024-08-08.jsonl.gz"


def test_a_killed_recorder_goes_on_without_a_seam_and_ends_in_order(tmp_path: Path, recording: Path) -> None:
    programs = Programs(tmp_path, recording, "15")
    try:
        first = programs.start()
        programs.until_sent(300)
        os.kill(first.pid, signal.SIGKILL)
        first.communicate()
        before = programs.sent()
        second = programs.start()
        programs.until_sent(before + 600)
        second.send_signal(signal.SIGTERM)
        out, err = second.communicate(timeout=20)
    finally:
        programs.end()
    assert second.returncode == 0, err
    (state,) = json.loads(out)
    assert state["counts"]["trades filled"] > 0, "what the dead one missed was asked for by id"
    found = losses(programs)
    assert undeclared(programs, found["aggTrade"]) == []
    assert found["aggTrade"].declared == 0
    assert found["aggTrade"].stored > 150
    assert undeclared(programs, found["depth"]) == []
    assert found["depth"].stored > 250


@pytest.mark.slow
def test_the_recorded_day_with_faults_leaves_nothing_undeclared(tmp_path: Path, recording: Path) -> None:
    scenario = tmp_path / "faults.toml"
    scenario.write_text(SCENARIO)
    programs = Programs(tmp_path, recording, "10", "--faults", str(scenario))
    recorder = programs.start()
    programs.server.wait(120)
    recorder.send_signal(signal.SIGTERM)
    out, err = recorder.communicate(timeout=30)
    assert recorder.returncode == 0, err
    found = losses(programs)
    for channel, fault in (("aggTrade", "trades"), ("depth", "book updates")):
        loss = found[channel]
        what = f"{fault} undeclared of {loss.told} on the recorded day with ten kinds of faults ({loss.withheld} withheld)"
        record_number("F1-F12", what, loss.undeclared, "0", met=loss.undeclared == 0)
        assert loss.undeclared == 0
    assert found["aggTrade"].stored == found["aggTrade"].told, "every withheld trade was filled by id"
    assert json.loads(out)[0]["counts"]["unreadable"] > 20


@pytest.mark.slow
def test_the_recorded_day_has_the_counts_of_the_catalogue(tmp_path: Path, recording: Path) -> None:
    programs = Programs(tmp_path, recording, "20")
    recorder = programs.start()
    programs.server.wait(120)
    recorder.send_signal(signal.SIGTERM)
    out, err = recorder.communicate(timeout=30)
    assert recorder.returncode == 0, err
    (state,) = json.loads(out)
    assert state["selftest"]["book BTCUSDT"]["passed"] is True
    found = losses(programs)
    assert (found["aggTrade"].undeclared, found["depth"].undeclared) == (0, 0)
    assert found["depth"].told == 6_551
    lake = Lake(programs.lake)
    trades = lake.read("binance", "BTCUSDT", "trade")
    buys = trades["quantity"][trades["aggressor_side"] == 1].sum()
    sells = trades["quantity"][trades["aggressor_side"] == 2].sum()
    assert (round(buys, 3), round(sells, 3)) == (1_251.576, 1_177.790)
    assert (trades["price"].max(), trades["price"].min()) == (61_839.90, 61_590.30)
    book = lake.read("binance", "BTCUSDT", "book_delta")
    assert int(book["sequence"][-1]) > 5_123_107_853_551
    record_number(
        "record", "delta of the recorded day, BTC", round(buys - sells, 3), "73.786", met=round(buys - sells, 3) == 73.786
    )
