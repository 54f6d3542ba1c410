"""Answers from the protocol at the head of `web/wire.py` and of `stream/lane.py`: numbers without a hole, two frames in flight,
newer replaces what waits, resume by delta, errors as sentences. Real sockets on loopback."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from perpscope.core.time import HOUR
from perpscope.web.serve import Serving
from perpscope.web.stream.session import SessionLimits

from .conftest import BARS_HELD, START, running
from .talk import Client, address, is_frame, is_type, talk

END_MS = (START + BARS_HELD * HOUR) / 1e6


def test_the_first_word_tells_what_there_is(served: Serving) -> None:
    welcome = talk(served.url, Client.begin)
    assert (welcome["type"], welcome["protocol"], welcome["mode"]) == ("hello", 1, "history")
    assert [(c["symbol"], c["frames"]) for c in welcome["instruments"]] == [
        ("BTCUSDT", ["1h", "2h", "4h", "1d"]),
        ("ETHUSDT", ["1h", "2h", "4h", "1d"]),
    ]
    assert {"candles", "liquidation_heatmap", "footprint"} <= {c["name"] for c in welcome["layers"]}


def test_a_subscription_begins_with_a_snapshot_of_the_newest(served: Serving) -> None:
    async def what(client: Client) -> dict[str, Any]:
        await client.begin()
        return await client.follow()

    told = talk(served.url, what)
    assert (told["type"], told["id"], told["seq"], told["watermark_ms"]) == ("snapshot", 1, 1, END_MS)
    assert [layer["name"] for layer in told["layers"]] == ["candles", "cvd"]


def test_a_step_of_the_replay_is_a_delta_with_one_candle(served: Serving) -> None:
    async def what(client: Client) -> list[dict[str, Any]]:
        await client.begin()
        await client.follow()
        await client.say(type="ack", id=1, seq=1)
        await client.say(type="clock", do="jump", value=END_MS - 50 * 3.6e6)
        frames = [await client.hear_until(is_frame, acknowledge=True)]
        for _ in range(3):
            await client.say(type="clock", do="step", value=1)
            frames.append(await client.hear_until(is_frame, acknowledge=True))
        return frames

    jumped, *steps = talk(served.url, what)
    assert (jumped["type"], jumped["seq"]) == ("snapshot", 2)
    assert [(s["type"], s["seq"], s["after_seq"]) for s in steps] == [("delta", 3, 2), ("delta", 4, 3), ("delta", 5, 4)]
    assert [s["watermark_ms"] - jumped["watermark_ms"] for s in steps] == [3.6e6, 7.2e6, 10.8e6]
    assert all({layer["name"]: layer["rows"] for layer in s["layers"]}["candles"] == 1 for s in steps)
    assert all(s["summary"] for s in steps)


def test_a_client_that_draws_nothing_gets_two_frames_and_then_the_newest(served: Serving) -> None:
    """Twenty steps without an acknowledgement: one more frame comes, and after the acknowledgement one that reaches the end."""

    async def what(client: Client) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
        await client.begin()
        await client.follow(bars=400)
        await client.say(type="ack", id=1, seq=1)
        await client.say(type="clock", do="jump", value=END_MS - 60 * 3.6e6)
        await client.hear_until(is_frame)  # seq 2, not acknowledged
        await client.say(type="clock", do="step", value=1)
        second = await client.hear_until(is_frame)  # seq 3, not acknowledged
        for _ in range(20):
            await client.say(type="clock", do="step", value=1)
        for _ in range(20):
            await client.hear_until(is_type("clock"))
        await client.say(type="unsubscribe", id=99)  # a round trip, so that a frame that should not come would have come
        await client.say(type="subscribe", id=2, venue="demo", symbol="NONE", frame="1h")
        await client.hear_until(is_type("error"))
        early = [told["type"] for told in client.texts if is_frame(told)]
        await client.say(type="ack", id=1, seq=3)
        return second, await client.hear_until(is_frame), early

    second, last, early = talk(served.url, what)
    assert early == []
    assert (last["type"], last["seq"], last["after_seq"]) == ("delta", 4, 3)
    assert last["watermark_ms"] - second["watermark_ms"] == 20 * 3.6e6
    assert {layer["name"]: layer["rows"] for layer in last["layers"]}["candles"] == 20


def test_a_returning_client_resumes_with_what_it_missed(served: Serving) -> None:
    async def talking() -> tuple[dict[str, Any], dict[str, Any]]:
        origin = served.url.rstrip("/")
        async with connect(address(served.url), origin=origin, max_size=2**24) as socket:
            client = Client(socket)
            await client.begin()
            first = await client.follow(at=None)
        epoch = first["epoch"]
        while epoch not in served.desk._parked:
            await asyncio.sleep(0.01)
        lane = served.desk._parked[epoch][1]
        lane.marks.clear()
        lane.marks.append((1, lane.shown_at - 10 * HOUR))  # as if ten bars had closed since
        async with connect(address(served.url), origin=origin, max_size=2**24) as socket:
            client = Client(socket)
            await client.begin()
            asked = {"venue": "demo", "symbol": "BTCUSDT", "frame": "1h", "bars": 100, "layers": ["cvd"]}
            await client.say(type="subscribe", id=5, **asked)
            await client.say(type="resume", id=5, epoch=epoch, seq=1)
            return first, await client.hear_until(is_frame)

    first, told = asyncio.run(talking())
    assert (told["type"], told["id"], told["epoch"], told["after_seq"]) == ("delta", 5, first["epoch"], 1)
    assert {layer["name"]: layer["rows"] for layer in told["layers"]}["candles"] == 10


def test_an_epoch_that_nobody_knows_is_answered_with_a_snapshot(served: Serving) -> None:
    async def what(client: Client) -> dict[str, Any]:
        await client.begin()
        await client.say(type="subscribe", id=1, venue="demo", symbol="BTCUSDT", frame="1h", bars=50)
        await client.say(type="resume", id=1, epoch="gone", seq=9)
        return await client.hear_until(is_frame)

    assert talk(served.url, what)["type"] == "snapshot"


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ('{"type":"subscribe","id":3,"venue":"demo","symbol":"BTCUSD","frame":"1h"}', "no instrument of demo"),
        ('{"type":"subscribe","id":3,"venue":"demo","symbol":"BTCUSDT","frame":"7m"}', "does not divide"),
        ('{"type":"subscribe","id":3,"venue":"demo","symbol":"BTCUSDT","frame":"5m"}', "5m bars can be made neither"),
        ('{"type":"subscribe","id":3,"venue":"demo","symbol":"BTCUSDT","frame":"1h","at":1e300}', "no time in ms"),
        ('{"type":"subscribe","id":3,"venue":"../..","symbol":"x","frame":"1h"}', "no venue"),
        ('{"type":"clock","do":"play"}', "nothing to replay"),
        ('{"type":"resume","id":3,"epoch":"x","seq":1}', "Only a picture"),
        ('{"type":"hello","protocol":1}', "said already"),
        ('{"type":"nonsense"}', "no message of the protocol"),
        ("\x00", "no message of the protocol"),
        ("[" * 3000, "no message of the protocol"),
    ],
)
def test_a_mistake_is_answered_with_a_sentence_and_the_talk_goes_on(served: Serving, message: str, sentence: str) -> None:
    async def what(client: Client) -> tuple[dict[str, Any], dict[str, Any]]:
        await client.begin()
        await client.socket.send(message)
        error = await client.hear_until(is_type("error"))
        return error, await client.follow()

    error, told = talk(served.url, what)
    assert sentence in error["sentence"]
    assert error["todo"]
    assert told["type"] == "snapshot"


def test_another_protocol_is_told_to_reload(served: Serving) -> None:
    async def what(client: Client) -> dict[str, Any]:
        await client.say(type="hello", protocol=99)
        return await client.hear()

    assert talk(served.url, what)["code"] == "protocol"


def test_a_message_that_is_too_long_ends_the_talk(served: Serving) -> None:
    async def what(client: Client) -> None:
        await client.begin()
        await client.socket.send(json.dumps({"type": "hello", "protocol": 1, "pad": "x" * 20_000}))
        await client.hear()

    with pytest.raises(ConnectionClosed):
        talk(served.url, what)


def test_a_flood_of_messages_ends_the_talk(served: Serving) -> None:
    async def what(client: Client) -> None:
        await client.begin()
        for _ in range(200):
            await client.say(type="ack", id=1, seq=1)
        while True:
            await client.hear()

    with pytest.raises(ConnectionClosed) as closed:
        talk(served.url, what)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


def test_more_subscriptions_than_allowed_are_refused(served: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served.desk, "limits", SessionLimits(subscriptions=3))

    async def what(client: Client) -> dict[str, Any]:
        await client.begin()
        for k in range(4):
            await client.say(type="subscribe", id=k, venue="demo", symbol="ETHUSDT", frame="1h", bars=2, layers=[])
        return await client.hear_until(is_type("error"))

    told = talk(served.url, what)
    assert "at once" in told["sentence"]
    assert told["id"] == 3


def test_the_replay_plays_to_the_end_and_stops_there(served: Serving) -> None:
    async def what(client: Client) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        await client.begin()
        await client.follow()
        await client.say(type="ack", id=1, seq=1)
        await client.say(type="clock", do="jump", value=END_MS - 24 * 3.6e6)
        await client.hear_until(is_frame, acknowledge=True)
        await client.say(type="clock", do="speed", value=200_000)
        await client.say(type="clock", do="play")
        frames: list[dict[str, Any]] = []
        while not frames or frames[-1]["watermark_ms"] < END_MS:
            frames.append(await client.hear_until(is_frame, acknowledge=True))
        return frames, await client.hear_until(lambda told: told["type"] == "clock" and not told["playing"])

    frames, clock = talk(served.url, what)
    assert all(b["seq"] == a["seq"] + 1 for a, b in pairwise(frames))
    assert all(b["watermark_ms"] > a["watermark_ms"] for a, b in pairwise(frames))
    candles = sum(layer["rows"] for f in frames for layer in f["layers"] if layer["name"] == "candles" and f["type"] == "delta")
    assert candles == 24 or any(f["type"] == "snapshot" for f in frames)
    assert (clock["playing"], clock["at_ms"]) == (False, END_MS)


def test_a_desk_that_replays_begins_in_the_middle_and_plays_a_bar_a_second(lake_dir: Path) -> None:
    """800 hourly bars from START: their middle is 400 hours on, and an hour a second is 3,600 times real time."""

    async def watch(client: Client) -> tuple[Any, Any]:
        await client.begin()
        snapshot = await client.follow()
        clock = next(told for told in client.texts if told["type"] == "clock")
        await client.say(type="ack", id=1, seq=snapshot["seq"])
        later = await client.hear_until(is_frame)
        return clock, (snapshot, later)

    with running(lake_dir, mode="replay") as ready:
        clock, (snapshot, later) = talk(ready.url, watch)
    assert (clock["playing"], clock["speed"]) == (True, 3600.0)
    assert abs(clock["at_ms"] - (START + 400 * HOUR) / 1e6) <= HOUR / 1e6
    assert clock["at_ms"] <= snapshot["watermark_ms"] < later["watermark_ms"] <= clock["last_ms"]


def test_a_page_that_returns_to_a_replay_goes_on_where_it_was(lake_dir: Path) -> None:
    jumped = (START + 700 * HOUR) / 1e6

    async def talking(url: str) -> dict[str, Any]:
        origin = url.rstrip("/")
        async with connect(address(url), origin=origin, max_size=2**24) as socket:
            client = Client(socket)
            await client.begin()
            await client.follow()
            await client.say(type="clock", do="jump", value=jumped)
            await client.say(type="ack", id=1, seq=1)
            shown = await client.hear_until(lambda told: is_frame(told) and told["watermark_ms"] >= jumped, acknowledge=True)
        async with connect(address(url), origin=origin, max_size=2**24) as socket:
            client = Client(socket)
            await client.begin()
            asked = {"venue": "demo", "symbol": "BTCUSDT", "frame": "1h", "bars": 100, "layers": ["cvd"]}
            await client.say(type="subscribe", id=1, **asked)
            await client.say(type="resume", id=1, epoch=shown["epoch"], seq=shown["seq"])
            told = await client.hear_until(lambda told: is_frame(told) and told["epoch"] == shown["epoch"])
            assert told["after_seq"] == shown["seq"]
            return told

    with running(lake_dir, mode="replay") as ready:
        assert asyncio.run(talking(ready.url))["watermark_ms"] >= jumped
