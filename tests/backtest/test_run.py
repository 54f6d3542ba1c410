"""Answers by hand: a few bars, a few proposals, and every movement of money worked out on paper.

Sizes: equity 10,000, risk 1 %, no slippage, taker fee 0.05 %. Entry 100, stop 98: a unit loses 2 + 0.0005 * 198 = 2.099,
so 100 / 2.099 = 47.641... units, 47.641 in lots of 0.001.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from perpscope.backtest.config import BacktestConfig, config_of
from perpscope.backtest.history import History
from perpscope.backtest.result import evaluate, to_json
from perpscope.backtest.run import BUSY, BacktestRun, trade
from perpscope.core.events import BARS
from perpscope.core.instrument import Instrument, RiskTier, TierTable
from perpscope.core.table import Table
from perpscope.core.time import HOUR, NULL_TS
from perpscope.core.units import PositionSide
from perpscope.market.structure import ExpiryCause
from perpscope.setups.signal import EntryKind, Evidence, Only, SignalEvent, signal_schema

SCHEMA = signal_schema("made", (Evidence("e", "by hand"),))
TIERS = TierTable("binance", "XUSDT", (RiskTier(0.0, 1e9, 0.005, 0.0, 50.0),), None, None, "by hand")
FREE: dict[str, Any] = {"slippage": {"bps": 0.0}, "participation": 1e9}
QUANTITY = 47.641


def instrument(symbol: str = "XUSDT") -> Instrument:
    return Instrument("binance", symbol, base="X", quote="USDT", tick_size=0.1, lot_size=0.001, tier_tables=(TIERS,))


def config(symbols: tuple[str, ...] = ("XUSDT",), **more: Any) -> BacktestConfig:
    data = {"venue": "binance", "symbols": list(symbols), "start": "1970-01-01", "end": "1970-01-03"}
    return config_of({"data": data, "setup": [{"name": "made"}], "trading": FREE, "risk": {"risk_fraction": 0.01}, **more})


def bars(rows: list[tuple[float, float, float, float]]) -> Table:
    """open, high, low, close per hour."""
    values = np.array(rows)
    ref = np.arange(len(rows)) * HOUR
    columns = dict(zip(("open", "high", "low", "close"), values.T, strict=True))
    return Table.filled(
        BARS, ref_ts=ref, known_ts=ref + HOUR, volume=np.ones(len(rows)), complete=np.ones(len(rows), bool), **columns
    )


def signal(hour: int, event: SignalEvent, id: int = 7, **more: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "ref_ts": (hour - 1) * HOUR, "known_ts": hour * HOUR, "id": id, "event": event, "variant": Only.ONLY,
        "position_side": PositionSide.LONG, "entry_kind": EntryKind.MARKET, "entry": 100.0, "stop": 98.0, "target": 104.0,
        "target_2": np.nan, "invalidation": np.nan, "expire_ts": 40 * HOUR, "exit_ts": NULL_TS, "exposure": np.nan,
        "cause": ExpiryCause.AGE, "part_e": 1.0, "score": 1.0, "known": 1.0,
    }  # fmt: skip
    return {**row, **more}


def history(rows: list[tuple[float, float, float, float]], said: list[dict[str, Any]], symbol: str = "XUSDT") -> History:
    made = bars(rows)
    table = Table.of(SCHEMA, **{name: [row[name] for row in said] for name in SCHEMA.names}) if said else SCHEMA.empty()
    return History(
        instrument(symbol), "1h", made, made, made, None, None, {"made@1h": table}, None, {}, {"bars": symbol}, 0, ()
    )


FLAT = (100.0, 100.0, 100.0, 100.0)


def ledger(run: BacktestRun) -> list[tuple[str, float]]:
    rows = run.rows.ledger
    return [(row["kind"], round(row["amount"], 6)) for row in rows.rows() if row["kind"] != "margin_move"]


def test_a_long_is_bought_at_the_next_open_and_sold_at_its_target() -> None:
    up = (100.0, 105.0, 99.0, 104.5)
    run = trade(config(), [history([FLAT, FLAT, up, FLAT], [signal(2, SignalEvent.OPENED)])])
    fee_in, gross, fee_out = -QUANTITY * 100 * 0.0005, QUANTITY * 4.0, -QUANTITY * 104 * 0.0002  # the target rests: maker
    expected = [("deposit", 10_000.0), ("fee", fee_in), ("realized", gross), ("fee", fee_out)]
    assert [kind for kind, _ in ledger(run)] == [kind for kind, _ in expected]
    assert [amount for _, amount in ledger(run)] == pytest.approx([amount for _, amount in expected], abs=1e-5)
    assert run.rows.fills["ref_ts"][0] == 2 * HOUR
    (trip,) = run.rows.round_trips.rows()
    assert trip["exit_reason"] == "target"
    assert trip["net"] == pytest.approx(fee_in + gross + fee_out)


def test_nothing_fills_in_the_bar_that_caused_it() -> None:
    wild = (100.0, 110.0, 100.0, 100.0)  # the target traded before anyone could know of the proposal
    run = trade(config(), [history([FLAT, wild, FLAT, FLAT], [signal(2, SignalEvent.OPENED)])])
    assert run.rows.fills["ref_ts"].tolist() == [2 * HOUR]
    assert len(run.rows.round_trips) == 0


def test_a_resting_entry_that_is_withdrawn_never_fills() -> None:
    said = [signal(1, SignalEvent.OPENED, entry_kind=EntryKind.LIMIT, entry=99.0), signal(2, SignalEvent.MISSED)]
    down = (100.0, 100.0, 98.5, 99.0)
    run = trade(config(), [history([FLAT, FLAT, down, FLAT], said)])
    assert len(run.rows.fills) == 0
    kept = trade(config(), [history([FLAT, FLAT, down, FLAT], said[:1])])
    assert kept.rows.fills["price"].tolist() == [99.0]


def test_an_invalidated_position_is_left_at_the_next_open() -> None:
    said = [signal(1, SignalEvent.OPENED), signal(3, SignalEvent.INVALIDATED)]
    run = trade(config(), [history([FLAT, FLAT, FLAT, (101.0, 101.0, 101.0, 101.0), FLAT], said)])
    assert run.rows.fills["price"].tolist() == [100.0, 101.0]
    assert run.rows.round_trips["quantity"].tolist() == [QUANTITY]


def test_a_proposal_while_one_is_traded_is_refused_with_the_reason() -> None:
    said = [signal(1, SignalEvent.OPENED), signal(2, SignalEvent.OPENED, id=8)]
    run = trade(config(), [history([FLAT] * 5, said)])
    assert [d.reason for d in run.decisions] == ["", BUSY]
    assert run.refusals == {BUSY: 1}


def test_a_refusal_of_the_gate_is_a_decision_with_its_reason() -> None:
    run = trade(config(), [history([FLAT] * 4, [signal(1, SignalEvent.OPENED, stop=101.0)])])
    assert [d.reason for d in run.decisions] == ["stop_side"]
    assert len(run.rows.fills) == 0


def test_a_renewed_stop_replaces_the_old_one_and_a_renewed_exposure_scales_the_position() -> None:
    opened = signal(1, SignalEvent.OPENED, exposure=0.2, target=np.nan)
    renewed = signal(3, SignalEvent.ADJUSTED, exposure=0.1, stop=101.0, target=np.nan)
    rise = (100.0, 103.0, 100.0, 103.0)
    fall = (103.0, 103.0, 100.5, 100.5)
    run = trade(config(), [history([FLAT, FLAT, rise, (103.0,) * 4, fall], [opened, renewed])])
    # 0.2 x 10,000 / 100 = 20 units; then half; the rest stopped at 101, not at 98
    assert run.rows.fills["quantity"].tolist() == [20.0, 10.0, 10.0]
    assert run.rows.fills["price"].tolist() == [100.0, 103.0, 101.0]


def test_what_happened_before_a_moment_does_not_change_when_the_future_does() -> None:
    rng = np.random.default_rng(5)
    closes = 100.0 + np.cumsum(0.4 * rng.standard_normal(60))
    rows = [(a, max(a, b) + 0.5, min(a, b) - 0.5, b) for a, b in pairwise(closes.tolist())]
    said = [
        signal(
            h,
            SignalEvent.OPENED,
            id=h,
            entry=rows[h - 1][3],
            stop=rows[h - 1][3] - 1.5,
            target=rows[h - 1][3] + 2.0,
            exit_ts=(h + 8) * HOUR,
        )
        for h in range(2, 55, 3)
    ]
    whole = trade(config(), [history(rows, said)])
    for hours in (20, 33, 47):
        cut = trade(config(), [history(rows[:hours], [s for s in said if s["known_ts"] <= hours * HOUR])])
        for name in ("ledger", "fills", "order_ends", "round_trips", "equity"):
            table = getattr(whole.rows, name)
            assert getattr(cut.rows, name).same_as(table[table.clock <= hours * HOUR]), name
        assert repr(cut.decisions) == repr(tuple(d for d in whole.decisions if d.known_ts <= hours * HOUR))  # NaN and all


def test_two_instruments_share_one_wallet() -> None:
    up = (100.0, 105.0, 99.0, 104.5)
    alone = trade(config(), [history([FLAT, FLAT, up, FLAT], [signal(2, SignalEvent.OPENED)])])
    both = trade(
        config(("XUSDT", "YUSDT")),
        [history([FLAT, FLAT, up, FLAT], [signal(2, SignalEvent.OPENED)]), history([FLAT] * 4, [], "YUSDT")],
    )
    assert ledger(both) == ledger(alone)
    assert set(both.rows.round_trips["instrument"].tolist()) == {0}


def test_the_same_run_gives_the_same_bytes_and_its_ledger_adds_up() -> None:
    up = (100.0, 105.0, 99.0, 104.5)
    made = [trade(config(), [history([FLAT, FLAT, up, FLAT], [signal(2, SignalEvent.OPENED)])]) for _ in range(2)]
    assert to_json(evaluate(made[0])) == to_json(evaluate(made[1]))
    wallet = made[0].rows.equity["wallet_balance"][-1]
    assert wallet == pytest.approx(sum(amount for _, amount in ledger(made[0])))


def test_a_bar_that_held_stop_and_target_is_counted_as_ambiguous() -> None:
    both = (100.0, 105.0, 97.0, 100.0)
    run = trade(config(), [history([FLAT, FLAT, both, FLAT], [signal(2, SignalEvent.OPENED)])])
    assert run.rows.round_trips["exit_price"] == pytest.approx([98.0])
    assert run.ambiguous_bars == 1
    calm = trade(config(), [history([FLAT, FLAT, (100.0, 101.0, 97.0, 98.0), FLAT], [signal(2, SignalEvent.OPENED)])])
    assert calm.ambiguous_bars == 0


def test_a_drawdown_limit_stops_new_entries_and_the_result_says_since_when() -> None:
    crash = (100.0, 100.0, 50.0, 50.0)
    said = [signal(1, SignalEvent.OPENED), signal(3, SignalEvent.OPENED, id=8, entry=50.0, stop=49.0, target=52.0)]
    limits = {"risk_fraction": 0.01, "max_drawdown": 0.005}
    run = trade(replace(config(), risk=config(risk=limits).risk), [history([FLAT, crash, (50.0,) * 4, (50.0,) * 4], said)])
    assert [d.reason for d in run.decisions] == ["", "drawdown"]
    assert any("below its peak" in line for line in evaluate(run).warnings)
