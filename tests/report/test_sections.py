"""Answers: the same figures computed with polars from the recorded files themselves, and loops over plain rows."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import polars as pl
import pytest

from perpscope.core.time import DAY, HOUR, NULL_TS, parse_ts
from perpscope.features.liquidation.mix import LEVERAGES, PRIOR
from perpscope.report import Report
from perpscope.report.document import Document
from perpscope.report.results import ts_of
from report.conftest import AT

MS = 1_000_000


@pytest.fixture(scope="module")
def made(crash: Report) -> Document:
    return crash.document


def recorded(shared_data: Path, kind: str, hours: int) -> pl.DataFrame:
    frame = pl.read_parquet(shared_data / "bars" / "coinalyze" / "1h" / f"BTCUSDT_{kind}.parquet")
    return frame.filter((pl.col("ts") >= (AT - hours * HOUR) // MS) & (pl.col("ts") < AT // MS))


def test_price_moves_and_extremes_are_those_of_the_bars(made: Document, shared_data: Path) -> None:
    window = recorded(shared_data, "ohlcv-history", 72)
    price = made.price
    assert price.last == window["close"][-1] == 51927.7
    assert price.window_low == window["low"].min() == 48888.0
    assert price.window_high == window["high"].max()
    day = recorded(shared_data, "ohlcv-history", 25)
    found = {m.span: m for m in price.moves}
    assert found["24h"].change_fraction == pytest.approx(day["close"][-1] / day["close"][0] - 1, rel=1e-9)
    assert found["24h"].high == recorded(shared_data, "ohlcv-history", 24)["high"].max()


def test_daily_sigma_is_the_root_mean_square_of_thirty_days_of_hourly_returns(made: Document, shared_data: Path) -> None:
    closes = recorded(shared_data, "ohlcv-history", 30 * 24 + 1)["close"].to_list()
    returns = [math.log(b / a) for a, b in itertools.pairwise(closes)]
    assert made.price.daily_sigma_fraction == pytest.approx(
        math.sqrt(24 * sum(r * r for r in returns) / len(returns)), rel=1e-9
    )


def test_delta_and_volume_are_sums_of_taker_volume(made: Document, shared_data: Path) -> None:
    assert made.flow is not None
    for span in made.flow.spans:
        hours = {"1h": 1, "4h": 4, "24h": 24, "3d": 72}[span.span]
        rows = recorded(shared_data, "ohlcv-history", hours)
        assert span.volume == pytest.approx(rows["volume"].sum(), rel=1e-9)
        assert span.delta == pytest.approx((2 * rows["buy_volume"] - rows["volume"]).sum(), rel=1e-8)
        assert span.delta_fraction == pytest.approx(
            (2 * rows["buy_volume"] - rows["volume"]).sum() / rows["volume"].sum(), rel=1e-8
        )


def test_open_interest_changes_compare_two_samples(made: Document, shared_data: Path) -> None:
    assert made.derivatives is not None
    samples = recorded(shared_data, "open-interest-history", 25)["oi_close"].to_list()
    assert made.derivatives.open_interest == samples[-1]
    changes = {c.span: c for c in made.derivatives.changes}
    assert changes["24h"].change == pytest.approx(samples[-1] - samples[0], rel=1e-9)
    assert changes["4h"].change_fraction == pytest.approx(samples[-1] / samples[-5] - 1, rel=1e-9)


def test_forced_closing_is_summed_over_the_intervals_that_were_told(made: Document, shared_data: Path) -> None:
    assert made.derivatives is not None
    rows = recorded(shared_data, "liquidation-history", 24)
    found = {f.span: f for f in made.derivatives.forced}["24h"]
    assert (found.longs, found.shorts) == pytest.approx((rows["liq_long"].sum(), rows["liq_short"].sum()))
    assert found.intervals == len(rows)
    assert found.feed == "totals_censored"


def test_funding_is_the_last_payment_before_the_moment(made: Document, shared_data: Path) -> None:
    assert made.derivatives is not None
    paid = pl.read_parquet(shared_data / "bars" / "binance_funding" / "BTCUSDT.parquet").filter(pl.col("ts") <= AT // MS)
    funding = made.derivatives.funding
    assert funding is not None
    assert funding.rate == paid["funding_rate"][-1]
    assert ts_of(funding.paid) == paid["ts"][-1] * MS == parse_ts("2024-08-05T08:00Z")
    assert funding.rate_annual == pytest.approx(paid["funding_rate"][-1] * 3 * 365)
    assert funding.who_pays == "longs"
    before = paid["funding_rate"].to_list()[-271:-1]
    rank = (sum(r < funding.rate for r in before) + sum(r == funding.rate for r in before) / 2) / len(before)
    assert funding.percentile == pytest.approx(rank, abs=1e-9)


def test_reach_adds_up_the_newest_cells_between_mark_and_distance(crash: Report, made: Document) -> None:
    leverage, rows = made.leverage, crash.results.table("liquidation_heatmap")
    assert leverage is not None
    assert rows is not None
    held: dict[tuple[str, int], dict[str, float]] = {}
    for row in rows[rows.clock > AT - DAY].rows():
        held[row["side"], row["bin"]] = row
    mark, sigma = leverage.mark, made.price.daily_sigma_fraction
    assert sigma is not None
    spans = {
        "1%": 0.01,
        "2%": 0.02,
        "5%": 0.05,
        "10%": 0.1,
        "20%": 0.2,
        "1 sigma": math.expm1(sigma),
        "2 sigma": math.expm1(2 * sigma),
    }
    assert [r.within for r in leverage.reach] == list(spans)
    for reach in leverage.reach:
        totals = {"long": 0.0, "short": 0.0}
        for (side, _), row in held.items():
            away = math.sqrt(row["price_low"] * row["price_high"]) / mark - 1
            if abs(away) <= spans[reach.within] and (away < 0 if side == "long" else away > 0):
                totals[side] += row["notional"]
        assert (reach.longs_usd, reach.shorts_usd) == pytest.approx((totals["long"], totals["short"]), rel=1e-9)


def test_placed_and_unplaced_shares_make_the_open_interest(made: Document) -> None:
    leverage = made.leverage
    assert leverage is not None
    for placed, unplaced in (
        (leverage.coverage_longs, leverage.unplaced_longs),
        (leverage.coverage_shorts, leverage.unplaced_shorts),
    ):
        assert placed is not None
        assert unplaced is not None
        assert placed + unplaced == pytest.approx(1.0, abs=1e-9)
    assert not any("do not add up" in w for w in made.warnings)


def test_what_price_ran_through_is_compared_over_the_same_bars(crash: Report, made: Document, shared_data: Path) -> None:
    assert made.leverage is not None
    sweeps, swept = made.leverage.sweeps, crash.results.table("liquidation_sweeps")
    assert sweeps is not None
    assert swept is not None
    told = recorded(shared_data, "liquidation-history", 72).join(recorded(shared_data, "ohlcv-history", 72), on="ts")
    assert sweeps.bars == len(told)
    assert sweeps.longs_reported_usd == pytest.approx((told["liq_long"] * told["close"]).sum(), rel=1e-9)
    bars = set((told["ts"] * MS).to_list())
    expected = sum(r["notional"] for r in swept.rows() if r["ref_ts"] in bars and r["side"] == "short")
    assert sweeps.shorts_expected_usd == pytest.approx(expected, rel=1e-9)


def test_clusters_are_the_live_ones_with_the_maps_own_dollars_nearest_first(crash: Report, made: Document) -> None:
    leverage, rows = made.leverage, crash.results.table("liquidation_clusters")
    cells = crash.results.table("liquidation_heatmap")
    assert leverage is not None
    assert rows is not None
    assert cells is not None
    newest = {row["id"]: row for row in rows.rows()}
    live = {i: row for i, row in newest.items() if row["event"] not in ("swept", "dissolved", "expired")}
    held: dict[tuple[str, int], dict[str, float]] = {}
    for cell in cells[cells.clock > AT - DAY].rows():
        held[cell["side"], cell["bin"]] = cell
    shown = {c.id: c for c in (*leverage.above, *leverage.below)}
    assert shown.keys() == live.keys()
    assert len(shown) >= 2
    mix = dict(zip(LEVERAGES, PRIOR[1:], strict=True))
    for i, cluster in shown.items():
        row = live[i]
        inside = [
            c
            for (side, _), c in held.items()
            if side == row["side"] and row["price_low"] <= math.sqrt(c["price_low"] * c["price_high"]) <= row["price_high"]
        ]
        assert cluster.usd == pytest.approx(sum(c["notional"] for c in inside), rel=1e-6)
        young = sum(c["notional"] * ((c["young_fraction"] or 0) + (c["day_fraction"] or 0)) for c in inside) / cluster.usd
        assert cluster.young_fraction == pytest.approx(young, rel=1e-6)
        assert cluster.supported == (young >= 0.5)
        weights = {f"{k:g}x": row[f"unit_{k:g}x"] * share for k, share in mix.items()}
        best = max(weights, key=lambda k: weights[k])
        assert cluster.tiers[0].leverage == best
        assert cluster.tiers[0].share == pytest.approx(weights[best] / sum(weights.values()), rel=1e-6)
        near = row["price_low"] if row["side"] == "short" else row["price_high"]
        assert cluster.distance_fraction == pytest.approx(near / leverage.mark - 1, rel=1e-6)
    for side in (leverage.above, leverage.below):
        assert [abs(c.distance_fraction) for c in side] == sorted(abs(c.distance_fraction) for c in side)


def test_every_setup_score_is_the_sum_of_the_lines_shown(made: Document) -> None:
    for setup in made.setups:
        assert setup.score == pytest.approx(sum(r.contribution or 0.0 for r in setup.reasons), abs=1e-9)
        assert setup.reasons_known == sum(r.contribution is not None for r in setup.reasons)
        assert abs(setup.score or 0.0) <= setup.most


def test_live_zones_are_those_that_no_later_event_ended_nearest_first_on_each_side(crash: Report, made: Document) -> None:
    assert made.structure is not None
    rows = crash.results.table("fair_value_gaps")
    assert rows is not None
    state: dict[int, str] = {}
    edges: dict[int, tuple[float, float]] = {}
    for row in rows.rows():
        state[row["id"]] = row["event"]
        edges.setdefault(row["id"], (row["bottom"], row["top"]))
    live = {i for i, event in state.items() if event in ("opened", "touched", "halved")}
    shown = [z for z in made.structure.zones if z.kind == "fair_value_gap"]
    assert shown
    for zone in shown:
        assert zone.id in live
        assert (zone.bottom, zone.top) == edges[zone.id]
        assert ts_of(zone.known) <= AT
    above = sorted(made.structure.zones, key=lambda z: -z.distance_fraction)
    assert [z.distance_fraction for z in made.structure.zones] == [z.distance_fraction for z in above]
    nearest = min(e[0] for i, e in edges.items() if i in live and e[0] > made.price.last)
    assert any(z.bottom == nearest for z in shown)


def test_sessions_follow_local_clocks(made: Document) -> None:
    """14:00 UTC on a Monday in August is 15:00 in London and 10:00 in New York; Tokyo closed at 09:00 UTC."""
    assert made.sessions is not None
    now = {w.name for w in made.sessions.now}
    assert {"london", "new_york", "us_equities", "kill_zone_london_close", "silver_bullet_2"} <= now
    assert "asia" not in now
    ahead = made.sessions.next
    assert [w.opens for w in ahead] == sorted(w.opens for w in ahead)
    assert all(ts_of(w.opens) > AT for w in ahead)
    ranges = {r.name: r for r in made.sessions.ranges}
    assert (ts_of(ranges["asia"].start), ts_of(ranges["asia"].end)) == (parse_ts("2024-08-05"), parse_ts("2024-08-05T09:00Z"))
    assert not ranges["asia"].developing
    assert ranges["new_york"].developing
    assert ranges["asia"].low == 48888.0


def test_frames_hold_the_parts_and_the_joint_lean_is_their_weighted_mean(made: Document) -> None:
    frames = made.frames
    assert frames is not None
    weights = {"1d": 3.0, "4h": 2.0, "1h": 1.0}
    scores = {f.timeframe: f.score for f in frames.frames}
    for frame in frames.frames:
        assert frame.score == pytest.approx(sum(v or 0.0 for v in frame.parts.values()) / 4)
    total = sum(w * (scores[name] or 0.0) for name, w in weights.items())
    assert frames.score == pytest.approx(total / 6)


def test_the_summary_answers_every_question_in_order(made: Document) -> None:
    starts = ["Leverage (estimated)", "Aggressive sellers", "Time frames", "Session now", "Open interest", "Confluence"]
    at = [next(i for i, line in enumerate(made.summary) if line.startswith(start)) for start in starts]
    assert at == sorted(at)


def test_the_newest_rows_of_all_series_are_there_and_none_is_of_the_future(made: Document) -> None:
    folds = {r.fold for r in made.readings}
    assert {"delta@1h", "average_stack@1h", "liquidation_ledger@1h", "funding_state", "confluence@1h"} <= folds
    assert all(ts_of(r.known) <= AT for r in made.readings)
    assert NULL_TS not in {v for r in made.readings for v in r.values.values()}
