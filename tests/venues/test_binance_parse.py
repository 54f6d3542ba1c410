"""Answers by hand, from the examples that Binance's documentation prints (see the payload files) and the table of traps in
VENUES section 7; archive rows by the preset `binance-vision`, whose answers stand in tests/lake/test_archives.py."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perpscope.core.errors import DataError, UserError
from perpscope.core.events import BARS, TRADE, LiquidationFeed
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import HOUR, MINUTE, NULL_TS
from perpscope.core.units import AggressorSide, ContractKind, PositionSide
from perpscope.lake import Lake, import_files
from perpscope.venues.binance.book import FuturesRule
from perpscope.venues.binance_spot.book import SpotRule
from perpscope.venues.door import Message, Told
from perpscope.venues.registry import door

MS = 1_000_000
T = 1_785_000_000_000
PAYLOADS = Path(__file__).parents[1] / "payloads"
UM, CM, SPOT = door("binance"), door("binance_coinm"), door("binance_spot")


def lines(venue: str, name: str) -> list[bytes]:
    return (PAYLOADS / venue / f"{name}.synthetic.json").read_bytes().splitlines()


def told(venue: str, name: str) -> list[Message]:
    return [door(venue).parse(line, 5) for line in lines(venue, name)]


def event(stream: str, **data: object) -> bytes:
    return msgspec.json.encode({"stream": stream, "data": data})


def test_the_seller_is_the_aggressor_when_the_buyer_was_the_maker() -> None:
    first, second, third = told("binance", "agg_trade")
    assert first.rows == (("trade", ((T + 7) * MS, 5, 26129, 61800.3, 0.5, AggressorSide.SELL)),)
    assert second.rows[0][1][5] == AggressorSide.BUY
    assert (third.symbol, third.channel) == ("BTCUSDT", "btcusdt@aggTrade")


def test_aggregate_ids_are_contiguous_while_their_first_and_last_trades_are_not() -> None:
    messages = told("binance", "agg_trade")
    assert [(m.first_id, m.last_id) for m in messages] == [(26129, 26129), (26130, 26130), (26131, 26131)]
    # the trades 106 and 107 between the first two are an insurance-fund and an ADL print, which are not aggregated
    assert "trade" in UM.contiguous


def test_prints_that_are_not_of_the_market_are_left_out_but_their_ids_are_seen() -> None:
    messages = told("binance", "trade")
    assert [len(m.rows) for m in messages] == [1, 0, 0, 0]
    assert [m.first_id for m in messages] == [5001, 5002, 5003, 5004]
    assert [dict(m.left_out) for m in messages[1:]] == [
        {"prints with X=INSURANCE_FUND": 1}, {"prints with X=ADL": 1}, {"prints with X=NA": 1},
    ]  # fmt: skip


def test_a_forced_order_that_sells_closed_a_long() -> None:
    sold, bought, _, old = told("binance", "force_order")
    assert sold.rows == (("liquidation", (T * MS, 5, PositionSide.LONG, 61200.0, 61700.5, 0.014)),)
    assert bought.rows[0][1][2] == PositionSide.SHORT
    assert (bought.symbol, old.symbol) == ("ETHUSDT", "BTCUSDT")
    assert UM.liquidation_feed is LiquidationFeed.ONE_PER_SECOND


def test_a_forced_order_without_a_limit_or_without_a_fill() -> None:
    order = {"s": "BTCUSDT", "S": "BUY", "o": "MARKET", "p": "0", "ap": "61700.5", "z": "1", "T": T}
    row = UM.parse(event("!forceOrder@arr", e="forceOrder", E=T, o=order), 5).rows[0][1]
    assert math.isnan(row[3])
    unfilled = UM.parse(event("!forceOrder@arr", e="forceOrder", E=T, o={**order, "ap": "0", "z": "0"}), 5)
    assert (unfilled.rows, dict(unfilled.left_out)) == ((), {"forced orders without a fill": 1})


def test_rows_of_the_other_product_never_pass() -> None:
    """F37: since 2026-06-30 arrays of the whole market hold both products."""
    coin = told("binance", "force_order")[2]
    assert (coin.rows, dict(coin.left_out)) == ((), {"rows of another product (st=2)": 1})
    ours, other = told("binance_coinm", "force_order")
    assert len(ours.rows) == 1
    assert (other.rows, dict(other.left_out)) == ((), {"rows of another product (st=1)": 1})
    array = told("binance", "mark_price_array")[0]
    parts = [array, *array.others]
    assert [p.symbol for p in parts if p.rows] == ["BTCUSDT", "ETHUSDT"]
    assert [dict(p.left_out) for p in parts if not p.rows] == [{"rows of another product (st=2)": 1}]


@pytest.mark.parametrize("name", ["agg_trade", "trade", "depth", "mark_price", "kline", "force_order"])
@pytest.mark.parametrize("product", [2, 3, -1])
def test_no_kind_ignores_the_product_and_an_unknown_one_is_counted(name: str, product: int) -> None:
    frame = msgspec.json.decode(lines("binance", name)[0])
    frame["data"]["st"] = product
    message = UM.parse(msgspec.json.encode(frame), 5)
    what = "another product" if product == 2 else "an unknown product"
    assert (message.rows, message.book, dict(message.left_out)) == ((), None, {f"rows of {what} (st={product})": 1})
    if name == "force_order":
        frame["data"].pop("st")
        frame["data"]["o"]["st"] = product
        assert UM.parse(msgspec.json.encode(frame), 5).rows == ()


def test_a_coin_margined_contract_is_100_dollars_of_bitcoin_and_10_of_the_rest() -> None:
    btc, eth = told("binance_coinm", "agg_trade")
    assert btc.rows[0][1][4] == 25 * 100 / 62500  # 0.04 BTC
    assert eth.rows[0][1][4] == 5 * 10 / 2500  # 0.02 ETH
    book = told("binance_coinm", "depth")[0].book
    assert book is not None
    assert (book.bids, book.asks) == ([(62500.0, 0.04), (62400.0, 0.0)], [(64000.0, 0.1)])
    shot = CM.read_snapshot("BTCUSD_PERP", lines("binance_coinm", "rest_depth")[0], 5)
    assert (shot.bids, shot.asks) == ([(62500.0, 0.04)], [(64000.0, 0.1)])
    closed = told("binance_coinm", "force_order")[0].rows[0][1]
    assert closed[5] == 25 * 100 / 62500  # at the average fill, not at the limit


def test_a_face_value_that_the_venue_states_wins_over_the_rule_of_names() -> None:
    stated = Instrument("binance_coinm", "ETHUSD_PERP", ContractKind.INVERSE, contract_size=50.0)
    one = CM.with_instruments([stated])
    assert one.parse(lines("binance_coinm", "agg_trade")[1], 5).rows[0][1][4] == 5 * 50 / 2500
    assert CM.parse(lines("binance_coinm", "agg_trade")[1], 5).rows[0][1][4] == 5 * 10 / 2500


def test_the_notional_of_contracts_is_the_venues_own() -> None:
    # 206 contracts of 100 USD against 2.13660389 BTC as the venue counts them: within 1 % at any price of the bar
    (stream, row), *_ = told("binance_coinm", "kline")[0].rows
    bar = dict(zip(BARS.names, row, strict=True))
    assert (stream, bar["volume"], bar["buy_volume"]) == ("bars@1m", 2.13660389, 1.23424865)
    assert bar["volume"] * bar["close"] == pytest.approx(206 * 100, rel=0.01)


def test_only_a_closed_bar_is_a_row() -> None:
    running, closed = told("binance", "kline")
    assert (running.told, running.rows) == (Told.EVENTS, ())
    (stream, row) = closed.rows[0]
    bar = dict(zip(BARS.names, row, strict=True))
    assert stream == "bars@1m"
    assert bar["known_ts"] - bar["ref_ts"] == MINUTE
    assert (bar["volume"], bar["buy_volume"], bar["sell_volume"], bar["trade_count"]) == (12.345, 5.345, 7.0, 100.0)


def test_a_mark_price_without_an_index_has_none() -> None:
    with_index, without = told("binance_coinm", "mark_price")
    assert with_index.rows[0][1] == (T * MS, 5, 61794.2, 61784.62659091)
    assert math.isnan(without.rows[0][1][3])


def test_a_time_ahead_of_our_clock_is_kept() -> None:
    """Recordings of Binance lie 1.27 s ahead of the recorder's clock: nothing is clamped."""
    message = UM.parse(lines("binance", "agg_trade")[0], (T - 1_260) * MS)
    assert message.rows[0][1][:2] == ((T + 7) * MS, (T - 1_260) * MS)


@pytest.mark.parametrize("field", ["nq", "st", "ps", "somethingNew"])
def test_a_new_field_breaks_nothing(field: str) -> None:
    frame = msgspec.json.decode(lines("binance", "agg_trade")[2])
    before = UM.parse(msgspec.json.encode(frame), 5)
    frame["data"][field] = 1 if field == "st" else {"deep": ["x", 1.5, None]}
    assert UM.parse(msgspec.json.encode(frame), 5) == before


def test_answers_of_the_server_are_told_apart() -> None:
    acknowledged, refused = told("binance", "control")
    assert acknowledged.told is Told.ACKNOWLEDGED
    assert (refused.told, "unknown stream" in refused.note) == (Told.REFUSED, True)
    assert UM.parse(event("btcusdt@bookTicker", e="bookTicker", u=1), 5).told is Told.UNKNOWN
    assert UM.parse(event("btcusdt@kline_1M", e="kline", s="BTCUSDT", k=month()), 5).told is Told.UNKNOWN


def month() -> dict[str, object]:
    frame = msgspec.json.decode(lines("binance", "kline")[1])
    return {**frame["data"]["k"], "i": "1M"}


def test_public_and_market_streams_do_not_share_a_connection() -> None:
    found = UM.channels("BTCUSDT", ["trade", "book_delta", "mark_price", "liquidation", "bars@1m", "bars@1h"])
    assert [c.route for c in found] == ["market", "public", "market", "market", "market", "market"]
    with pytest.raises(UserError, match="mixes market and public"):
        UM.url("wss://x/market", found)
    assert UM.url(UM.addresses["public"], found[1:2]) == "wss://fstream.binance.com/public/stream"
    assert {c.route for c in CM.channels("BTCUSD_PERP", ["trade", "book_delta", "liquidation"])} == {"stream"}


def test_a_kind_that_is_polled_or_unknown_is_refused_with_a_sentence() -> None:
    with pytest.raises(UserError, match="asked for by REST"):
        UM.channels("BTCUSDT", ["funding"])
    with pytest.raises(UserError, match="Did you mean 'trade'"):
        UM.channels("BTCUSDT", ["trades"])
    with pytest.raises(UserError, match="binance_spot"):
        SPOT.channels("BTCUSDT", ["liquidation"])


def test_control_messages_name_a_shared_stream_once_and_not_too_many_at_a_time() -> None:
    forced = [c for s in ("BTCUSDT", "ETHUSDT") for c in UM.channels(s, ["liquidation"])]
    assert UM.subscribe(forced, 7) == [b'{"method":"SUBSCRIBE","params":["!forceOrder@arr"],"id":7}']
    many = [c for k in range(150) for c in UM.channels(f"A{k}USDT", ["trade"])]
    assert [len(msgspec.json.decode(m)["params"]) for m in UM.subscribe(many, 1)] == [100, 50]
    assert b'"UNSUBSCRIBE"' in SPOT.unsubscribe(SPOT.channels("BTCUSDT", ["trade"]), 1)[0]


def test_both_products_share_one_allowance_and_spot_has_its_own() -> None:
    assert UM.limits.budget == CM.limits.budget != SPOT.limits.budget
    assert UM.limits.weight_per_minute == 2_400 * 0.8
    asked = [UM.ask_snapshot("BTCUSDT"), CM.ask_snapshot("BTCUSD_PERP"), SPOT.ask_snapshot("BTCUSDT")]
    assert [(a.path, a.weight) for a in asked if a] == [("/fapi/v1/depth", 20), ("/dapi/v1/depth", 20), ("/api/v3/depth", 50)]


def test_the_rules_of_the_books_differ_by_one() -> None:
    assert isinstance(UM.rule(), FuturesRule)
    assert isinstance(SPOT.rule(), SpotRule)
    update = told("binance", "depth")[0].book  # U 157, u 160
    shot = UM.read_snapshot("BTCUSDT", lines("binance", "rest_depth")[0], 5)  # lastUpdateId 160
    assert update is not None
    assert UM.rule().bridges(shot, update)
    assert not SPOT.rule().bridges(shot, update)
    assert SPOT.rule().contains(shot, update)


def test_funding_intervals_come_from_the_stamps_and_the_oldest_row_only_tells_the_next() -> None:
    table = UM.read_polled("BTCUSDT", "funding", lines("binance", "rest_funding")[0], 5)
    assert table["funding_rate"].tolist() == [-0.0000375, 0.00002]
    assert table["funding_interval"].tolist() == [8 * HOUR, 4 * HOUR]  # the stamps carry milliseconds of jitter
    alone = UM.read_polled("X", "funding", b'[{"fundingTime":1785000000000,"fundingRate":"0.0001"}]', 5)
    assert alone["funding_interval"].tolist() == [NULL_TS]


def test_open_interest_of_both_products_is_in_coins() -> None:
    linear = UM.read_polled("BTCUSDT", "open_interest", lines("binance", "rest_open_interest")[0], 5)
    assert linear["open_interest"].tolist() == [10659.509]
    assert np.isnan(linear["open_interest_notional"]).all()
    inverse = CM.read_polled("BTCUSD_PERP", "open_interest", lines("binance_coinm", "rest_open_interest")[0], 5)
    # 5,000,000 contracts of 100 USD are 8,000 BTC at 62,500
    assert (inverse["open_interest"].tolist(), inverse["open_interest_notional"].tolist()) == ([8000.0], [500_000_000.0])
    with pytest.raises(UserError, match="BTCUSD_PERP"):
        CM.ask_polled("BTCUSD_260925", "open_interest")


def test_instruments_are_the_perpetuals_that_trade() -> None:
    (linear,) = UM.read_instruments(lines("binance", "rest_instruments")[0])
    assert (linear.symbol, linear.tick_size, linear.lot_size, linear.kind) == ("BTCUSDT", 0.1, 0.001, ContractKind.LINEAR)
    (inverse,) = CM.read_instruments(lines("binance_coinm", "rest_instruments")[0])
    assert (inverse.symbol, inverse.contract_size, inverse.kind) == ("BTCUSD_PERP", 100.0, ContractKind.INVERSE)
    (spot,) = SPOT.read_instruments(lines("binance_spot", "rest_instruments")[0])
    assert (spot.symbol, spot.tick_size, spot.kind) == ("BTCUSDT", 0.01, ContractKind.SPOT)


UNREAD = {("agg_trade", "E"), ("mark_price", "T"), ("kline", "E"), ("force_order", "E")}


@pytest.mark.parametrize("name", ["agg_trade", "depth", "mark_price", "kline", "force_order"])
def test_a_known_kind_with_an_impossible_value_is_refused(name: str) -> None:
    frame = msgspec.json.decode(lines("binance", name)[0])
    for key in ("s", "p", "E", "T", "U", "k", "o"):
        if key in frame["data"] and (name, key) not in {
            ("agg_trade", "E"),
            ("mark_price", "T"),
            ("kline", "E"),
            ("force_order", "E"),
        }:
            broken = {**frame, "data": {**frame["data"], key: []}}
            with pytest.raises(DataError, match="This is no"):
                UM.parse(msgspec.json.encode(broken), 5)


# --- a live payload, the answer of a request and the archive's row of one trade give one event

MARKET = {"binance": "BTCUSDT", "binance_coinm": "BTCUSD_PERP", "binance_spot": "BTCUSDT"}


@settings(max_examples=10)
@given(
    st.sampled_from(sorted(MARKET)),
    st.lists(
        st.tuples(
            st.integers(1, 10_000_000).map(lambda n: f"{n / 100:.2f}"),
            st.integers(1, 10_000_000).map(lambda n: f"{n / 1000:.3f}"),
            st.booleans(),
        ),
        min_size=1, max_size=8,
    ),
)  # fmt: skip
def test_live_rest_and_archive_give_the_same_trades(venue: str, prints: list[tuple[str, str, bool]]) -> None:
    symbol, one = MARKET[venue], door(venue)
    live, rest, archive = [], [], []
    for k, (price, quantity, maker) in enumerate(prints):
        stamp = T + 3 * k
        data = {"a": 100 + k, "p": price, "q": quantity, "f": 2 * k, "l": 2 * k, "T": stamp, "m": maker}
        live.append(one.parse(event(f"{symbol.lower()}@aggTrade", e="aggTrade", E=stamp + 5, s=symbol, **data), NULL_TS))
        rest.append(data)
        micro = "000" if venue == "binance_spot" else ""
        archive.append(f"{100 + k},{price},{quantity},{2 * k},{2 * k},{stamp}{micro},{str(maker).lower()}")
    columns = zip(TRADE.names, zip(*(m.rows[0][1] for m in live), strict=True), strict=True)
    streamed = Table.of(TRADE, **{name: np.array(values) for name, values in columns})
    assert one.read_trades(symbol, msgspec.json.encode(rest), NULL_TS).same_as(streamed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{symbol}-aggTrades-2026-07-25.csv"
        path.write_text("\n".join(archive))
        lake = Lake(Path(folder) / "lake")
        import_files(lake, "binance-vision", [path], venue=venue, symbol=symbol)
        assert lake.read(venue, symbol, "trade").same_as(streamed)


@pytest.mark.parametrize("venue", sorted(MARKET))
def test_live_and_archive_give_the_same_bar(venue: str, tmp_path: Path) -> None:
    symbol = MARKET[venue]
    k = msgspec.json.decode(lines(venue, "kline")[-1])["data"]["k"]
    micro = "000" if venue == "binance_spot" else ""
    row = [
        f"{k['t']}{micro}",
        k["o"],
        k["h"],
        k["l"],
        k["c"],
        k["v"],
        f"{k['T']}{micro}",
        k["q"],
        str(k["n"]),
        k["V"],
        k["Q"],
        "0",
    ]
    path = tmp_path / f"{symbol}-1m-2026-07-25.csv"
    path.write_text(",".join(row))
    lake = Lake(tmp_path / "lake")
    import_files(lake, "binance-vision", [path], venue=venue, symbol=symbol)
    (_, values) = door(venue).parse(lines(venue, "kline")[-1], 5).rows[0]
    streamed = Table.of(BARS, **dict(zip(BARS.names, ([v] for v in values), strict=True)))
    assert lake.read(venue, symbol, "bars@1m").same_as(streamed)
