"""A market as neutral lists, from tables of the house, for every dialect to put into its own words.

Numbers leave as text: the shortest decimal that is the stored float, so that a reader gets the same float back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from perpscope.core.events import BookSide
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Table
from perpscope.core.time import NULL_TS
from perpscope.core.units import AggressorSide, ContractKind, PositionSide

Level = tuple[str, str]
HOUR = 3_600_000_000_000


class Deal(NamedTuple):
    """A trade. `bought`: the aggressor bought."""

    ts: int
    number: int
    price: str
    quantity: str
    bought: bool


class BookUpdate(NamedTuple):
    """Changed levels (quantity "0" removes) or, as a `snapshot`, all of them."""

    ts: int
    number: int
    bids: list[Level]
    asks: list[Level]
    snapshot: bool


class Mark(NamedTuple):
    ts: int
    mark: str
    oracle: str


class Rate(NamedTuple):
    """A settled funding payment, `interval` in ns."""

    ts: int
    rate: str
    interval: int


class Interest(NamedTuple):
    ts: int
    quantity: str
    value: str


class Forced(NamedTuple):
    """A position closed by force. `long`: it was a long."""

    ts: int
    long: bool
    bankruptcy: str
    price: str
    quantity: str


@dataclass
class Market:
    """Everything of one instrument, each list in order of time. Quantities are base units; see `contracts`."""

    instrument: Instrument
    deals: list[Deal] = field(default_factory=list)
    book: list[BookUpdate] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    rates: list[Rate] = field(default_factory=list)
    interest: list[Interest] = field(default_factory=list)
    forced: list[Forced] = field(default_factory=list)

    def next_payment(self, ts: int) -> tuple[str, int]:
        """The rate of the next payment and its time, as a venue predicts them; the settled rate stands for the prediction."""
        for rate in self.rates:
            if rate.ts > ts:
                return rate.rate, rate.ts
        return "0", (ts // (8 * HOUR) + 1) * 8 * HOUR


def text(value: float) -> str:
    """The shortest decimal of a float, without exponent; "" for NaN.

    Example:
        >>> text(1e-07), text(60000.0), text(0.25)
        ('0.0000001', '60000', '0.25')
    """
    if math.isnan(value):
        return ""
    exact = Decimal(repr(float(value)))
    whole = exact.to_integral_value()
    return f"{whole if exact == whole else exact:f}"


def contracts(instrument: Instrument, quantity: str, price: str) -> str:
    """Base units as contracts of the venue: coins / contract size, or for inverse contracts coins x price / USD size."""
    if instrument.kind is ContractKind.INVERSE:
        return text(round(float(quantity) * float(price) / instrument.contract_size, 6))
    return text(round(float(quantity) / instrument.contract_size, 9))


def market_of(instrument: Instrument, tables: Mapping[str, Table]) -> Market:
    """Tables by stream ("trade", "book_delta", "mark_price", "funding", "open_interest", "liquidation") as a market."""
    market = Market(instrument)
    if "trade" in tables:
        t = tables["trade"]
        ids = t["trade_id"] if len(t) and int(t["trade_id"].min()) >= 0 else np.arange(1, len(t) + 1)
        bought = t["aggressor_side"] == AggressorSide.BUY
        market.deals = [
            Deal(ts, n, text(p), text(q), b)
            for ts, n, p, q, b in zip(*_lists(t["exchange_ts"], ids, t["price"], t["quantity"], bought), strict=True)
        ]
    if "book_delta" in tables:
        market.book = _updates(tables["book_delta"])
    if "mark_price" in tables:
        t = tables["mark_price"]
        columns = _lists(t["exchange_ts"], t["mark_price"], t["index_price"])
        market.marks = [Mark(ts, text(m), text(i)) for ts, m, i in zip(*columns, strict=True)]
    if "funding" in tables:
        t = tables["funding"]
        columns = _lists(t["exchange_ts"], t["funding_rate"], t["funding_interval"])
        market.rates = [Rate(ts, text(r), 8 * HOUR if i == NULL_TS else i) for ts, r, i in zip(*columns, strict=True)]
    if "open_interest" in tables:
        t = tables["open_interest"]
        columns = _lists(t["exchange_ts"], t["open_interest"], t["open_interest_notional"])
        market.interest = [Interest(ts, text(q), text(v)) for ts, q, v in zip(*columns, strict=True)]
    if "liquidation" in tables:
        t = tables["liquidation"]
        long = t["position_side"] == PositionSide.LONG
        columns = _lists(t["exchange_ts"], long, t["bankruptcy_price"], t["price"], t["quantity"])
        market.forced = [Forced(ts, d, text(b), text(p), text(q)) for ts, d, b, p, q in zip(*columns, strict=True)]
    return market


def _lists(*columns: Array) -> list[list]:
    return [np.asarray(c).tolist() for c in columns]


def _updates(rows: Table) -> list[BookUpdate]:
    """Rows of one number and time are one update."""
    out: list[BookUpdate] = []
    columns = _lists(rows["exchange_ts"], rows["sequence"], rows["side"], rows["price"], rows["quantity"], rows["snapshot"])
    for ts, number, side, price, quantity, first in zip(*columns, strict=True):
        if first or not out or (out[-1].ts, out[-1].number) != (ts, number):
            out.append(BookUpdate(ts, number, [], [], first))
        (out[-1].bids if side == BookSide.BID else out[-1].asks).append((text(price), text(quantity)))
    return out


def chained(updates: list[BookUpdate]) -> list[BookUpdate]:
    """Updates whose numbers rise and whose later snapshots are the differences to the book before: one unbroken chain."""
    sides: tuple[dict[str, str], dict[str, str]] = {}, {}
    out: list[BookUpdate] = []
    for u in updates:
        told = []
        for levels, changed in zip(sides, (u.bids, u.asks), strict=True):
            kept = dict(changed)
            gone = [(price, "0") for price in levels if price not in kept] if u.snapshot and out else []
            told.append([*gone, *changed])
            if u.snapshot:
                levels.clear()
            for price, quantity in changed:
                if float(quantity):
                    levels[price] = quantity
                else:
                    levels.pop(price, None)
        number = max(u.number, out[-1].number + 1) if out else max(u.number, 1)
        out.append(BookUpdate(u.ts, number, told[0], told[1], u.snapshot and not out))
    return out
