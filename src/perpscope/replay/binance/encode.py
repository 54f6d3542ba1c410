"""A market in Binance's words: what no recording has, made from tables of a lake or of the synthetic market."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perpscope.replay.binance.merged import AggTrade
from perpscope.replay.binance.tape import Facts, Print, Rate, Snapshot, finished, track_of
from perpscope.replay.dialect import plain
from perpscope.replay.frames import MS, Frame, Tape, Track
from perpscope.replay.market import Market, chained, contracts


def encoded(markets: Sequence[Market], product: str) -> Tape:
    """Markets as a tape. One trade is one print and one merged trade with the same id, so that a recorder gets back what
    the tables hold; the first snapshot of the book is the REST snapshot, later ones are told as differences."""
    tracks: dict[str, Track] = {}
    facts: dict[str, Facts] = {}
    for market in markets:
        fact = Facts(market.instrument.symbol.upper())
        facts[fact.symbol] = fact
        for track in _tracks(market, fact, product):
            if track.frames:
                tracks[track.topic] = track
    return finished(tracks, facts)


def _tracks(market: Market, fact: Facts, product: str) -> list[Track]:
    lower = fact.symbol.lower()
    spot = product == "spot"
    prints, merged, depth, marks, forced = (
        track_of(f"{lower}@{c}") for c in ("trade", "aggTrade", "depth", "markPrice", "forceOrder")
    )

    def quantity(base: str, price: str) -> str:
        return contracts(market.instrument, base, price) if product == "cm" else base

    for k, d in enumerate(market.deals):
        q, ms = quantity(d.quantity, d.price), d.ts // MS
        fact.prints.append(Print(ms, d.number, d.price, q, not d.bought))
        row = AggTrade(d.number, d.price, q, d.number, d.number, ms, not d.bought)
        fact.merged.append(row)
        head = {"E": ms, "s": fact.symbol}
        print_: dict[str, Any] = {"e": "trade", **head, "t": d.number, "p": d.price, "q": q, "T": ms, "m": row.m}
        print_ |= {"M": True} if spot else {"X": "MARKET"}
        prints.frames.append(Frame(d.ts, k, plain(print_), ms * MS, d.number, d.number))
        body = {"e": "aggTrade", **head, "a": row.a, "p": row.p, "q": q, "f": row.f, "l": row.l, "T": ms, "m": row.m}
        merged.frames.append(Frame(d.ts, k, plain(body), ms * MS, row.a, row.a))
    if not spot:
        _swap(market, fact, marks, forced, quantity)
    before = 0
    for k, u in enumerate(chained(market.book)):
        bids, asks = ([(p, quantity(q, p)) for p, q in side] for side in (u.bids, u.asks))
        ms = u.ts // MS
        if u.snapshot:
            fact.snapshot = Snapshot(u.number, bids, asks, ms, ms)
        else:
            diff: dict[str, Any] = {"e": "depthUpdate", "E": ms, "s": fact.symbol, "U": before + 1, "u": u.number}
            diff |= {} if spot else {"T": ms, "pu": before}
            frame = Frame(u.ts, k, plain(diff | {"b": bids, "a": asks}), ms * MS, before + 1, u.number, len(bids) + len(asks))
            depth.frames.append(frame)
        before = u.number
    return [prints, merged, depth, marks, forced]


def _swap(market: Market, fact: Facts, marks: Track, forced: Track, quantity: Any) -> None:
    for k, m in enumerate(market.marks):
        rate, due = market.next_payment(m.ts)
        ms = m.ts // MS
        body = {"e": "markPriceUpdate", "E": ms, "s": fact.symbol, "p": m.mark, "i": m.oracle, "P": m.mark, "r": rate}
        marks.frames.append(Frame(m.ts, k, plain(body | {"T": due // MS}), ms * MS))
    for k, f in enumerate(market.forced):
        ms, q = f.ts // MS, quantity(f.quantity, f.price)
        order = {
            "s": fact.symbol, "S": "SELL" if f.long else "BUY", "o": "LIMIT", "f": "IOC", "q": q, "p": f.bankruptcy or f.price,
            "ap": f.price, "X": "FILLED", "l": q, "z": q, "T": ms,
        }  # fmt: skip
        forced.frames.append(Frame(f.ts, k, plain({"e": "forceOrder", "E": ms, "o": order}), ms * MS))
    fact.funding = [Rate(r.ts // MS, r.rate) for r in market.rates]
    fact.interest = [Rate(i.ts // MS, i.quantity, _mark_of(i.value, i.quantity)) for i in market.interest]


def _mark_of(value: str, quantity: str) -> str:
    return f"{float(value) / float(quantity):.2f}" if value and float(quantity) else ""
