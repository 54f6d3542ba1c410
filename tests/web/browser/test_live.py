"""The page over a market that is happening: prints and a book told by hand, step by step, as the live loop tells them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, expect

from perpscope.core.batch import Batch
from perpscope.core.events import BOOK_DELTA, TRADE, BookSide
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import SECOND, parse_ts
from perpscope.engine.graph import Graph
from perpscope.web.stream.publisher import Publisher
from perpscope.web.wire import FeedState

from ..conftest import running
from .reading import DRAWN

START = parse_ts("2024-01-01")
BARS = "() => window.perpscope.session.picture.value.candles.openMs.length"


def prints(at: list[float], prices: list[float]) -> Table:
    """Half a coin bought at each of these seconds."""
    ts = START + (SECOND * np.array(at)).astype(np.int64)
    return Table.of(
        TRADE, exchange_ts=ts, receive_ts=ts, trade_id=ts // 1_000, price=prices, quantity=np.full(len(at), 0.5),
        aggressor_side=np.full(len(at), 1),
    )  # fmt: skip


def book(second: int, side: BookSide, price: float, quantity: float, snapshot: bool = False) -> Table:
    ts = [START + second * SECOND]
    return Table.of(
        BOOK_DELTA, exchange_ts=ts, receive_ts=ts, sequence=[second], side=[int(side)], price=[price], quantity=[quantity],
        snapshot=[snapshot],
    )  # fmt: skip


def test_the_forming_candle_the_book_the_tape_and_the_feed_move_as_it_happens(browser: Browser, tmp_path: Path) -> None:
    coin = Instrument("demo", "BTCUSDT", base="BTC", quote="USDT", tick_size=0.5)
    graph = Graph(coin, ["bars", "delta", "cvd"], {"trade", "book_delta"}, "10s", {})
    publisher = Publisher()
    seconds = [float(s) for s in range(1, 65)]
    past = {
        "trade": prints(seconds, [1000.0 + s % 7 for s in range(64)]),
        "book_delta": Table.concat([book(60, BookSide.BID, 999.5, 4.0, True), book(60, BookSide.ASK, 1000.5, 3.0)]),
    }

    def tell(until: float, tables: dict[str, Table]) -> None:
        batch = Batch(START + int(until * SECOND), tables)
        publisher.publish(graph, graph.step(batch), batch)

    first = Batch(START + 65 * SECOND, past)
    publisher.open(graph, graph.step(first).rows, past)
    publisher.status([FeedState(venue="demo", channel="trades", age_ms=None, state="connecting")])
    with running(tmp_path / "lake", mode="live", publisher=publisher) as ready:
        page = browser.new_page(viewport={"width": 1600, "height": 900})
        page.set_default_timeout(15_000)
        page.goto(ready.url)
        page.wait_for_function(DRAWN)
        expect(page.locator(".mode")).to_have_text("LIVE")
        expect(page.locator(".feed")).to_contain_text("not heard yet")
        closed = page.evaluate(BARS)

        tell(66, {"trade": prints([65.5], [1020.5])})
        expect(page.locator(".pane-value").first).to_contain_text("(forming)")
        expect(page.locator(".pane-value").first).to_contain_text("C 1,020.5")

        page.get_by_role("tab", name="Book").click()
        expect(page.locator("table.book tbody tr")).to_have_count(3)
        tell(67, {"book_delta": book(66, BookSide.ASK, 1000.5, 7.25)})
        expect(page.locator("table.book tbody tr").first).to_contain_text("7.25")
        tell(68, {"book_delta": book(67, BookSide.BID, 999.5, 0.0)})
        expect(page.locator("table.book tbody tr")).to_have_count(2)

        tell(71, {"trade": prints([70.5], [1030.0])})
        page.wait_for_function(f"n => ({BARS})() === n + 1", arg=closed)
        publisher.status([FeedState(venue="demo", channel="trades", age_ms=40.0, state="live")])
        expect(page.locator(".feed")).to_contain_text("data 40 ms old")
        page.get_by_role("tab", name="Tape").click()
        expect(page.locator("#side-tape tbody tr").first).to_contain_text("1,030")
        page.close()
