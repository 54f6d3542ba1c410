"""OKX v5 REST: what is asked and how the answers read (documentation read 2026-11)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from perpscope.core.errors import DataError
from perpscope.core.events import TRADE
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.units import ContractKind
from perpscope.venues.book_sync import NO_ID, BookMessage
from perpscope.venues.door import Ask
from perpscope.venues.numbers import Ident, Millis, Price, Quantity, decoder, read, to_ns
from perpscope.venues.okx.parse import Contract, read_trades

VENUE = "okx"
DEPTH = 400
PAGE = 100
_Level = tuple[Price, Quantity, Any, Any]


class _Answer(msgspec.Struct):
    code: str
    msg: str = ""
    data: msgspec.Raw = msgspec.Raw()


class _Book(msgspec.Struct):
    asks: list[_Level]
    bids: list[_Level]
    ts: Millis
    seq_id: Ident = msgspec.field(name="seqId")


class _Time(msgspec.Struct):
    ts: Millis


class _Instrument(msgspec.Struct):
    inst_id: str = msgspec.field(name="instId")
    inst_type: str = msgspec.field(name="instType")
    tick: Price = msgspec.field(name="tickSz")
    lot: Price = msgspec.field(name="lotSz")
    size: Price | Literal[""] = msgspec.field(name="ctVal", default="")
    multiplier: Price | Literal[""] = msgspec.field(name="ctMult", default="")
    kind: str = msgspec.field(name="ctType", default="")


_answer, _instruments = decoder(_Answer), decoder(list[_Instrument])
_book, _time = decoder(tuple[_Book]), decoder(tuple[_Time])

ASK_TIME = Ask("/api/v5/public/time")
ASK_INSTRUMENTS = Ask("/api/v5/public/instruments", {"instType": "SWAP"})


def ask_snapshot(symbol: str) -> Ask:
    return Ask("/api/v5/market/books", {"instId": symbol, "sz": DEPTH})


def ask_trades(symbol: str, from_id: int) -> Ask:
    """The hundred trades from an id on: `after` means "with smaller ids than"."""
    return Ask("/api/v5/market/history-trades", {"instId": symbol, "type": 1, "after": from_id + PAGE, "limit": PAGE})


def read_snapshot(payload: bytes, receive_ts: int) -> BookMessage:
    """A book in contracts. Its number joins those of the stream, and without one it could not be joined at all."""
    (book,) = read(_book, _data(payload), "OKX book")
    bids, asks = ([(level[0], level[1]) for level in side] for side in (book.bids, book.asks))
    ts = to_ns(book.ts, book.ts)
    return BookMessage(ts, receive_ts, book.seq_id, book.seq_id, NO_ID, bids, asks, snapshot=True)


def read_trade_page(payload: bytes, receive_ts: int, contract: Contract) -> Table:
    """Trades by id, oldest first."""
    rows = sorted(read_trades(_data(payload), receive_ts, contract).rows, key=lambda row: (row[0], row[2]))
    columns = zip(*rows, strict=True) if rows else ([] for _ in TRADE.names)
    return Table.of(TRADE, **{name: list(column) for name, column in zip(TRADE.names, columns, strict=True)})


def read_time(payload: bytes) -> int:
    (told,) = read(_time, _data(payload), "OKX time")
    return to_ns(told.ts, payload[:200])


def read_instruments(payload: bytes) -> list[Instrument]:
    """Contracts and coins: the size of a contract is ctVal x ctMult, in coins (linear) or USD (inverse).

    A lot is in base units; an inverse contract has none that does not depend on price (NaN).
    """
    found = []
    for told in read(_instruments, _data(payload), "OKX instrument list"):
        base, quote = told.inst_id.split("-")[0], told.inst_id.split("-")[1] if "-" in told.inst_id else ""
        kind = {"linear": ContractKind.LINEAR, "inverse": ContractKind.INVERSE}.get(told.kind, ContractKind.SPOT)
        if kind is ContractKind.SPOT and told.inst_type != "SPOT":
            continue  # options, and contracts that are not yet listed
        size = 1.0 if told.size == "" else told.size * (1.0 if told.multiplier == "" else told.multiplier)
        lot = float("nan") if kind is ContractKind.INVERSE else told.lot * size
        found.append(Instrument(VENUE, told.inst_id, kind, base, quote, told.tick, lot, size))
    return found


def _data(payload: bytes) -> msgspec.Raw:
    answer = read(_answer, payload, "OKX answer")
    if answer.code != "0":
        raise DataError(f"OKX refused the request: {answer.code[:20]} {answer.msg[:200]!r}.")
    return answer.data
