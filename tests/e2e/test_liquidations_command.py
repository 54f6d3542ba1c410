"""`perpscope liquidations`, run as a user runs it: on the recorded window, and on lakes with something wrong in them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from perpscope.core.events import OPEN_INTEREST
from perpscope.core.table import Table
from perpscope.lake import Lake, import_files
from perpscope.research.trials import Ledger

PART = ("--from", "2024-07-22", "--to", "2024-08-14")


def test_calibrate_writes_an_artefact_that_skill_and_a_second_calibration_cannot_overwrite(perpscope, window_lake, tmp_path):
    out = tmp_path / "mix.json"
    ledger = tmp_path / "trials.jsonl"
    asked = ("liquidations", "calibrate", "--lake", window_lake, "--symbol", "SOLUSDT", "--out", out, *PART, "--ledger", ledger)
    first = perpscope(*asked)
    assert "Leverage mix of binance SOLUSDT" in first.stdout
    assert "kappa, the share of what price reaches that the feed reports" in first.stdout
    assert "Note: The liquidations are sums of a feed that shows one event a second at most" in first.stdout
    made = json.loads(out.read_text())
    assert made["level"] == "relative"
    assert made["feed_model"] == "O4"
    assert made["train_to"] <= made["known_ts"]
    counted = Ledger(ledger).read()
    assert counted.count("liquidation_map") == len(made["profile"]) >= 15
    assert {t.purpose for t in counted.trials} == {"calibrate"}
    assert {d["path"] for d in made["data"]} >= {"liquidation_totals@1h", "open_interest"}
    assert all(len(d["sha256"]) == 64 for d in made["data"])
    again = perpscope(*asked, ok=False)
    assert again.returncode == 2
    assert "artefacts are never overwritten" in again.stderr
    assert json.loads(out.read_text()) == made


def test_skill_prints_verdicts_and_json_and_writes_three_files(perpscope, window_lake, tmp_path):
    asked = ("liquidations", "skill", "--lake", window_lake, "--symbol", "ETHUSDT", "--out", tmp_path, *PART, "--json")
    told = json.loads(perpscope(*asked).stdout)
    assert told["instrument"] == "ETHUSDT"
    assert told["test_from"] > told["train_from"]
    claims = {v["claim"]: v for v in told["verdicts"]}
    assert set(claims) >= {"map over geometry", "map on regression", "strata", "magnet"}
    assert {p.name for p in tmp_path.iterdir()} == {"skill.json", "skill.png", "skill.html"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("skill", "--symbol", "ETHUSD"), "Did you mean 'binance ETHUSDT'?"),
        (("calibrate", "--out", "x.json", "--symbol", "BTCUSDT", "--from", "2024-08-10"), "needs 14 days to learn from"),
        (("skill", "--from", "2024-08-10"), "is too short: skill needs 14 days to learn from and a week to be judged on"),
        (("skill", "--interval", "4h"), "has liquidations of binance BTCUSDT by 1h, not by 4h"),
        (("calibrate", "--out", "x.json", "--from", "2025-01-01"), "Choose another range"),
        (("calibrate", "--out", "x.json", "--prior", "none.json"), "There is no calibration 'none.json'"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(perpscope, window_lake, tmp_path, arguments, said):
    command, *rest = arguments
    rest = [str(tmp_path / a) if a == "x.json" else a for a in rest]
    done = perpscope("liquidations", command, "--lake", window_lake, *rest, ok=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "x.json").exists()


@pytest.fixture(scope="module")
def poor_lake(shared_data: Path, tmp_path_factory) -> Path:
    """BTCUSDT with hours but no liquidations; ETHUSDT whose open interest is in dollars."""
    lake = Lake(tmp_path_factory.mktemp("poor"))
    hours = shared_data / "bars" / "coinalyze" / "1h"
    for symbol, kinds in (("BTCUSDT", ("ohlcv", "open-interest")), ("ETHUSDT", ("ohlcv", "liquidation"))):
        files = [hours / f"{symbol}_{kind}-history.parquet" for kind in kinds]
        import_files(lake, "coinalyze", files, venue="binance", symbol=symbol)
    lake.refresh()
    stamps = lake.read("binance", "ETHUSDT", "bars@1h")["known_ts"]
    price = lake.read("binance", "ETHUSDT", "bars@1h")["close"]
    dollars = Table.filled(OPEN_INTEREST, exchange_ts=stamps, open_interest=2e6 * price / np.mean(price) * 3300.0)
    write_interest(lake, dollars)
    return lake.path


def write_interest(lake: Lake, rows: Table) -> None:
    """Through the csv format, as a user would bring them."""
    path = lake.path.parent / "interest.csv"
    lines = ["ts,oi", *(f"{t // 1_000_000},{v}" for t, v in zip(rows["exchange_ts"].tolist(), rows["open_interest"].tolist()))]
    path.write_text("\n".join(lines) + "\n")
    import_files(
        lake, "csv", [path], venue="binance", symbol="ETHUSDT", column_map={"exchange_ts": "ts", "open_interest": "oi"},
        options={"stream": "open_interest"},
    )  # fmt: skip


def test_an_instrument_without_liquidations_cannot_be_calibrated(perpscope, poor_lake, tmp_path):
    done = perpscope("liquidations", "calibrate", "--lake", poor_lake, "--out", tmp_path / "x.json", ok=False)
    assert done.returncode == 2
    assert "has no liquidations of binance BTCUSDT, so there is nothing to learn its leverage mix from" in done.stderr


def test_open_interest_in_dollars_is_refused(perpscope, poor_lake, tmp_path):
    done = perpscope("liquidations", "skill", "--lake", poor_lake, "--symbol", "ETHUSDT", "--out", tmp_path, ok=False)
    assert done.returncode == 2
    assert "Open interest is not in the unit of the volume" in done.stderr
