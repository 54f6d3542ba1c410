"""What fills orders inside a backtest: bars, finer bars inside them, prints, the recorded book. Answers by hand.

L13 (section 12 of the backtest's specification): for one bracket per bar the pessimistic result is not above the finer replay.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from backtest.test_run import FLAT, bars, config, history, instrument, signal
from perpscope.backtest.config import BacktestConfig, config_of
from perpscope.backtest.history import History
from perpscope.backtest.market import Resolution, Shown, finer_inside, shown_of
from perpscope.backtest.result import evaluate
from perpscope.backtest.run import DISAGREES, run_backtest, trade
from perpscope.core.errors import UserError
from perpscope.core.events import BARS, BOOK_DELTA, GAP, TRADE
from perpscope.core.table import Table
from perpscope.core.time import HOUR, MINUTE, parse_ts
from perpscope.core.units import PositionSide
from perpscope.lake import Lake, Source
from perpscope.lake.store import store
from perpscope.setups.signal import SignalEvent

BOTH = (100.0, 105.0, 97.0, 100.0)
"""A bar that holds the stop at 98 and the target at 104."""


def inside(path: list[float], hour: int) -> Table:
    """60 one-minute bars that walk evenly through the prices of a path."""
    at = np.interp(np.linspace(0, len(path) - 1, 61), np.arange(len(path)), path)
    ref = hour * HOUR + np.arange(60) * MINUTE
    return Table.filled(
        BARS, ref_ts=ref, known_ts=ref + MINUTE, open=at[:-1], close=at[1:], high=np.maximum(at[:-1], at[1:]),
        low=np.minimum(at[:-1], at[1:]), volume=np.ones(60), complete=np.ones(60, bool),
    )  # fmt: skip


def with_finer(base: History, finer: Table) -> History:
    mixed, fits = finer_inside(base.fill_bars, finer, HOUR, MINUTE)
    assert fits.any()
    return replace(base, shown=Shown(mixed, None))


def test_finer_bars_tell_which_of_stop_and_target_came_first() -> None:
    said = [signal(2, SignalEvent.OPENED)]
    coarse = history([FLAT, FLAT, BOTH, FLAT], said)
    up_first, down_first = inside([100.0, 105.0, 97.0, 100.0], 2), inside([100.0, 97.0, 105.0, 100.0], 2)
    runs = [trade(config(), [one]) for one in (coarse, with_finer(coarse, up_first), with_finer(coarse, down_first))]
    assert [run.rows.round_trips["exit_price"][0] for run in runs] == pytest.approx([98.0, 104.0, 98.0])
    assert [run.ambiguous_bars for run in runs] == [1, 0, 0]


def test_a_coarse_bar_stays_where_finer_ones_are_missing_incomplete_or_disagree() -> None:
    coarse = bars([BOTH] * 4)
    finer = [inside([100.0, 105.0, 97.0, 100.0], h) for h in range(4)]
    short = finer[1][:59]
    unfinished = finer[2].with_columns(complete=np.arange(60) != 7)
    lower = finer[3].with_columns(low=np.where(np.arange(60) == 9, 90.0, finer[3]["low"]))
    mixed, fits = finer_inside(coarse, Table.concat([finer[0], short, unfinished, lower]), HOUR, MINUTE)
    assert fits.tolist() == [True, False, False, False]
    assert len(mixed) == 63
    assert finer_inside(coarse, BARS.empty(), HOUR, MINUTE)[1].sum() == 0
    assert np.array_equal(mixed["known_ts"][:-1][59:], mixed["ref_ts"][1:][59:])


@pytest.mark.parametrize("seed", range(8))
def test_l13_the_pessimistic_path_earns_no_more_than_the_finer_replay(seed: int) -> None:
    rng = np.random.default_rng(seed)
    minutes = 100.0 + np.round(np.cumsum(rng.normal(0.0, 0.25, 60 * 30)), 1)
    finer, rows, last = [], [], 100.0
    for h in range(30):
        walk = [last, *minutes[60 * h : 60 * h + 60].tolist()]
        last = walk[-1]
        rows.append((walk[0], max(walk), min(walk), last))
        finer.append(inside(walk, h))
    said = []
    for h in range(2, 28, 2):
        said.append(signal(h, SignalEvent.OPENED, id=h, entry=rows[h - 1][3], stop=round(rows[h - 1][3] - 1.0, 1),
                           target=round(rows[h - 1][3] + 1.5, 1)))  # fmt: skip
        said.append(signal(h + 1, SignalEvent.EXPIRED, id=h, entry=rows[h - 1][3]))
    coarse = history(rows, said)
    limits = {"risk_fraction": 0.01, "max_drawdown": 1.0}
    fixed = config(risk=limits)
    pessimistic, replayed = trade(fixed, [coarse]), trade(fixed, [with_finer(coarse, Table.concat(finer))])
    worse, better = pessimistic.rows.round_trips, replayed.rows.round_trips
    assert len(worse) == len(better) > 5
    assert (worse["risk_multiple"] <= better["risk_multiple"] + 1e-9).all()


def prints(path: list[tuple[float, float]]) -> Table:
    """(hour, price): one unit each, sold where price fell."""
    ts = [int(h * HOUR) for h, _ in path]
    price = [p for _, p in path]
    side = [2 if b < a else 1 for a, b in pairwise([price[0], *price])]
    return Table.of(
        TRADE,
        exchange_ts=ts,
        receive_ts=ts,
        trade_id=range(len(ts)),
        price=price,
        quantity=[1.0] * len(ts),
        aggressor_side=side,
    )


def book(rows: list[tuple[float, int, float, float]]) -> Table:
    """(hour, side, price, quantity)."""
    ts = [int(r[0] * HOUR) for r in rows]
    return Table.of(
        BOOK_DELTA, exchange_ts=ts, receive_ts=ts, sequence=range(len(ts)), side=[r[1] for r in rows],
        price=[r[2] for r in rows], quantity=[r[3] for r in rows], snapshot=[k == 0 for k in range(len(ts))],
    )  # fmt: skip


def source(**tables: Table) -> Source:
    return Source(instrument(), frozenset(tables), tables, GAP.empty(), {}, {}, None, 4 * HOUR, None)


def on_tape(base: History, resolution: Resolution, **tables: Table) -> History:
    shown = shown_of(source(**tables), "XUSDT", base.fill_bars, None, length=HOUR, start=0, resolution=resolution)
    return replace(base, shown=shown)


TAPE = prints([(0.5, 100.0), (1.5, 100.0), (2.0, 100.0), (2.1, 100.2), (2.5, 104.0), (2.6, 104.1), (3.5, 104.0)])


def test_prints_fill_an_entry_after_its_latency_and_a_target_only_when_they_trade_through_it() -> None:
    base = history([FLAT, FLAT, (100.0, 104.1, 100.0, 104.1), FLAT], [signal(2, SignalEvent.OPENED)])
    run = trade(config(), [on_tape(base, Resolution.TRADES, trade=TAPE)])
    fills = [(row["role"], row["price"], row["maker"]) for row in run.rows.fills.rows()]
    # decided at 2:00, at the venue 250 ms later: the print of 2:06; 104.0 touches the target, 104.1 goes through
    assert fills == [("entry", 100.2, False), ("target", 104.0, True)]
    assert run.rows.fills["ref_ts"].tolist() == [int(2.1 * HOUR), int(2.6 * HOUR)]
    assert run.rows.equity["known_ts"].tolist() == [HOUR * k for k in range(1, 5)]
    wallet, moved = run.rows.equity["wallet_balance"][-1], run.rows.ledger[run.rows.ledger["kind"] != 10]
    assert moved["amount"].sum() == pytest.approx(wallet)
    assert evaluate(run).models == {"trade": 1}


def test_a_recorded_book_is_walked_and_beyond_it_a_taker_is_stressed() -> None:
    base = history([FLAT, FLAT, (100.0, 104.1, 100.0, 104.1), FLAT], [signal(2, SignalEvent.OPENED)])
    asks = book([(1.0, 1, 99.9, 50.0), (1.0, 2, 100.1, 20.0), (1.0, 2, 100.4, 40.0), (2.05, 1, 99.8, 1.0)])
    run = trade(config(), [on_tape(base, Resolution.BOOK, trade=TAPE, book_delta=asks)])
    quantity = run.rows.fills["quantity"][0]
    assert quantity == pytest.approx(47.641)
    assert run.rows.fills["price"][0] == pytest.approx((20 * 100.1 + (quantity - 20) * 100.4) / quantity)
    assert run.rows.fills["ref_ts"][0] == int(2.05 * HOUR)
    assert [row["model"] for row in run.rows.fills.rows()] == ["book", "trade"]


def test_prints_and_books_are_asked_for_in_a_sentence_when_there_are_none() -> None:
    base = history([FLAT] * 3, [])
    with pytest.raises(UserError, match="No print of XUSDT was recorded"):
        on_tape(base, Resolution.TRADES)
    with pytest.raises(UserError, match="No book of XUSDT was recorded"):
        on_tape(base, Resolution.BOOK, trade=TAPE)
    shown = on_tape(base, Resolution.TRADES, trade=TAPE)
    with pytest.raises(UserError, match="one symbol at a time"):
        trade(config(("XUSDT", "YUSDT")), [shown, history([FLAT] * 3, [], "YUSDT")])


@pytest.mark.parametrize(
    ("data", "more", "sentence"),
    [
        ({"resolution": "ticks"}, {}, "resolution"),
        ({"resolution": "trades", "finer_timeframe": "1m"}, {}, "prints tell the path"),
        ({"finer_timeframe": "7m"}, {}, "does not divide"),
        ({"finer_timeframe": "1h"}, {}, "does not divide"),
        ({}, {"weights": "w.json"}, "give both"),
        ({}, {"trading": {"slippage": {"model": "from_bok"}}}, "Did you mean 'from_book'"),
        ({}, {"account": {"scenarios": [{"kind": "adll"}]}}, "Did you mean 'adl'"),
        ({}, {"account": {"scenarios": [{"kind": "adl", "probability": 2.0}]}}, "between 0 and 1"),
    ],
)
def test_a_mistake_in_the_new_settings_is_one_sentence(data: dict[str, Any], more: dict[str, Any], sentence: str) -> None:
    given = {"venue": "binance", "symbols": ["XUSDT"], "start": "1970-01-01", "end": "1970-01-03", **data}
    with pytest.raises(UserError, match=sentence):
        config_of({"data": given, "setup": [{"name": "made"}], **more})


def test_scenarios_come_from_the_config_and_survive_being_written_down() -> None:
    one = config(account={"scenarios": [{"kind": "gap_through", "distance": 0.02, "side": "long"}]})
    assert config_of(one.plain()) == one
    down = (100.0, 100.0, 97.0, 99.0)
    run = trade(one, [history([FLAT, FLAT, down, FLAT], [signal(2, SignalEvent.OPENED)])])
    assert run.rows.round_trips["exit_price"][0] == pytest.approx(98.0 * 0.98)
    assert "scenario" in [row["kind"] for row in run.rows.ledger.rows()]
    assert any("Declared, not measured: gap_through" in line and "struck 1 time" in line for line in evaluate(run).warnings)


def test_hedged_a_short_is_opened_beside_a_long() -> None:
    short = signal(3, SignalEvent.OPENED, id=8, position_side=PositionSide.SHORT, stop=102.0, target=96.0)
    said = [signal(2, SignalEvent.OPENED), short]
    one_way, hedged = (trade(config(account={"positions": mode}), [history([FLAT] * 6, said)]) for mode in ("one_way", "hedge"))
    assert [d.approved for d in one_way.decisions] == [True, False]
    assert [d.approved for d in hedged.decisions] == [True, True]
    last = hedged.rows.equity
    assert last["gross_notional"][-1] > 9_000.0
    assert abs(last["net_notional"][-1]) < 100.0


def year_config(**data: Any) -> BacktestConfig:
    given = {"venue": "binance", "symbols": ["XUSDT"], "start": "2024-01-02", "end": "2024-01-04", "warmup": "1d", **data}
    return config_of({"data": given, "setup": [{"name": "trend_pullback"}], "yardsticks": {"random_draws": 0}})


def test_a_lake_with_minutes_resolves_hours_and_says_how_many(tmp_path: Any) -> None:
    rng = np.random.default_rng(1)
    minutes = 3 * 24 * 60
    close = np.round(100.0 + np.cumsum(rng.normal(0.0, 0.1, minutes)), 1)
    opens = np.r_[100.0, close[:-1]]
    ref = parse_ts("2024-01-01") + np.arange(minutes) * MINUTE
    table = Table.filled(
        BARS, ref_ts=ref, known_ts=ref + MINUTE, open=opens, close=close, high=np.maximum(opens, close) + 0.1,
        low=np.minimum(opens, close) - 0.1, volume=np.ones(minutes), complete=np.ones(minutes, bool),
    )  # fmt: skip
    lake = Lake(tmp_path / "lake")
    store(lake, instrument(), {"bars@1m": table}, "test")
    run = run_backtest(lake, year_config(timeframe="1h", finer_timeframe="1m"))
    assert len(run.histories[0].market.bars) == 2 * 24 * 60
    assert any("resolve the path inside 100.0% of 48 bars" in line for line in evaluate(run).warnings)
    with pytest.raises(UserError, match="No print of XUSDT"):
        run_backtest(lake, year_config(timeframe="1h", resolution="trades"))


def test_confluence_that_disagrees_refuses_a_proposal() -> None:
    from perpscope.setups.confluence import CONFLUENCE

    asked = config_of({**config().plain(), "min_agreement": 0.5})
    said = [signal(2, SignalEvent.OPENED), signal(3, SignalEvent.OPENED, id=8)]
    base = history([FLAT] * 6, said)
    assert [d.reason for d in trade(asked, [base]).decisions] == [DISAGREES, DISAGREES]  # not known agrees with nothing
    known = np.array([2, 3]) * HOUR
    nan, flags = np.full(2, np.nan), {c.name: np.zeros(2, bool) for c in CONFLUENCE.columns if c.name.startswith("veto_")}
    votes = Table.filled(CONFLUENCE, ref_ts=known - HOUR, known_ts=known, score=[0.4, 0.6], log_odds=nan, **flags)
    run = trade(asked, [replace(base, confluence=votes)])
    assert [d.reason for d in run.decisions] == [DISAGREES, ""]
