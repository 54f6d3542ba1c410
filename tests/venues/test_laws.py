"""Laws of every door, found through the registry: answers come from the `Door` protocol, the schemas of the events, and the
template of COVERAGE.md. Payloads lie in tests/payloads/<door>/: `rest_*` are answers of requests, the rest are messages."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from perpscope import venues
from perpscope.core.errors import DataError, UserError
from perpscope.venues.door import Channel, Door, Told
from perpscope.venues.registry import door, doors
from venues.mutations import mutants, poison

RECEIVED = 1_785_000_000_000_000_000
PAYLOADS = Path(__file__).parents[1] / "payloads"
KINDS = ("trade", "book_delta", "mark_price", "open_interest", "funding", "liquidation", "bars@1m")
SYMBOLS = {"binance_coinm": "BTCUSD_PERP", "okx": "BTC-USDT-SWAP", "hyperliquid": "BTC"}
NAMES = sorted(doors())


def symbol_of(name: str) -> str:
    return SYMBOLS.get(name, "BTCUSDT")


def streamed(name: str) -> list[Channel]:
    """Every channel that the door has for the kinds of the house."""
    found: list[Channel] = []
    for kind in KINDS:
        try:
            found += door(name).channels(symbol_of(name), [kind])
        except UserError:
            continue
    return found


def files(name: str) -> list[Path]:
    return sorted((PAYLOADS / name).glob("*.json*"))


def knowing(name: str) -> Door:
    """The door, knowing the contracts of its payload of instruments."""
    found = door(name)
    for path in files(name):
        if path.name.startswith("rest_instruments"):
            found = found.with_instruments(found.read_instruments(path.read_bytes().splitlines()[0]))
    return found


def messages(name: str) -> list[bytes]:
    return [
        line for path in files(name) if not path.name.startswith("rest_") for line in path.read_bytes().splitlines() if line
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_channel_has_a_row_of_coverage_with_a_payload(name: str) -> None:
    folder = Path(venues.__path__[0]) / type(door(name)).__module__.split(".")[-2]
    rows = [line for line in (folder / "COVERAGE.md").read_text().splitlines() if line.startswith("|")]
    symbol = symbol_of(name)
    found = streamed(name)
    assert found
    for channel in found:
        title = channel.topic.replace(symbol, "").replace(symbol.lower(), "").split(":")[0].strip("@.:")
        mine = [row for row in rows if title in row.split("|")[1]]
        assert mine, f"{name}: no row of COVERAGE.md names {channel.topic}"
        paths = {path for row in mine for path in re.findall(r"payloads/([\w./-]+\w)", row)}
        assert any((PAYLOADS / path).is_file() for path in paths), f"{name}: no payload of {channel.topic}"


@pytest.mark.parametrize("name", NAMES)
def test_every_channel_has_an_address_and_a_silence(name: str) -> None:
    one = door(name)
    assert one.addresses["rest"].startswith("https://")
    for channel in streamed(name):
        assert one.addresses[channel.route].startswith("wss://")
        assert 0 < channel.max_silence_s <= 3_600
    assert (one.liquidation_feed is None) == ("liquidation" not in {c.kind for c in streamed(name)})


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_that_mixes_routes_is_refused_with_a_sentence(name: str) -> None:
    found = streamed(name)
    address = door(name).addresses[found[0].route]
    alien = Channel("x", "x", "trade", "X", "another route", 1.0)
    with pytest.raises(UserError, match=r"\.$"):
        door(name).url(address, [found[0], alien])


@pytest.mark.parametrize("name", NAMES)
def test_its_payloads_are_events_that_fit_their_schemas(name: str) -> None:
    one = knowing(name)
    kinds: set[str] = set()
    for payload in messages(name):
        told = one.parse(payload, RECEIVED)
        assert told.told is not Told.UNKNOWN, payload
        assert poison(told) == "", payload
        for part in (told, *told.others):
            kinds |= {stream for stream, _ in part.rows} | ({"book_delta"} if part.book else set())
    assert {c.kind for c in streamed(name)} <= kinds


@pytest.mark.parametrize("name", NAMES)
def test_what_is_well_formed_and_unknown_is_said_to_be_unknown(name: str) -> None:
    assert door(name).parse(b'{"hello":"world","number":[1,2,{"x":null}]}', RECEIVED).told is Told.UNKNOWN


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("payload", [b"", b"{", b"\xff\x00", b'{"a":', b"[" * 100_000, b'{"a":"' + b"x" * (5 << 20) + b'"}'])
def test_what_is_broken_is_refused_with_the_evidence(name: str, payload: bytes) -> None:
    with pytest.raises(DataError):
        door(name).parse(payload, RECEIVED)


@pytest.mark.parametrize("name", NAMES)
def test_no_mutated_message_crashes_or_poisons(name: str) -> None:
    assert fuzz(name, 20_000 // len(NAMES), 7) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_no_mutated_message_of_a_million_crashes_or_poisons(name: str) -> None:
    assert fuzz(name, 1_000_000 // len(NAMES) + 1, 8) > 0


def fuzz(name: str, count: int, seed: int) -> int:
    """How many mutants were read as events; any other exception than DataError goes through, any poison fails."""
    one = knowing(name)
    taken = 0
    for payload in islice(mutants(messages(name), Random(seed)), count):
        try:
            told = one.parse(payload, RECEIVED)
        except DataError:
            continue
        assert poison(told) == "", payload[:500]
        taken += told.told is Told.EVENTS
    return taken
