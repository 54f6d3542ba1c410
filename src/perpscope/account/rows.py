"""From a run's records to tables: the account's output rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from perpscope.account.layout import Memory
from perpscope.account.money import PER_UNIT
from perpscope.core.orders import EQUITY, FILLS, LEDGER, ORDER_ENDS, ROUND_TRIPS
from perpscope.core.table import Schema, Table

Array = np.ndarray[Any, Any]
_EMPTY = tuple(schema.empty() for schema in (LEDGER, FILLS, ORDER_ENDS, ROUND_TRIPS, EQUITY))


@dataclass(frozen=True)
class AccountRows:
    """What happened: ledger lines, fills, refused or ended orders, round trips, and the equity curve."""

    ledger: Table = _EMPTY[0]
    fills: Table = _EMPTY[1]
    order_ends: Table = _EMPTY[2]
    round_trips: Table = _EMPTY[3]
    equity: Table = _EMPTY[4]

    @classmethod
    def concat(cls, parts: list[AccountRows]) -> AccountRows:
        """The rows of several calls, one after the other."""
        if not parts:
            return cls()
        names = ("ledger", "fills", "order_ends", "round_trips", "equity")
        return cls(*(Table.concat([getattr(part, name) for part in parts]) for name in names))


def rows_of(m: Memory, equity: Table = _EMPTY[4]) -> AccountRows:
    """The rows written so far, as tables of their own, and the records free for new ones."""
    count = m["count"]
    lines, fills, ends, trips = count.tolist()
    count[:] = 0
    # a copy, because a single record's fields are contiguous: a table would keep them as views of room that is used again
    return AccountRows(
        _ledger(m["ledger"][:lines].copy()) if lines else _EMPTY[0],
        _fills(m["fills"][:fills].copy()) if fills else _EMPTY[1],
        _ends(m["ends"][:ends].copy()) if ends else _EMPTY[2],
        _trips(m["trips"][:trips].copy()) if trips else _EMPTY[3],
        equity,
    )


Curve = tuple[Array, Array, Array, Array, Array]


def fresh_curve(rows: int) -> Curve:
    """Columns for the equity curve: ts, wallet, equity, gross and net notional."""
    return np.empty(rows, np.int64), np.empty(rows), np.empty(rows), np.empty(rows), np.empty(rows)


def equity_table(curve: Curve, rows: int) -> Table:
    """The first rows of the curve; the columns are handed over, not copied."""
    if not rows:
        return _EMPTY[4]
    whole = rows == len(curve[0])
    ts, wallet, total, gross, net = curve if whole else (column[:rows] for column in curve)
    columns = {
        "ref_ts": ts,
        "known_ts": ts,
        "wallet_balance": wallet,
        "equity": total,
        "gross_notional": gross,
        "net_notional": net,
    }
    return Table(EQUITY, columns, rows)


def _made(schema: Schema, r: Array, **columns: Any) -> Table:
    return Table.of(schema, ref_ts=r["ts"], known_ts=r["known"], **columns)


def _coin(values: Array) -> Array:
    return values / PER_UNIT


def _side(sign: Array) -> Array:
    return np.where(sign > 0, 1, 2)


def _ledger(r: Array) -> Table:
    return _made(
        LEDGER, r, sequence=r["sequence"], instrument=r["spot"], kind=r["kind"], amount=_coin(r["amount"]), price=r["price"],
        quantity=r["quantity"], rate=r["rate"], order_id=r["order"], bracket_id=r["bracket"], note=r["note"],
    )  # fmt: skip


def _fills(r: Array) -> Table:
    return _made(
        FILLS, r, order_id=r["order"], intent_id=r["intent"], instrument=r["spot"], side=_side(r["sign"]), role=r["role"],
        price=r["price"], reference_price=r["reference"], wanted_price=r["wanted"], quantity=r["quantity"], fee=r["fee"],
        realized=r["realized"], opens=r["opens"], maker=r["maker"], model=r["model"], note=r["note"], position=r["position"],
        bracket_id=r["bracket"],
    )  # fmt: skip


def _ends(r: Array) -> Table:
    return _made(
        ORDER_ENDS, r, order_id=r["order"], intent_id=r["intent"], instrument=r["spot"], reason=r["reason"],
        quantity=r["quantity"], price=r["price"], bracket_id=r["bracket"],
    )  # fmt: skip


def _trips(r: Array) -> Table:
    gross, fees, funding, insurance = (_coin(r[name]) for name in ("gross", "fees", "funding", "insurance"))
    net = _coin(r["gross"] - r["fees"] + r["funding"] + r["insurance"])
    return _made(
        ROUND_TRIPS, r, trip_id=r["id"], instrument=r["spot"], leg=r["side"] + 2, bracket_id=r["bracket"],
        entry_ts=r["open_ts"], entry_price=r["entry"], exit_price=r["exit"], quantity=r["quantity"], gross=gross, fees=fees,
        funding=funding, insurance=insurance, net=net, slippage=r["slippage"], risk=r["risk"],
        risk_multiple=np.where(r["risk"] > 0.0, net / np.where(r["risk"] > 0.0, r["risk"], 1.0), np.nan),
        adverse_excursion=r["adverse"], favorable_excursion=r["favorable"], lowest=r["low"], highest=r["high"],
        bars_held=r["bars"], exit_reason=r["reason"], leverage=r["leverage"], margin=r["margin"],
        liquidation_distance=r["distance"], model=r["model"], queue_model=r["queue"], gap=r["gap"],
        initial_equity=r["initial_equity"],
    )  # fmt: skip
