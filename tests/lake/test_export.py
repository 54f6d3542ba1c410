"""Answers: the lake's own rows, read back from the Delta tables by another library (deltalake and polars) on a file store."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from lake.hot.market import START, book
from lake.hot.test_seal import SYMBOL, recorded
from perpscope.core.errors import UserError
from perpscope.core.time import DAY, HOUR
from perpscope.lake import Lake
from perpscope.lake.compact import compact
from perpscope.lake.export import export
from perpscope.lake.hot import HotLog
from perpscope.lake.hot.seal import seal


def rows(where: Path) -> pl.DataFrame:
    return pl.from_arrow(DeltaTable(where).to_pyarrow_table()).sort("exchange_ts", maintain_order=True)


def test_tables_hold_the_rows_of_the_lake_and_follow_it_one_commit_a_set(tmp_path: Path) -> None:
    root, target = tmp_path / "lake", tmp_path / "delta"
    clock = recorded(root, 3)
    seal(root, "binance", START + HOUR, clock.ts)
    first = export(Lake(root), str(target))
    assert {one.version for one in first} == {0}
    assert export(Lake(root), str(target)) == []
    seal(root, "binance", clock.ts, clock.ts)
    second = {one.stream: one for one in export(Lake(root), str(target))}
    assert second["open_interest"].removed == 1  # the month's file grew
    assert second["trade"].version == 1
    for stream in ("trade", "book_delta", "open_interest"):
        lake = Lake(root).read("binance", SYMBOL, stream)
        there = rows(target / stream)
        assert len(there) == len(lake)
        assert sorted(there["exchange_ts"].to_list()) == lake["exchange_ts"].tolist()
    trade = rows(target / "trade")
    lake = Lake(root).read("binance", SYMBOL, "trade")
    keyed = trade.sort("exchange_ts", "trade_id")
    order = sorted(range(len(lake)), key=lambda i: (lake["exchange_ts"][i], lake["trade_id"][i]))
    assert keyed["price"].to_list() == lake["price"][order].tolist()
    assert set(keyed["aggressor_side"].unique()) == {"buy", "sell"}
    assert rows(target / "open_interest")["open_interest_notional"].null_count() == len(rows(target / "open_interest"))


def test_what_was_compacted_or_came_late_is_replaced_not_doubled(tmp_path: Path) -> None:
    root, target = tmp_path / "lake", tmp_path / "delta"
    clock = recorded(root, 2)
    seal(root, "binance", clock.ts, clock.ts)
    export(Lake(root), str(target))
    before = rows(target / "book_delta")
    compact(root, START + 2 * DAY, 0.5)
    done = {one.stream: (one.added, one.removed) for one in export(Lake(root), str(target))}
    assert done == {"book_delta": (1, 3), "trade": (1, 3)}
    assert rows(target / "book_delta")["sequence"].sort().to_list() == before["sequence"].sort().to_list()
    clock.ts = START + 2 * DAY
    with HotLog(root, "binance", now=clock, reserve_bytes=0) as log:
        log.append({(SYMBOL, "book_delta"): book(77, 4, START + 1)})
    seal(root, "binance", clock.ts, clock.ts)
    export(Lake(root), str(target), ["book_delta"])
    assert len(rows(target / "book_delta")) == len(before) + 4
    with pytest.raises(UserError, match="Did you mean 'trade'"):
        export(Lake(root), str(target), ["trades"])
