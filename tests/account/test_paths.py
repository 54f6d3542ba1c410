"""Paths inside one bar: the cases and answers of section 14.3 of the backtest's specification, made by hand."""

from __future__ import annotations

import pytest

from account.made import BUY, SELL, account, fills, flat, last_equity, marks, run, wish
from perpscope.account import PathRule
from perpscope.core.orders import OrderKind

P1 = (100.5, 102.4, 98.8, 101.0)
HIGH_FIRST, LOW_FIRST = PathRule.HIGH_FIRST, PathRule.LOW_FIRST


def gained(bar: tuple, side: object, path: PathRule = PathRule.PESSIMISTIC, entry: float = 100.0, **more: object) -> tuple:
    """Enter one unit at 100, then the bar: what was gained, and the fills after the entry."""
    rows = run(account(rules={"path": path}), [flat(entry), flat(entry), bar], [wish(1, side, 1.0, **more)])
    return round(last_equity(rows) - 10_000.0, 9), fills(rows)[1:]


def test_p1_stop_before_target_when_both_are_in_the_bar() -> None:
    assert gained(P1, BUY, stop=99.0, target=102.0) == (-1.0, [("stop", 99.0, 1.0)])
    assert gained(P1, BUY, HIGH_FIRST, stop=99.0, target=102.0) == (2.0, [("target", 102.0, 1.0)])


def test_p2_a_gap_fills_the_stop_at_the_open() -> None:
    assert gained((98.2, 98.9, 97.5, 98.0), BUY, stop=99.0, target=102.0) == (-1.8, [("stop", 98.2, 1.0)])


@pytest.mark.parametrize(("path", "gain"), [(PathRule.PESSIMISTIC, 1.8), (LOW_FIRST, 2.0)])
def test_p4_a_limit_filled_inside_the_bar_meets_what_comes_after(path: PathRule, gain: float) -> None:
    entry = wish(1, BUY, 1.0, kind=OrderKind.LIMIT, price=99.0, stop=98.0, target=101.0)
    rows = run(account(rules={"path": path}), [flat(100.0), (100.0, 101.5, 98.5, 100.8)], [entry])
    assert last_equity(rows) == pytest.approx(10_000.0 + gain, abs=1e-9)
    assert fills(rows)[0] == ("entry", 99.0, 1.0)


def test_p5_a_touch_does_not_fill_a_resting_limit() -> None:
    entry = wish(1, BUY, 1.0, kind=OrderKind.LIMIT, price=99.0)
    assert fills(run(account(), [flat(100.0), (100.0, 101.5, 99.0, 100.8)], [entry])) == []
    assert len(fills(run(account(), [flat(100.0), (100.0, 101.5, 98.9, 100.8)], [entry]))) == 1


def test_p6_mark_liquidates_where_last_never_reached_the_stop() -> None:
    from perpscope.contract import flat_tier

    # margin 5.38 at m 0.4%: P* = (100 - 5.38) / 0.996 = 95.0
    of = account(tiers=flat_tier(0.004))
    prices = [flat(100.0), flat(100.0), (99.0, 99.5, 96.2, 97.0)]
    rows = run(
        of,
        prices,
        [wish(1, BUY, 1.0, leverage=100.0 / 5.38, stop=96.0)],
        mark_bars=marks([*prices[:2], (99.0, 99.5, 94.9, 97.0)]),
    )
    assert [row["role"] for row in rows.fills.rows()] == ["entry", "liquidation"]
    assert next(iter(rows.round_trips.rows()))["exit_reason"] == "liquidation"


def test_p9_a_trailing_stop_follows_the_high_and_then_gives_back() -> None:
    bar = (101.0, 103.0, 100.5, 102.5)
    assert gained(bar, BUY, trail_fraction=0.01) == (1.97, [("trail", 101.97, 1.0)])
    assert gained(bar, BUY, LOW_FIRST, trail_fraction=0.01) == (2.5, [])


def test_p10_the_mirror_of_p1_for_a_short() -> None:
    assert gained((99.5, 101.2, 97.6, 99.0), SELL, stop=101.0, target=98.0) == (-1.0, [("stop", 101.0, 1.0)])


def test_a_target_jumped_by_the_open_fills_at_its_own_price() -> None:
    assert gained((103.0, 104.0, 102.5, 103.0), BUY, target=102.0) == (2.0, [("target", 102.0, 1.0)])


def test_one_exit_of_a_bracket_cancels_its_sisters() -> None:
    rows = run(
        account(), [flat(100.0), flat(100.0), P1, (101.0, 105.0, 90.0, 95.0)],
        [wish(1, BUY, 1.0, stop=99.0, target=102.0, trail_fraction=0.2)],
    )  # fmt: skip
    assert len(fills(rows)) == 2
    assert [row["reason"] for row in rows.order_ends.rows()] == ["sister_filled", "sister_filled"]


def test_a_time_exit_leaves_at_the_first_open_not_before_it() -> None:
    from perpscope.core.time import HOUR, MINUTE

    rows = run(account(), [flat(100.0), flat(100.0), flat(101.0), flat(102.0)], [wish(1, BUY, 1.0, exit_ts=2 * HOUR + MINUTE)])
    assert fills(rows)[1:] == [("time", 102.0, 1.0)]


def test_a_stop_limit_beyond_its_limit_stays_open() -> None:
    stop = wish(2, SELL, 1.0, kind=OrderKind.STOP_LIMIT, trigger=98.0, price=97.5, reduce_only=True)
    rows = run(account(), [flat(100.0), flat(100.0), flat(100.0), (96.0, 97.0, 95.0, 96.5)], [wish(1, BUY, 1.0), stop])
    assert len(fills(rows)) == 1
    rows = run(account(), [flat(100.0), flat(100.0), flat(100.0), (96.0, 98.0, 95.0, 96.5)], [wish(1, BUY, 1.0), stop])
    assert fills(rows)[1:] == [("entry", 97.5, 1.0)]


def test_a_mark_trigger_ignores_the_last_price() -> None:
    from perpscope.core.orders import TriggerBy

    stop = wish(2, SELL, 1.0, kind=OrderKind.STOP_MARKET, trigger=98.0, trigger_by=TriggerBy.MARK, reduce_only=True)
    prices = [flat(100.0)] * 3 + [(100.0, 100.0, 90.0, 99.0)]
    still = run(account(), prices, [wish(1, BUY, 1.0), stop], mark_bars=marks([flat(100.0)] * 3 + [(100.0, 100.0, 98.5, 99.0)]))
    assert len(fills(still)) == 1
    gone = run(account(), prices, [wish(1, BUY, 1.0), stop], mark_bars=marks([flat(100.0)] * 3 + [(100.0, 100.0, 97.0, 99.0)]))
    assert len(fills(gone)) == 2
