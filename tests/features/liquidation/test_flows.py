"""position_flows. Answers: by hand; the identity; recorded Binance and Bybit hours for the frequency of violations."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from features.liquidation.worlds import START, bars, instrument, interest, random_tables, run
from perpscope.core.errors import UserError
from perpscope.core.events import LIQUIDATION_TOTALS, MARK_BARS, OPEN_INTEREST
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, MINUTE, SECOND
from perpscope.core.units import ContractKind
from perpscope.features.liquidation.flags import Flag
from perpscope.features.liquidation.flows import FlowParams, PositionFlows

FULL = FlowParams(flow_fraction=1.0, taker_weight=1.0)


def flat(n: int, volume: float = 10.0, step: int = HOUR) -> Table:
    return bars([99.0] * n, [101.0] * n, [100.0] * n, [volume] * n, [volume / 2] * n, step)


def flows(tables: dict, params: FlowParams = FULL, frame: str = "1h", contract=None) -> Table:
    fold = PositionFlows(params, frame)
    return run(contract or instrument(), tables, fold, frame=frame)["position_flows"]


def test_the_first_bar_with_open_interest_starts_the_books_and_earlier_bars_have_no_row():
    rows = flows({"bars": flat(3), "open_interest": interest([500.0, 504.0], first=START + 2 * HOUR)})
    assert rows["open_interest"].tolist() == [500.0, 504.0]
    assert rows["flags"][0] & Flag.RESTART
    assert rows["opened_long"].tolist() == [0.0, 7.0]  # V = 10, dO = 4: opens 14, half each
    assert rows["closed_short"].tolist() == [0.0, 3.0]


def test_an_open_interest_at_the_open_of_the_first_bar_counts_for_that_bar():
    rows = flows({"bars": flat(1), "open_interest": interest([500.0, 504.0], first=START)})
    assert rows["opened_long"].tolist() == [7.0]
    assert not rows["flags"][0] & Flag.RESTART


def test_a_change_beyond_the_volume_is_capped_carried_and_flagged():
    rows = flows({"bars": flat(4), "open_interest": interest([500.0, 525.0, 525.0, 525.0])})
    assert rows["open_interest"].tolist() == [500.0, 510.0, 520.0, 525.0]
    assert [bool(f & Flag.OI_CARRY) for f in rows["flags"]] == [False, True, True, False]


def test_a_contradiction_that_does_not_resolve_rescales_the_books():
    rows = flows({"bars": flat(8), "open_interest": interest([500.0] + [5000.0] * 7)}, FlowParams(carry_bars=3))
    assert rows["rebase"].tolist() == pytest.approx([1, 1, 1, 5000.0 / 530.0, 1, 1, 1, 1])
    assert rows["open_interest"].tolist()[3:] == pytest.approx([5000.0] * 5)
    assert rows["flags"][3] & Flag.OI_REBASE


def test_open_interest_in_dollars_raises_the_unit_flag_and_base_units_do_not():
    tables = random_tables(1, 60)
    in_dollars = tables["open_interest"].with_columns(
        open_interest=tables["open_interest"]["open_interest"] * tables["bars"]["close"]
    )
    right, wrong = flows(tables), flows({**tables, "open_interest": in_dollars})
    assert not (right["flags"] & Flag.OI_UNIT).any()
    assert (wrong["flags"][-20:] & Flag.OI_UNIT).all()


def test_doubled_open_interest_raises_the_unit_flag():
    rng = np.random.default_rng(3)
    n = 200
    change = rng.uniform(-0.95, 0.95, n) * 10.0
    table = interest((1000.0 + 2.0 * np.cumsum(change)).tolist())
    rows = flows({"bars": flat(n), "open_interest": table})
    assert (rows["flags"][-100:] & Flag.OI_UNIT).all()


def test_open_interest_coarser_than_bars_is_applied_at_its_stamp_and_never_interpolated():
    # 15-minute bars, hourly open interest that rises by 8: three bars of equal opens and closes, then the rise
    table = flat(8, step=15 * MINUTE)
    rows = flows({"bars": table, "open_interest": interest([500.0, 508.0, 500.0], first=START)}, frame="15m")
    assert rows["open_interest"].tolist() == [500.0] * 3 + [508.0] * 4 + [500.0]
    assert rows["opened_long"].tolist() == [5.0] * 8  # V' = 10 in every bar, dO = 0
    assert rows["late_opened"].tolist() == [0, 0, 0, 8.0, 0, 0, 0, 0]
    assert rows["closed_long"].tolist() == [5.0] * 7 + [13.0]
    assert rows["late_bars"].tolist() == [1, 1, 1, 4, 1, 1, 1, 4]
    assert [bool(f & Flag.OI_COARSE) for f in rows["flags"]] == [True, True, True, False] * 2


def test_a_late_stamp_that_is_due_is_waited_for_and_decides_when_the_row_is_known():
    stamps = START + HOUR * np.arange(1, 4) + np.array([0, 0, 5 * SECOND])
    held = Table.filled(OPEN_INTEREST, exchange_ts=stamps, open_interest=[500.0, 504.0, 508.0])
    rows = flows({"bars": flat(3), "open_interest": held})
    assert rows["open_interest"].tolist() == [500.0, 504.0, 508.0]
    assert rows["known_ts"][2] == START + 3 * HOUR + 5 * SECOND


def test_a_due_stamp_that_does_not_come_is_waited_for_only_so_long():
    held = interest([500.0, 504.0, 0.0, 512.0])[[0, 1, 3]]
    rows = flows({"bars": flat(4), "open_interest": held})
    assert rows["known_ts"][2] == START + 3 * HOUR + 30 * SECOND
    assert rows["flags"][2] & Flag.OI_COARSE
    assert rows["open_interest"].tolist() == [500.0, 504.0, 504.0, 512.0]


def test_a_silence_of_open_interest_over_a_day_restarts_the_books():
    held = Table.filled(
        OPEN_INTEREST, exchange_ts=START + HOUR * np.array([1, 2, 3, 30]), open_interest=[500.0, 501.0, 502.0, 700.0]
    )
    rows = flows({"bars": flat(31), "open_interest": held})
    at = np.flatnonzero(rows["flags"] & Flag.RESTART)
    assert at.tolist() == [0, 29]
    assert rows["open_interest"][29] == 700.0
    assert rows["flags"][29] & Flag.OI_GAP


def test_missing_bars_book_the_change_as_unseen_and_more_than_a_day_restarts():
    table, held = flat(40), interest((500.0 + np.arange(40.0)).tolist())
    short = flows({"bars": table[[0, 1, 5, 6]], "open_interest": held[[0, 1, 5, 6]]})
    assert short["unseen"].tolist() == [0.0, 0.0, 4.0, 0.0]
    assert short["open_interest"].tolist() == [500.0, 501.0, 505.0, 506.0]
    assert short["flags"][2] & Flag.PRICE_GAP
    long = flows({"bars": table[[0, 1, 30, 31]], "open_interest": held[[0, 1, 30, 31]]})
    assert long["flags"][2] & Flag.RESTART


def test_bars_without_volume_move_nothing():
    rows = flows({"bars": flat(3, volume=0.0), "open_interest": interest([500.0, 500.0, 501.0])})
    for name in ("opened_long", "opened_short", "closed_long", "closed_short"):
        assert rows[name].tolist() == [0.0] * 3
    assert rows["flags"][2] & Flag.OI_CARRY


def test_missing_taker_volume_and_missing_liquidations_are_flagged_and_taken_as_half_and_zero():
    table = bars([99.0] * 2, [101.0] * 2, [100.0] * 2, [10.0] * 2)
    rows = flows({"bars": table, "open_interest": interest([500.0, 500.0])})
    assert rows["flags"][1] & Flag.NO_TAKER
    assert rows["flags"][1] & Flag.NO_LIQ
    assert rows["opened_long"][1] == rows["opened_short"][1] == 5.0
    assert rows["liquidated_long"][1] == 0.0


def test_liquidations_beyond_the_volume_are_left_out_and_flagged():
    totals = Table.of(
        LIQUIDATION_TOTALS,
        ref_ts=[START + HOUR],
        known_ts=[START + 2 * HOUR],
        long_quantity=[11.0],
        short_quantity=[0.0],
        feed=[1],
    )
    rows = flows({"bars": flat(2), "open_interest": interest([500.0, 500.0]), "liquidation_totals": totals})
    assert rows["flags"][1] & Flag.LIQ_HIGH
    assert rows["liquidated_long"][1] == 0.0


def test_mark_bars_set_the_sweep_and_finer_ones_are_joined_but_coarser_ones_are_not_used():
    def marks(step: int, low: list[float]) -> Table:
        ref = START + step * np.arange(len(low))
        same = np.asarray(low) + 1.0
        return Table.of(MARK_BARS, ref_ts=ref, known_ts=ref + step, open=same, high=same + 0.5, low=low, close=same)

    tables = {"bars": flat(2), "open_interest": interest([500.0, 500.0])}
    same = run(instrument(), {**tables, "mark_bars": marks(HOUR, [98.0, 97.0])}, PositionFlows(frame="1h"))["position_flows"]
    assert same["sweep_low"].tolist() == [98.0, 97.0]
    assert same["close"].tolist() == [99.0, 98.0]
    assert not (same["flags"] & Flag.LAST).any()
    fold = PositionFlows(frame="1h")
    from perpscope.core.batch import Batch

    finer = marks(30 * MINUTE, [98.0, 96.0, 97.0])  # the last half hour is missing
    state = fold.start(instrument())
    rows = fold.fold(state, Batch(START + 2 * HOUR, {**tables, "mark_bars": finer}))
    assert rows["sweep_low"].tolist() == [96.0, 99.0]
    assert [bool(f & Flag.LAST) for f in rows["flags"]] == [False, True]
    coarser = fold.fold(fold.start(instrument()), Batch(START + 2 * HOUR, {**tables, "mark_bars": marks(2 * HOUR, [90.0])}))
    assert coarser["sweep_low"].tolist() == [99.0, 99.0]


def test_open_interest_in_quote_coin_only_is_divided_by_price_and_flagged():
    held = Table.filled(OPEN_INTEREST, exchange_ts=[START + HOUR], open_interest_notional=[50_000.0])
    rows = flows({"bars": flat(1), "open_interest": held})
    assert rows["open_interest"].tolist() == [500.0]
    assert rows["flags"][0] & Flag.OI_USD


def test_inverse_contracts_are_counted_in_face_value():
    held = Table.filled(
        OPEN_INTEREST,
        exchange_ts=START + HOUR * np.arange(1, 3),
        open_interest=[500.0] * 2,
        open_interest_notional=[50_000.0] * 2,
    )
    rows = flows({"bars": flat(2), "open_interest": held}, contract=instrument(ContractKind.INVERSE))
    assert rows["open_interest"].tolist() == [50_000.0] * 2
    assert rows["volume"].tolist() == [1000.0] * 2
    assert rows["opened_long"][1] == 500.0


def test_wrong_parameters_are_refused_with_a_sentence():
    with pytest.raises(UserError, match="shares"):
        PositionFlows(FlowParams(flow_fraction=0.0))
    with pytest.raises(UserError, match="lateness"):
        PositionFlows(FlowParams(lateness_seconds=-1.0))


@pytest.mark.parametrize("symbol", ["SOLUSDT", "DOGEUSDT"])
def test_recorded_five_minute_open_interest_obeys_the_identity_in_every_bar(shared_data, symbol):
    folder = shared_data / "bars"
    prices = pl.read_parquet(folder / "binance_perp" / "5m" / f"{symbol}.parquet")
    held = pl.read_parquet(folder / "binance_oi" / "5m" / f"{symbol}.parquet")
    held = held.with_columns(pl.col("ts") // 300_000 * 300_000)
    prices = prices.filter(pl.col("ts") >= held["ts"][0] - 300_000)
    ref = prices["ts"].to_numpy() * 10**6
    table = flat(len(ref), step=5 * MINUTE).with_columns(
        ref_ts=ref,
        known_ts=ref + 5 * MINUTE,
        **{name: prices[name].cast(pl.Float64) for name in ("open", "high", "low", "close", "volume")},
        buy_volume=np.full(len(ref), np.nan),
    )
    stamps = Table.filled(OPEN_INTEREST, exchange_ts=held["ts"].to_numpy() * 10**6, open_interest=held["oi"].cast(pl.Float64))
    rows = flows({"bars": table, "open_interest": stamps}, frame="5m")
    assert len(rows) > 25_000
    carried = rows["flags"] & (Flag.OI_CARRY | Flag.OI_UNIT) != 0
    assert not carried.any()
    assert np.array_equal(rows["open_interest"][-1:], held["oi"].to_numpy()[-1:])
    assert rows["ref_ts"][-1] - rows["ref_ts"][0] > 85 * DAY
