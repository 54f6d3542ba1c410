"""Answers by hand (STRUCTURE.md ST30, ST31), and recorded Binance and Bybit data told through a lake of three instruments."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from laws import laws
from laws.market import START, made_market
from perpscope.core.batch import Batch, cut
from perpscope.core.errors import UserError
from perpscope.core.events import BARS, FUNDING, OPEN_INTEREST, SPOT_BARS, VENUE_FUNDING, VENUE_INTEREST
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import HOUR, MINUTE, parse_ts
from perpscope.engine.companion import Companion, with_companions
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect
from perpscope.features.derivatives.flow_spread import FlowSpread
from perpscope.lake import Lake, import_files

M5 = 5 * MINUTE


def flow_bars(schema, delta, price=1.0, known=True):
    ref = M5 * np.arange(len(delta), dtype=np.int64)
    flat = np.full(len(delta), price)
    buys = np.where(np.asarray(delta) > 0, delta, 0.0)
    taker = {"buy_volume": buys, "sell_volume": buys - delta} if known else {}
    made = dict(open=flat, high=flat, low=flat, close=flat, volume=np.abs(delta), complete=np.ones(len(delta), bool))
    return Table.filled(schema, ref_ts=ref, known_ts=ref + M5, **made, **taker)


def spread(mine, spot, watermarks=(), **settings):
    streams = {"bars@5m": mine, "spot_bars@5m": spot}
    given = {"flow_spread": {"bars": 2, "n_min": 3, "half_life": "1000d", **settings}}
    graph = Graph(Instrument("demo", "A"), ["flow_spread"], set(streams), "5m", given)
    return collect(graph, cut(Batch(int(mine["known_ts"][-1]), streams), watermarks))["flow_spread@5m"]


def test_spot_buying_against_perpetual_selling_by_hand():
    # sums of two: spot 2 2 2 then 3, perpetual 4 4 4 then -3.2; past root mean squares 2 and 4
    mine, spot = flow_bars(BARS, np.array([2, 2, 2, 2, -5.2])), flow_bars(SPOT_BARS, np.array([1, 1, 1, 1, 2.0]))
    (row,) = spread(mine, spot).rows()
    assert row["known_ts"] == 5 * M5
    assert row["spot_z"] == pytest.approx(1.5, abs=1e-9)
    assert row["perpetual_z"] == pytest.approx(-0.8, abs=1e-9)
    assert row["spread"] == pytest.approx(2.3, abs=1e-9)


def test_quote_coin_makes_the_price_no_difference():
    deltas = np.random.default_rng(3).normal(size=60)
    cheap = spread(flow_bars(BARS, deltas), flow_bars(SPOT_BARS, deltas[::-1]))
    dear = spread(flow_bars(BARS, deltas, price=8.0), flow_bars(SPOT_BARS, deltas[::-1], price=4.0))
    assert np.allclose(cheap["spread"], dear["spread"])
    assert len(cheap) == 60 - 4


@pytest.mark.parametrize("side", ["mine", "spot"])
def test_a_side_with_a_hole_or_without_taker_volume_is_absent(side):
    deltas = np.random.default_rng(4).normal(size=40)
    keep = np.arange(40) != 20
    tables = {"mine": flow_bars(BARS, deltas), "spot": flow_bars(SPOT_BARS, deltas)}
    holed = spread(**{**tables, side: tables[side][keep]})
    assert sorted(set(range(40)) - set((holed["ref_ts"] // M5).tolist())) == [0, 1, 2, 3, 20, 21, 22, 23, 24]
    blind = flow_bars(BARS if side == "mine" else SPOT_BARS, deltas, known=False)
    assert len(spread(**{**tables, side: blind})) == 0


def test_buys_for_sells_turns_the_spread():
    deltas = np.random.default_rng(5).normal(size=80)
    up, down = (spread(flow_bars(BARS, s * deltas), flow_bars(SPOT_BARS, s * deltas[::-1])) for s in (1.0, -1.0))
    assert np.allclose(up["spread"], -down["spread"])


def test_the_spread_obeys_the_laws_where_rows_come():
    def small() -> FlowSpread:
        return FlowSpread(FlowSpread.Params(bars=3, n_min=10), frame="1h")

    market = made_market(1)
    assert len(laws.rows_of(small, market)) > 200
    laws.law_split(small, market, [START + k * 11 * HOUR + k for k in range(1, 40)])
    laws.law_gap(small, market, START + 100 * HOUR, START + 104 * HOUR)


def venue_rows(interest, funding=(), own=(), hours=6, **settings):
    """`interest` and `funding`: (hour, venue, value); `own`: (hour, value)."""
    ref = HOUR * np.arange(hours, dtype=np.int64)
    flat = np.full(hours, 2.0)
    bars = Table.filled(BARS, ref_ts=ref, known_ts=ref + HOUR, open=flat, high=flat, low=flat, close=flat, complete=flat > 0)

    def told(schema, rows, value):
        at, venue, values = (
            (np.array(x) for x in zip(*sorted(rows), strict=True)) if rows else (np.zeros(0), np.zeros(0), np.zeros(0))
        )
        return Table.filled(schema, exchange_ts=(at * HOUR).astype(np.int64), venue=venue, **{value: values})

    streams = {"bars@1h": bars, "venue_interest": told(VENUE_INTEREST, list(interest), "open_interest")}
    if funding:
        streams["venue_funding"] = told(VENUE_FUNDING, list(funding), "funding_rate_8h")
    if own:
        at, values = zip(*own, strict=True)
        streams["open_interest"] = Table.filled(
            OPEN_INTEREST, exchange_ts=(np.array(at) * HOUR).astype(np.int64), open_interest=np.array(values, float)
        )
    graph = Graph(Instrument("demo", "A"), ["aggregate_interest"], set(streams), "1h", {"aggregate_interest": settings})
    return list(collect(graph, [Batch(hours * HOUR, streams)])["aggregate_interest@1h"].rows())


def test_funding_weighted_by_open_interest_by_hand():
    # 3 bn at 0.01 % and 1 bn at hourly 0.002 %, which is 0.016 % per 8 hours
    (row, *_) = venue_rows([(1, 1, 1.5e9), (1, 2, 0.5e9)], [(1, 1, 1e-4), (1, 2, 1.6e-4)])
    assert row["funding_rate_8h"] == pytest.approx(1.15e-4, abs=1e-12)
    assert (row["open_interest"], row["open_interest_notional"]) == (2e9, 4e9)
    assert (row["venues"], row["venues_funded"], row["missing"]) == (2, 2, 0)


def test_levels_add_but_changes_only_on_a_common_grid():
    rows = venue_rows([(1, 1, 10.0), (2, 1, 12.0), (3, 1, 13.0), (4, 1, 15.0)], own=[(1, 100), (2, 101), (4, 103)])
    assert [r["open_interest"] for r in rows[:4]] == [110, 113, 114, 118]
    assert [r["delta"] for r in rows[:4]] == [None, 3.0, None, None]  # the own venue was silent at 3


def test_a_stale_venue_is_dropped_and_counted():
    rows = venue_rows([(1, 1, 10.0), (1, 2, 5.0), (2, 2, 6.0), (3, 2, 7.0)], [(1, 1, 1e-4), (1, 2, 3e-4)])
    assert [(r["open_interest"], r["venues"], r["missing"]) for r in rows[:3]] == [(15, 2, 0), (16, 2, 0), (7, 1, 1)]
    assert rows[2]["funding_rate_8h"] == pytest.approx(3e-4)


def test_a_series_that_restarts_at_nothing_is_not_believed():
    rows = venue_rows([(1, 1, 10.0), (2, 1, 0.0), (3, 1, float("nan")), (4, 1, 11.0)])
    assert [r["open_interest"] for r in rows[:4]] == [10, 10, None, 11]
    assert [r["missing"] for r in rows[:4]] == [0, 0, 1, 0]


def test_too_many_venues_are_refused():
    with pytest.raises(UserError, match="At most 15"):
        venue_rows([(1, 16, 1.0)])


def test_all_but_the_notional_is_the_same_upside_down():
    from perpscope.features.derivatives.aggregate_interest import AggregateInterest

    market = made_market(0)
    a = laws.rows_of(lambda: AggregateInterest(frame="1h"), market)
    b = laws.rows_of(lambda: AggregateInterest(frame="1h"), laws.mirrored(market))
    assert np.array_equal(a["open_interest"], b["open_interest"])
    assert np.allclose(a["funding_rate_8h"], -b["funding_rate_8h"], equal_nan=True)
    assert np.isfinite(a["delta"]).sum() > 300


@pytest.fixture(scope="module")
def lake(shared_data, tmp_path_factory):
    made = Lake(tmp_path_factory.mktemp("companions"))
    bars = shared_data / "bars"
    for preset, path, venue, symbol in (
        ("bars-parquet", bars / "bybit_perp/5m/BTCUSDT.parquet", "bybit", "BTCUSDT"),
        ("bars-parquet", bars / "bybit_oi/1h/BTCUSDT.parquet", "bybit", "BTCUSDT"),
        ("bars-parquet", bars / "bybit_funding/BTCUSDT.parquet", "bybit", "BTCUSDT"),
        ("bars-parquet", bars / "bybit_perp/5m/ETHUSDT.parquet", "bybit", "ETHUSDT"),
        ("bars-parquet", bars / "binance_oi/5m/BTCUSDT.parquet", "binance", "BTCUSDT"),
        ("bars-parquet", bars / "binance_funding/BTCUSDT.parquet", "binance", "BTCUSDT"),
    ):
        import_files(made, preset, [path], venue=venue, symbol=symbol)
    return made


def test_binance_beside_bybit_adds_up_what_the_files_say(lake, shared_data):
    start, end = parse_ts("2026-01-05"), parse_ts("2026-01-20")
    source = lake.source("bybit", "BTCUSDT", start=start, end=end)
    beside = with_companions(source, lake, [Companion.parse("venue=binance:BTCUSDT")], ["1h"])
    graph = Graph(beside.instrument, ["aggregate_interest"], beside.offered, "1h")
    rows = collect(graph, beside)["aggregate_interest@1h"]
    at = parse_ts("2026-01-15T12:00Z")
    (row,) = rows[rows["known_ts"] == at].rows()
    ms = at // 1_000_000
    files = {
        n: pl.read_parquet(shared_data / "bars" / n) for n in ("bybit_oi/1h/BTCUSDT.parquet", "binance_oi/5m/BTCUSDT.parquet")
    }
    held = [f.filter(pl.col("ts") <= ms)[c][-1] for f, c in zip(files.values(), ("open_interest", "oi"), strict=True)]
    assert row["open_interest"] == pytest.approx(sum(held))
    paid = [
        pl.read_parquet(shared_data / "bars" / f"{v}_funding/BTCUSDT.parquet").filter(pl.col("ts") <= ms)["funding_rate"][-1]
        for v in ("bybit", "binance")
    ]
    assert row["funding_rate_8h"] == pytest.approx(np.average(paid, weights=held))
    assert (row["venues"], row["venues_funded"], row["missing"]) == (2, 2, 0)


def test_nothing_after_the_end_reaches_a_companion(lake):
    start, end = parse_ts("2026-01-05"), parse_ts("2026-01-12T06:00Z")
    names = [Companion.parse("other=bybit:ETHUSDT"), Companion.parse("venue=binance:BTCUSDT")]
    made = []
    for until in (end, parse_ts("2026-01-20")):
        source = with_companions(lake.source("bybit", "BTCUSDT", start=start, end=until), lake, names, ["15m", "1h"])
        graph = Graph(source.instrument, ["smt_divergences", "aggregate_interest"], source.offered, "15m")
        rows = collect(graph, source)
        made.append([rows[k][rows[k].clock <= end] for k in ("smt_divergences@15m", "aggregate_interest@15m")])
    assert all(a.same_as(b) for a, b in zip(*made, strict=True))
    assert min(map(len, made[0])) >= 1


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["other=bybit"], "Write role=venue:symbol"),
        (["twin=bybit:ETHUSDT"], "Write role=venue:symbol"),
        (["venue=bybit:ETHUSDT"], "their units differ"),
        (["other=bybit:ETHUSDX"], "Did you mean"),
        (["other=bybit:ETHUSDT", "other=bybit:ETHUSDT"], "Name each role once"),
    ],
)
def test_a_companion_that_cannot_be_is_refused_in_a_sentence(lake, names, sentence):
    with pytest.raises(UserError, match=sentence):
        with_companions(lake.source("bybit", "BTCUSDT"), lake, [Companion.parse(n) for n in names], ["1h"])


def test_funding_of_a_companion_is_per_eight_hours_by_its_own_stamps(lake):
    source = with_companions(lake.source("bybit", "BTCUSDT"), lake, [Companion.parse("venue=binance:BTCUSDT")], ["1h"])
    told = source.tables["venue_funding"]
    paid = lake.read("binance", "BTCUSDT", FUNDING.name, end=source.end)
    assert len(told) == len(paid)
    assert np.allclose(told["funding_rate_8h"][1:], paid["funding_rate"][1:])
