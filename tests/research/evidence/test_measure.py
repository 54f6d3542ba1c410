"""A factor without a single event, from measuring to its picture. Answers by hand: nothing known, nothing claimed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from perpscope.core.events import BARS
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR
from perpscope.lake import Lake, store
from perpscope.research.event_study import Prepared
from perpscope.research.evidence.collect import Claims, Collected, Window, collect
from perpscope.research.evidence.gates import gates
from perpscope.research.evidence.judge import judge
from perpscope.research.evidence.measure import measure
from perpscope.research.evidence.picture import draw_page
from perpscope.research.evidence.record import EvidencePage
from perpscope.research.evidence.table import adapter
from perpscope.research.evidence.tables import Ready
from perpscope.setups.base import Verdict
from research.event_study.made import walk


def ready() -> Ready:
    path = walk(1, 60 * 24)
    opens = np.concatenate([[100.0], path.close[:-1]])
    absent = np.full(len(path), np.nan)
    unknown = {name: absent for name in ("buy_volume", "sell_volume", "trade_count", "min_delta", "max_delta")}
    prices = {"open": opens, "high": path.high, "low": path.low, "close": path.close, "volume": path.volume}
    whole = np.ones(len(path), np.bool_)
    bars = Table.of(BARS, ref_ts=path.known_ts - HOUR, known_ts=path.known_ts, complete=whole, **prices, **unknown)
    window = Window("made", ("MADE",), "1h", int(path.known_ts[0]) // DAY * DAY, int(path.known_ts[-1]))
    claims = {"flow": Claims(np.zeros(0, np.int64), np.zeros(0))}
    return Ready(window, [Collected(path, bars, claims, None, 0, "d")], [Prepared(path)], gates(), 1)


def test_a_factor_without_events_is_unproven_needs_two_hundred_and_still_has_a_picture() -> None:
    one = adapter("flow")
    found = measure(one, ready())
    decision = judge(found.facts, gates())
    assert (decision.verdict, decision.needed) == (Verdict.UNPROVEN, 200)
    assert found.facts.effect.n == 0
    page = EvidencePage(
        name=one.name, title=one.title, family=one.family, fold=one.fold, hypothesis=one.hypothesis, prior=one.prior,
        horizon=one.horizon, verdict=decision.verdict, direction=decision.direction, qualifier="", sentence=decision.sentence,
        needed=decision.needed, n=0, bps=found.facts.effect, cost_bps=12.0, trials=1, start="2023-01-01", end="2023-03-01",
        timeframe="1h", venue="made", symbols=["MADE"], date="2023-03-01", expires="2023-08-28", seed=1, data_hash="d",
        gates_hash="g", plan_hash="p", ledger_hash="l", code_version="0", command="c", facts=found.facts,
        gates=decision.gates, tables=found.tables, curves=found.curves, notes=found.notes,
    )  # fmt: skip
    assert draw_page(page).startswith(b"\x89PNG")


def test_a_factor_that_cannot_start_on_one_instrument_is_told_and_spoils_no_other(tmp_path: Path) -> None:
    """`cascade` wants liquidations of one kind or the other, and a lake of bars has neither."""
    made = ready()
    lake = Lake(tmp_path / "lake")
    store(lake, Instrument("binance", "ATOMUSDT", base="ATOM", quote="USDT"), {"bars@1h": made.collected[0].bars}, "made")
    window = Window("binance", ("ATOMUSDT",), "1h", made.window.start, made.window.end)
    found = collect(lake, window, "ATOMUSDT", [adapter("setup_cascade_ride"), adapter("displacements")])
    assert "liquidation_totals or liquidation" in found.claims["setup_cascade_ride"].missing
    assert found.claims["displacements"].missing == ""
    assert len(found.claims["displacements"].known_ts) > 0
