"""Answers: what was published step by step against the same rows asked of the lake at once: the live page shows what history
shows. Slow clients, fifty clients and alerts over real sockets."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import connect

from perpscope.core.batch import Batch, cut
from perpscope.core.time import HOUR
from perpscope.engine.graph import Graph
from perpscope.lake import Lake
from perpscope.web.frames import decode_frame, encode_text, read_column
from perpscope.web.history import Ask, History
from perpscope.web.live import feed_states
from perpscope.web.picture.frame import snapshot
from perpscope.web.serve import Serving
from perpscope.web.stream.publisher import LiveScene, Publisher
from perpscope.web.stream.session import SessionLimits
from perpscope.web.wire import Alert, FeedState, StatusMessage

from .conftest import BARS_HELD, START, running
from .talk import Client, address, is_frame, is_type, talk

FOLDS = ["cvd", "delta", "swings", "breaks", "fair_value_gaps", "liquidation_heatmap", "liquidation_clusters"]
LIVE_FROM = START + (BARS_HELD - 40) * HOUR


class Market:
    """The invented market as a live loop sees it: history first, then hour by hour."""

    def __init__(self, lake_dir: Path, publisher: Publisher) -> None:
        source = Lake(lake_dir).source("demo", "BTCUSDT")
        self.publisher = publisher
        settings = {"liquidation_exposure": {"refresh_hours": 6}}
        self.graph = Graph(source.instrument, ["bars", *FOLDS], source.offered, "1h", settings)
        whole = Batch(source.end, {**source.tables, "gap": source.gaps})
        edges = range(LIVE_FROM, source.end, HOUR)
        self.batches = list(cut(whole, edges))
        first = self.batches.pop(0)
        step = self.graph.step(first)
        self.scene: LiveScene = publisher.open(self.graph, step.rows, first.tables)

    def go_on(self, hours: int = 1) -> None:
        for batch in self.batches[:hours]:
            self.publisher.publish(self.graph, self.graph.step(batch), batch)
        del self.batches[:hours]


@pytest.fixture
def live(lake_dir: Path) -> Iterator[tuple[Market, Serving]]:
    publisher = Publisher()
    market = Market(lake_dir, publisher)
    with running(lake_dir, mode="live", publisher=publisher) as ready:
        yield market, ready


def test_what_was_published_step_by_step_is_what_the_lake_shows(lake_dir: Path) -> None:
    market = Market(lake_dir, Publisher())
    market.go_on(39)
    names = ["candles", "cvd", "breaks", "fair_value_gaps", "liquidation_heatmap", "liquidation_clusters"]
    at = market.scene.now()
    live, live_body = decode_frame(snapshot(market.scene.picture(at, 100), names).frame())
    told, body = decode_frame(snapshot(History(lake_dir).picture(Ask("demo", "BTCUSDT", "1h", 100, at)), names).frame())
    assert [layer.name for layer in live.layers] == [layer.name for layer in told.layers]
    for mine, other in zip(live.layers, told.layers, strict=True):
        for column in mine.columns:
            pair = (read_column(live_body, mine, column.name), read_column(body, other, column.name))
            assert np.array_equal(*pair, equal_nan=True), (mine.key, column.name)
    assert bytes(live_body[live.heats[0].cells_offset :][: live.heats[0].columns * live.heats[0].bins]) == bytes(
        body[told.heats[0].cells_offset :][: told.heats[0].columns * told.heats[0].bins]
    )


def test_a_page_is_told_every_step(live: tuple[Market, Serving]) -> None:
    market, ready = live

    async def what(client: Client) -> list[dict[str, Any]]:
        welcome = await client.begin()
        assert (welcome["mode"], welcome["instruments"][0]["frames"]) == ("live", ["1h"])
        frames = [await client.follow()]
        await client.say(type="ack", id=1, seq=1)
        for _ in range(5):
            await asyncio.to_thread(market.go_on)
            frames.append(await client.hear_until(is_frame, acknowledge=True))
        return frames

    first, *deltas = talk(ready.url, what)
    assert [d["type"] for d in deltas] == ["delta"] * 5
    assert [d["watermark_ms"] - first["watermark_ms"] for d in deltas] == [k * 3.6e6 for k in range(1, 6)]


def test_what_is_live_cannot_be_turned_back(live: tuple[Market, Serving]) -> None:
    _, ready = live

    async def what(client: Client) -> dict[str, Any]:
        await client.begin()
        await client.follow()
        await client.say(type="clock", do="play")
        return await client.hear_until(is_type("error"))

    assert "perpscope serve" in talk(ready.url, what)["todo"]


def test_an_alert_reaches_every_page_and_those_that_were_skipped_are_counted(
    live: tuple[Market, Serving], monkeypatch: pytest.MonkeyPatch
) -> None:
    market, ready = live
    monkeypatch.setattr(ready.desk, "limits", SessionLimits(texts=5))

    async def what(client: Client) -> list[dict[str, Any]]:
        await client.begin()

        def many() -> None:
            for k in range(40):
                market.publisher.alert(
                    Alert(rule="r", title=f"{k}", text="", venue="demo", symbol="BTCUSDT", known_ms=1.0, number=0)
                )

        await asyncio.to_thread(many)
        heard: list[dict[str, Any]] = []
        while not heard or heard[-1]["number"] < 40:
            heard.append(await client.hear_until(is_type("alert")))
        return heard

    heard = talk(ready.url, what)
    assert sum(1 + alert["skipped"] for alert in heard) == 40
    assert [a["number"] for a in heard] == sorted(a["number"] for a in heard)
    assert all(alert.skipped == 0 for alert in market.publisher.alerts)  # what one page missed is not told to another


def test_the_feeds_are_told_with_their_age(live: tuple[Market, Serving]) -> None:
    market, ready = live
    market.publisher.status([FeedState(venue="demo", channel="trade", age_ms=31_000.0, state="stale")], gaps=2)

    async def what(client: Client) -> dict[str, Any]:
        await client.begin()
        return await client.hear_until(is_type("status"))

    told = talk(ready.url, what)
    assert (told["feeds"][0]["state"], told["gaps"]) == ("stale", 2)


def test_a_client_that_takes_nothing_is_dropped_and_the_others_go_on(
    live: tuple[Market, Serving], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that acknowledges but never reads fills its socket; the loop and a second client do not wait for it."""
    market, ready = live
    monkeypatch.setattr(ready.desk, "limits", SessionLimits(stalled_s=0.3, messages_a_second=1_000))

    async def talking() -> list[dict[str, Any]]:
        origin = ready.url.rstrip("/")
        stalled = connect(address(ready.url), origin=origin, max_queue=1, max_size=2**24, ping_interval=None)
        async with stalled as deaf, connect(address(ready.url), origin=origin, max_size=2**24) as socket:
            client, mute = Client(socket), Client(deaf)
            await mute.begin()
            deaf.transport.pause_reading()
            for k in range(60):
                asked = {"venue": "demo", "symbol": "BTCUSDT", "frame": "1h", "bars": 800}
                await mute.say(type="subscribe", id=k, **asked)
            await client.begin()
            frames = [await client.follow()]
            await client.say(type="ack", id=1, seq=1)
            for _ in range(5):
                await asyncio.to_thread(market.go_on)
                frames.append(await client.hear_until(is_frame, acknowledge=True))
            deadline = time.monotonic() + 20
            while len(ready.desk.sessions) > 1:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.01)
            deaf.transport.abort()
            return frames

    frames = asyncio.run(talking())
    assert [f["type"] for f in frames] == ["snapshot", *["delta"] * 5]


def test_fifty_pages_cost_the_loop_one_drawing_a_step(live: tuple[Market, Serving]) -> None:
    """All pages look at the same thing; `publish` itself never waits for any of them."""
    market, ready = live

    async def talking() -> tuple[int, int]:
        origin = ready.url.rstrip("/")
        sockets = [await connect(address(ready.url), origin=origin, max_size=2**24) for _ in range(50)]
        clients = [Client(socket) for socket in sockets]

        async def begin(client: Client) -> None:
            await client.begin()
            await client.follow()
            await client.say(type="ack", id=1, seq=1)

        await asyncio.gather(*map(begin, clients))
        before = ready.desk.painter.count
        for _ in range(4):
            await asyncio.to_thread(market.go_on)
            await asyncio.gather(*(c.hear_until(is_frame, acknowledge=True) for c in clients))
        for socket in sockets:
            await socket.close()
        return before, ready.desk.painter.count

    before, after = asyncio.run(talking())
    assert before <= 2
    assert after - before == 4


def test_publishing_from_many_threads_loses_no_alert() -> None:
    publisher = Publisher()
    one = Alert(rule="r", title="t", text="", venue="v", symbol="s", known_ms=1.0, number=0)
    threads = [threading.Thread(target=lambda: [publisher.alert(one) for _ in range(40)]) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(a.number for a in publisher.alerts) == list(range(1, 201))


def test_a_channel_that_never_spoke_has_no_age() -> None:
    told = [{"venue": "demo", "channels": [{"channel": "a", "age_ms": None, "state": "connecting"},
                                           {"channel": "b", "age_ms": 12, "state": "live"}]}]  # fmt: skip
    text = encode_text(StatusMessage(now_ms=0.0, feeds=feed_states(told), gaps=0, verdicts=None))
    assert [feed["age_ms"] for feed in json.loads(text)["feeds"]] == [None, 12.0]
