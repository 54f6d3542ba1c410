"""Answers worked out by hand: a book of a few levels told by a snapshot and two updates, and thirty trades, ten a minute."""

from __future__ import annotations

import numpy as np
import pytest

from perpscope.core.events import BOOK_DELTA, TRADE, BookSide
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import MINUTE, SECOND, parse_ts
from perpscope.lake import Lake, store
from perpscope.web.frames import decode_frame, read_column, read_heat
from perpscope.web.history import Ask, History
from perpscope.web.picture.frame import snapshot
from perpscope.web.stream.scene import Recorded

START = parse_ts("2024-01-01")
BID, ASK = BookSide.BID, BookSide.ASK
LEVELS = [
    (1, BID, 999.0, 5.0, True),
    (1, BID, 998.0, 40.0, False),
    (1, ASK, 1001.0, 7.0, False),
    (1, ASK, 1002.0, 1.0, False),
    (40, BID, 990.0, 1.0, False),
    (70, ASK, 1002.0, 0.0, False),
    (70, ASK, 1001.0, 3.0, False),
    (100, BID, 990.0, 2.0, False),
    (130, BID, 998.0, 10.0, False),
    (170, BID, 990.0, 1.0, False),
]
"""Second, side, price, quantity, first row of a snapshot."""


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    seconds, sides, prices, quantities, snapshots = zip(*LEVELS, strict=True)
    ts = START + SECOND * np.array(seconds)
    book = Table.of(
        BOOK_DELTA, exchange_ts=ts, receive_ts=ts, sequence=np.array(seconds), side=[int(s) for s in sides], price=prices,
        quantity=quantities, snapshot=snapshots,
    )  # fmt: skip
    when = START + 6 * SECOND * np.arange(30) + SECOND
    trades = Table.of(
        TRADE, exchange_ts=when, receive_ts=when, trade_id=np.arange(30), price=np.where(np.arange(30) % 2, 999.0, 1001.0),
        quantity=np.full(30, 0.5), aggressor_side=np.where(np.arange(30) % 2, 2, 1),
    )  # fmt: skip
    lake = Lake(tmp_path_factory.mktemp("book") / "lake")
    coin = Instrument("demo", "BOOK", base="X", quote="USDT", tick_size=1.0, lot_size=0.1)
    store(lake, coin, {"book_delta": book, "trade": trades}, "simulation")
    return History(lake.path)


def test_the_ladder_is_the_book_at_the_end(history: History) -> None:
    header, body = decode_frame(snapshot(history.picture(Ask("demo", "BOOK", "1m", 10)), ["ladder"]).frame())
    ladder = header.layers[0]
    rows = [read_column(body, ladder, name).tolist() for name in ("side", "price", "quantity")]
    assert list(zip(*rows, strict=True)) == [(1, 999.0, 5.0), (1, 998.0, 10.0), (1, 990.0, 1.0), (2, 1001.0, 3.0)]


def test_the_ladder_of_an_earlier_moment_is_the_book_then(history: History) -> None:
    picture = history.picture(Ask("demo", "BOOK", "1m", 10, START + 65 * SECOND))
    header, body = decode_frame(snapshot(picture, ["ladder"]).frame())
    rows = [read_column(body, header.layers[0], name).tolist() for name in ("price", "quantity")]
    assert list(zip(*rows, strict=True)) == [(999.0, 5.0), (998.0, 40.0), (990.0, 1.0), (1001.0, 7.0), (1002.0, 1.0)]


def test_a_cell_of_the_books_heat_is_the_largest_mean_of_a_quarter_of_the_candle(history: History) -> None:
    header, body = decode_frame(snapshot(history.picture(Ask("demo", "BOOK", "1m", 10)), ["liquidity_heatmap"]).frame())
    heat = header.heats[0]
    edges, cells = read_heat(body, heat)
    first = int(np.searchsorted(edges, START / 1e6))
    assert (heat.price_scale, heat.price_step, heat.estimated) == ("linear", 1.0, False)

    def usd(minute: int, price: float) -> float:
        return heat.full_usd * (cells[first + minute, round(price - heat.price_low)] / 255) ** 2

    means = {(0, 998.0): 40.0, (0, 1002.0): 1.0, (1, 1001.0): (10 * 7.0 + 5 * 3.0) / 15, (2, 1001.0): 3.0}
    means[(2, 998.0)] = (10 * 40.0 + 5 * 10.0) / 15
    for (minute, price), quantity in means.items():
        assert usd(minute, price) == pytest.approx(min(quantity * price, heat.full_usd), rel=0.05), (minute, price)
    assert cells[first + 2, round(1002.0 - heat.price_low)] == 0


def test_the_newest_trades_are_a_layer_and_the_forming_candle_is_made_of_them(history: History) -> None:
    picture = history.picture(Ask("demo", "BOOK", "1m", 10, START + 150 * SECOND))
    header, body = decode_frame(snapshot(picture, ["candles", "trades"]).frame())
    trades = next(layer for layer in header.layers if layer.name == "trades")
    assert trades.rows == 25
    forming = header.forming
    assert forming is not None
    assert (forming.ref_ms, forming.open, forming.high, forming.low) == ((START + 2 * MINUTE) / 1e6, 1001.0, 1001.0, 999.0)
    assert forming.volume == pytest.approx(0.5 * 5)
    candles = next(layer for layer in header.layers if layer.name == "candles")
    assert read_column(body, candles, "volume").tolist() == [5.0, 5.0]


def test_folds_of_every_print_run_where_a_layer_asks_for_them(history: History) -> None:
    plain = Recorded(history, "demo", "BOOK", "1m", ["candles", "trades"])
    asked = Recorded(history, "demo", "BOOK", "1m", ["candles", "tape_sweeps"])
    assert plain.key != asked.key
    assert "orders" not in plain.picture(plain.now(), 10).results.rows
    rows = asked.picture(asked.now(), 10).results.rows
    assert len(rows["orders"])
