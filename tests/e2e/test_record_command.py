"""`perpscope record` told nonsense: one sentence, exit code 2, nothing opened. The sentences are checked for what they name."""

from __future__ import annotations

from pathlib import Path

import pytest

from perpscope.cli.app import run


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["BTCUSDT"], "VENUE:SYMBOL"),
        (["binanc:BTCUSDT"], "Did you mean 'binance'"),
        (["binance:BTCUSDT", "binance:BTCUSDT"], "named twice"),
        (["binance:BTCUSDT", "--kinds", "trade,boks"], "boks"),
        (["binance:BTCUSDT", "--kinds", ","], "Nothing to record"),
        (["okx:BTCUSDT"], "BTC-USDT-SWAP"),
        (["bybit:btc/usdt"], "BTCUSDT"),
        (["binance:BTCUSDT", "--endpoint", "http://127.0.0.1:9"], "VENUE=http"),
        (["binance:BTCUSDT", "--endpoint", "binance=127.0.0.1"], "is no address"),
        (["binance:BTCUSDT", "--for", "soon"], "length of time"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lake = tmp_path / "lake"
    assert run(["record", *arguments, "--lake", str(lake)]) == 2
    told = capsys.readouterr().err.strip()
    assert said in told
    assert len(told.splitlines()) == 1
    assert not lake.exists()
