"""Answers: by hand; and the law that nothing after the end may be seen: a lake that was never given the later rows must answer
the same as one that holds them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.table import Table
from perpscope.core.time import HOUR, MINUTE, SECOND, parse_ts
from perpscope.lake import Lake, Source, import_files
from perpscope.market.bars import BarsFromTrades

T0 = parse_ts("2024-08-05")
MS = 1_000_000


def _tape(
    folder: Path, name: str, rows: list[tuple[int, int]], origin: str = "x", price: float = 10.5
) -> tuple[Path, dict[str, str]]:
    """A CSV of trades at (second, id)."""
    path = folder / name
    lines = [f"{T0 // MS + second * 1000},10.5,{1 + i % 3},buy,{i}" for second, i in rows]
    path.write_text("\n".join(["exchange_ts,price,quantity,aggressor_side,trade_id", *lines]) + "\n")
    return path, {"origin": origin}


def _put(lake: Lake, made: tuple[Path, dict[str, str]]) -> None:
    import_files(lake, "csv", [made[0]], venue="binance", symbol="X", options=made[1])


def _bars(path: Path, hours: range, volume: float, taker: bool = False) -> Path:
    ts = [T0 // MS + h * 3_600_000 for h in hours]
    extra = {"taker_buy_volume": [volume / 4] * len(ts)} if taker else {}
    prices = {name: [10.0] * len(ts) for name in ("open", "high", "low", "close")}
    pl.DataFrame({"ts": ts, **prices, "volume": [volume] * len(ts), **extra}).write_parquet(path)
    return path


def _put_bars(lake: Lake, path: Path, origin_venue: str = "binance") -> None:
    import_files(lake, "bars-parquet", [path], venue=origin_venue, symbol="X", frame="1h")


def _same(a: Source, b: Source) -> None:
    assert a.tables.keys() == b.tables.keys()
    for stream, table in a.tables.items():
        assert table.same_as(b.tables[stream]), stream
    assert a.gaps.same_as(b.gaps)
    assert (a.holes, a.origins, a.offered, a.instrument) == (b.holes, b.origins, b.offered, b.instrument)
    for x, y in zip(a, b, strict=True):
        assert x.watermark_ts == y.watermark_ts
        assert all(x[name].same_as(y[name]) for name in x.tables)


def test_one_long_batch_holds_everything_up_to_the_end(lake: Lake, tmp_path: Path) -> None:
    _put(lake, _tape(tmp_path, "a.csv", [(1, 1), (2, 2), (3, 3)]))
    _put_bars(lake, _bars(tmp_path / "b.parquet", range(4), 5.0))
    [batch] = lake.source("binance", "X", ["bars@1h", "trade"], T0, T0 + 2 * HOUR)
    assert batch.watermark_ts == T0 + 2 * HOUR
    assert batch["bars@1h"]["known_ts"].tolist() == [T0 + HOUR, T0 + 2 * HOUR]
    assert len(batch["trade"]) == 3
    assert set(batch.tables) == {"bars@1h", "trade", "gap"}


def test_a_range_excludes_its_start_and_includes_its_end(lake: Lake, tmp_path: Path) -> None:
    _put_bars(lake, _bars(tmp_path / "b.parquet", range(4), 5.0))
    table = lake.read("binance", "X", "bars@1h", T0 + HOUR, T0 + 3 * HOUR)
    assert table["known_ts"].tolist() == [T0 + 2 * HOUR, T0 + 3 * HOUR]


def test_batches_are_cut_on_the_step_and_add_up(lake: Lake, tmp_path: Path) -> None:
    _put(lake, _tape(tmp_path, "a.csv", [(s, s) for s in range(1, 200)]))
    source = lake.source("binance", "X", step=30 * SECOND)
    batches = list(source)
    assert [b.watermark_ts - T0 for b in batches] == [*(30 * SECOND * np.arange(1, 7)), 199 * SECOND]
    assert Table.concat([b["trade"] for b in batches]).same_as(source.tables["trade"])
    assert [b.watermark_ts for b in source] == [b.watermark_ts for b in batches]


def test_a_watermark_never_falls_inside_a_gap_of_the_trades(lake: Lake, tmp_path: Path) -> None:
    _put(lake, _tape(tmp_path, "a.csv", [(1, 1), (10, 2), (100, 9), (130, 10)]))
    batches = list(lake.source("binance", "X", step=20 * SECOND))
    assert [(b.watermark_ts - T0) // SECOND for b in batches] == [100, 120, 130]
    [gap] = batches[0]["gap"].rows()
    assert (gap["ref_ts"], gap["end_ts"], gap["known_ts"]) == (T0 + 10 * SECOND + 1, T0 + 100 * SECOND, T0 + 100 * SECOND)
    assert (gap["kind"], gap["cause"]) == ("trade", "sequence")
    assert all(len(b["gap"]) == 0 for b in batches[1:])


def test_a_silence_still_open_at_the_end_is_declared(lake: Lake, tmp_path: Path) -> None:
    _put(lake, _tape(tmp_path, "a.csv", [(1, 1), (10, 2), (4000, 3)]))
    # ids prove the silence quiet, once the third trade has come
    assert len(lake.source("binance", "X", end=T0 + 4000 * SECOND).gaps) == 0
    [gap] = lake.source("binance", "X", end=T0 + 2000 * SECOND).gaps.rows()
    assert (gap["ref_ts"], gap["end_ts"], gap["cause"]) == (T0 + 10 * SECOND + 1, T0 + 2000 * SECOND, "stale")
    assert len(lake.source("binance", "X", end=T0 + 130 * SECOND).gaps) == 0


def test_a_long_hole_is_declared_day_by_day(lake: Lake, tmp_path: Path) -> None:
    days = 86_400
    _put(lake, _tape(tmp_path, "a.csv", [(1, 1), (10, 2), (3 * days + 50, 9), (3 * days + 51, 10)]))
    _put_bars(lake, _bars(tmp_path / "b.parquet", range(96), 5.0))
    source = lake.source("binance", "X", step=6 * HOUR)
    columns = [(source.gaps[name] - T0).tolist() for name in ("ref_ts", "end_ts", "known_ts")]
    at = list(zip(*columns, strict=True))
    day, last = 24 * HOUR, 3 * 24 * HOUR + 50 * SECOND
    assert at == [
        (10 * SECOND + 1, day + 1, day),
        (day + 1, 2 * day + 1, 2 * day),
        (2 * day + 1, 3 * day + 1, 3 * day),
        (3 * day + 1, last, last),
        (last + SECOND + 1, 4 * day, 4 * day),
    ]
    # the bars of the other stream are not held back for longer than a day
    assert [(b.watermark_ts - T0) / day for b in source] == [1.0, 2.0, 3.0, 4.0]
    assert len(source.holes["trade"]) == 2


def test_bars_do_not_depend_on_how_the_source_is_cut(lake: Lake, shared_data: Path) -> None:
    path = shared_data / "tick/binance-2026-02-16/BTCUSDT-perp-trades.parquet"
    import_files(lake, "trades", [path], venue="binance", symbol="BTCUSDT")
    made = []
    for step in (None, 7 * SECOND, SECOND):
        source = lake.source("binance", "BTCUSDT", ["trade"], step=step)
        fold = BarsFromTrades(frame="5s")
        state = fold.start(source.instrument)
        made.append(Table.concat([fold.fold(state, Batch(b.watermark_ts, dict(b.tables))) for b in source]))
    assert made[0].same_as(made[1])
    assert made[0].same_as(made[2])
    # one bar for every hole but two that share one, and the rest whole
    assert 10 < int((~made[0]["complete"]).sum()) <= 2 * 19


def test_the_richer_origin_of_a_bar_is_preferred_and_the_rest_filled(lake: Lake, tmp_path: Path) -> None:
    _put_bars(lake, _bars(tmp_path / "plain.parquet", range(6), 5.0))
    rich = _bars(tmp_path / "rich.parquet", range(2, 4), 5.5, taker=True)
    names = {"ref_ts": "ts", "buy_volume": "taker_buy_volume"}
    csv = tmp_path / "rich.csv"
    pl.read_parquet(rich).write_csv(csv)
    import_files(lake, "csv", [csv], venue="binance", symbol="X", frame="1h", column_map=names, options={"origin": "vendor"})
    gathered = lake.gather("binance", "X", "bars@1h")
    assert gathered.table["volume"].tolist() == [5.0, 5.0, 5.5, 5.5, 5.0, 5.0]
    assert gathered.shares == {"binance": 4, "vendor": 2}
    assert gathered.holes == ()
    assert lake.read("binance", "X", "bars@1h", origins=["binance"])["volume"].tolist() == [5.0] * 6
    assert lake.source("binance", "X").origins == {"bars@1h": {"binance": 4, "vendor": 2}}


def test_recorded_bars_of_two_origins_are_merged_row_by_row(lake: Lake, shared_data: Path) -> None:
    for preset, name in (("bars-parquet", "binance_perp/1h/BTCUSDT"), ("coinalyze", "coinalyze/1h/BTCUSDT_ohlcv-history")):
        import_files(lake, preset, [shared_data / f"bars/{name}.parquet"], venue="binance", symbol="BTCUSDT")
    gathered = lake.gather("binance", "BTCUSDT", "bars@1h")
    assert gathered.shares == {"binance": 56_767 - 1_465, "coinalyze": 1_465}
    with_taker = np.isfinite(gathered.table["buy_volume"])
    assert int(with_taker.sum()) == 1_465
    assert gathered.table["ref_ts"][with_taker][0] == parse_ts("2024-06-19T21:00Z")


def test_trades_of_two_origins_are_never_counted_twice(lake: Lake, tmp_path: Path) -> None:
    # the second origin tells the same minute under other ids, and more before and after
    _put(lake, _tape(tmp_path, "a.csv", [(s, s) for s in range(60, 120)], "binance-vision"))
    _put(lake, _tape(tmp_path, "b.csv", [(s, 1000 + s) for s in range(30, 150)], "tape"))
    gathered = lake.gather("binance", "X", "trade")
    assert gathered.shares == {"binance-vision": 60, "tape": 60}
    assert gathered.table["exchange_ts"].tolist() == [T0 + s * SECOND for s in range(30, 150)]
    assert gathered.holes == ()


def test_one_origin_fills_the_hole_of_another(lake: Lake, tmp_path: Path) -> None:
    _put(lake, _tape(tmp_path, "a.csv", [(1, 1), (2, 2), (9, 7), (10, 8)], "binance-vision"))
    assert len(lake.holes("binance", "X", "trade")) == 1
    _put(lake, _tape(tmp_path, "b.csv", [(s, 100 + s) for s in range(1, 11)], "tape"))
    gathered = lake.gather("binance", "X", "trade")
    assert gathered.shares == {"binance-vision": 4, "tape": 6}
    assert gathered.holes == ()


def test_what_is_not_offered_yet_cannot_be_asked_for(lake: Lake, tmp_path: Path) -> None:
    _put_bars(lake, _bars(tmp_path / "b.parquet", range(4), 5.0))
    _put(lake, _tape(tmp_path, "a.csv", [(9000, 1)]))
    assert lake.streams("binance", "X", T0 + HOUR) == ["bars@1h"]
    assert lake.source("binance", "X", end=T0 + HOUR).offered == {"bars@1h"}
    with pytest.raises(UserError, match="no stream of binance X 'trade'"):
        lake.source("binance", "X", ["trade"], end=T0 + HOUR)
    with pytest.raises(UserError, match="Nothing about binance X was known"):
        lake.source("binance", "X", end=T0)


@pytest.mark.parametrize(
    ("start", "end", "step", "said"), [(T0 + 9, T0 + 5, None, "ends"), (None, None, 0, "must be positive")]
)
def test_a_senseless_range_is_refused(lake: Lake, tmp_path: Path, start: int, end: int, step: int, said: str) -> None:
    _put_bars(lake, _bars(tmp_path / "b.parquet", range(4), 5.0))
    with pytest.raises(UserError, match=said):
        lake.source("binance", "X", start=start, end=end, step=step)


_TAPES = st.lists(st.tuples(st.integers(0, 900), st.integers(1, 2)), min_size=3, max_size=20).map(
    lambda rows: [(s, int(i)) for s, i in zip(sorted(s for s, _ in rows), np.cumsum([n for _, n in rows]), strict=True)]
)


@settings(max_examples=15)
@given(first=_TAPES, second=_TAPES, cut=st.integers(100, 900), step=st.sampled_from([None, 60 * SECOND]))
def test_rows_after_the_end_have_no_influence(
    first: list[tuple[int, int]], second: list[tuple[int, int]], cut: int, step: int | None
) -> None:
    end = T0 + cut * SECOND
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole, part = Lake(folder / "whole"), Lake(folder / "part")
        for origin, rows in (("binance-vision", first), ("tape", second)):
            _put(whole, _tape(folder, f"{origin}.csv", rows, origin))
            known = [(s, i) for s, i in rows if s <= cut]
            if known:
                _put(part, _tape(folder, f"{origin}-part.csv", known, origin))
        _put_bars(whole, _bars(folder / "w.parquet", range(-24, 48), 5.0))
        _put_bars(part, _bars(folder / "p.parquet", range(-24, cut // 3600), 5.0))
        _same(whole.source("binance", "X", end=end, step=step), part.source("binance", "X", end=end, step=step))


def test_recorded_history_has_no_future(lake: Lake, shared_data: Path, tmp_path: Path) -> None:
    end = parse_ts("2024-07-19T10:30Z")  # inside a hole of SOL
    part = Lake(tmp_path / "part")
    for kind in ("ohlcv", "open-interest", "liquidation", "long-short-ratio"):
        path = shared_data / f"bars/coinalyze/1h/SOLUSDT_{kind}-history.parquet"
        import_files(lake, "coinalyze", [path], venue="binance", symbol="SOLUSDT")
        cut = tmp_path / f"SOLUSDT_{kind}.parquet"
        pl.read_parquet(path).filter(pl.col("ts") * MS + HOUR <= end).write_parquet(cut)
        import_files(part, "coinalyze", [cut], venue="binance", symbol="SOLUSDT")
    _same(
        lake.source("binance", "SOLUSDT", end=end, step=24 * HOUR), part.source("binance", "SOLUSDT", end=end, step=24 * HOUR)
    )
    # open interest was due at 10:00 and by 10:30 is not yet a beat and a half late
    assert len(lake.source("binance", "SOLUSDT", end=end).gaps) == 0
    assert len(lake.source("binance", "SOLUSDT", end=end + 5 * MINUTE).gaps) == 1
