"""Batches from arrivals. The independent answer: all rows at once, sorted by time, whatever the order and pieces of arrival."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from perpscope.core.batch import Batch
from perpscope.core.events import GAP, MARK_PRICE, TRADE, GapCause, GapKind
from perpscope.core.table import Table
from perpscope.live.arrivals import Arrivals

LATENESS, PATIENCE = 50, 400


def trades(ids: list[int], ts: list[int]) -> Table:
    n = len(ids)
    same = dict(price=np.full(n, 9.0), quantity=np.ones(n), aggressor_side=np.ones(n))
    return Table.of(TRADE, exchange_ts=ts, receive_ts=ts, trade_id=ids, **same)


def marks(ts: list[int]) -> Table:
    return Table.of(MARK_PRICE, exchange_ts=ts, receive_ts=ts, mark_price=np.array(ts) + 0.5, index_price=np.array(ts) + 0.5)


def gap(start: int, end: int, known: int) -> Table:
    return Table.of(
        GAP, ref_ts=[start], known_ts=[known], end_ts=[end], kind=[int(GapKind.TRADE)], cause=[int(GapCause.DISCONNECT)]
    )


def step(arrived: Arrivals) -> Batch:
    batch = arrived.batch()
    assert batch is not None
    return batch


def joined(batches: list[Batch], stream: str, empty: Table) -> Table:
    return Table.concat([empty, *(batch[stream] for batch in batches if stream in batch)])


@given(
    steps=st.lists(st.tuples(st.integers(0, 30), st.integers(0, LATENESS - 1)), min_size=1, max_size=60),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=150, deadline=None)
def test_whatever_the_order_of_arrival_the_batches_are_the_history(steps: list[tuple[int, int]], seed: int) -> None:
    """Rows at random instants, each delivered up to LATENESS later, in random pieces, two streams."""
    rng = np.random.default_rng(seed)
    ts = 100 + np.cumsum([gap for gap, _ in steps])
    order = np.argsort(ts + np.array([delay for _, delay in steps]), kind="stable")
    arrived = Arrivals(begun=0, contiguous=frozenset({"trade"}), lateness=LATENESS, patience=PATIENCE)
    told: list[Batch] = []
    at = 0
    while at < len(order):
        piece = order[at : at + int(rng.integers(1, 6))]
        at += len(piece)
        arrived.take("trade", trades([int(k) + 7 for k in piece], [int(ts[k]) for k in piece]))
        arrived.take("mark_price", marks(sorted({int(ts[k]) for k in piece})))
        if rng.random() < 0.7 and (batch := arrived.batch()):
            told.append(batch)
    if batch := arrived.flush():
        told.append(batch)
    whole = joined(told, "trade", TRADE.empty())
    assert whole["exchange_ts"].tolist() == sorted(ts.tolist())
    assert sorted(whole["trade_id"].tolist()) == list(range(7, 7 + len(ts)))
    assert not {name for name in arrived.counts if name.startswith("late trade")}
    edges = [0, *(batch.watermark_ts for batch in told)]
    assert all(a < b for a, b in pairwise(edges))
    for low, batch in zip(edges, told):
        assert all(((t.clock > low) & (t.clock <= batch.watermark_ts)).all() for t in batch.tables.values())


def test_a_hole_in_the_ids_holds_the_watermark_until_it_is_filled() -> None:
    arrived = Arrivals(begun=0, contiguous=frozenset({"trade"}), lateness=LATENESS, patience=PATIENCE)
    arrived.take("trade", trades([1, 2, 5, 6], [100, 110, 140, 300]))
    first = arrived.batch()
    assert first is not None
    assert (first.watermark_ts, first["trade"]["trade_id"].tolist()) == (110, [1, 2])
    assert arrived.batch() is None
    arrived.take("trade", trades([3, 4], [120, 130]))
    second = arrived.batch()
    assert second is not None
    assert (second.watermark_ts, second["trade"]["trade_id"].tolist()) == (250, [3, 4, 5])


def test_a_declared_hole_lets_the_watermark_pass_with_its_gap() -> None:
    arrived = Arrivals(begun=0, contiguous=frozenset({"trade"}), lateness=LATENESS, patience=PATIENCE)
    arrived.take("trade", trades([1, 2, 5, 6], [100, 110, 140, 300]))
    arrived.batch()
    arrived.gap(gap(111, 140, 140))
    batch = arrived.batch()
    assert batch is not None
    assert batch.watermark_ts == 250
    assert (batch["gap"]["ref_ts"].tolist(), batch["trade"]["trade_id"].tolist()) == ([111], [5])


def test_a_hole_that_is_never_filled_is_given_up_after_patience_and_counted() -> None:
    arrived = Arrivals(begun=0, contiguous=frozenset({"trade"}), lateness=LATENESS, patience=PATIENCE)
    arrived.take("trade", trades([1, 5], [100, 140]))
    arrived.take("mark_price", marks([540]))
    assert step(arrived).watermark_ts == 100
    arrived.take("mark_price", marks([541]))
    assert step(arrived).watermark_ts == 491
    assert arrived.counts["holes given up"] == 1


def test_what_comes_too_late_is_counted_and_not_folded() -> None:
    arrived = Arrivals(begun=0, lateness=LATENESS)
    arrived.take("mark_price", marks([200]))
    assert step(arrived).watermark_ts == 150
    arrived.take("mark_price", marks([149, 150, 151]))
    batch = arrived.flush()
    assert batch is not None
    assert batch["mark_price"]["exchange_ts"].tolist() == [151, 200]
    assert arrived.counts["late mark_price"] == 2


def test_a_gap_declared_too_late_is_told_at_the_next_step() -> None:
    arrived = Arrivals(begun=0, lateness=LATENESS)
    arrived.take("mark_price", marks([200]))
    arrived.batch()
    arrived.gap(gap(90, 120, 120))
    batch = arrived.flush()
    assert batch is not None
    assert (batch["gap"]["ref_ts"].tolist(), batch["gap"]["known_ts"].tolist()) == ([90], [151])
    assert arrived.counts["late gap"] == 1


def test_a_warm_start_knows_the_last_id_and_sees_the_hole_behind_it() -> None:
    arrived = Arrivals(begun=100, contiguous=frozenset({"trade"}), lateness=LATENESS, patience=PATIENCE, last_id={"trade": 4})
    arrived.take("trade", trades([6, 7], [120, 300]))
    assert arrived.batch() is None
    arrived.take("trade", trades([5], [110]))
    batch = arrived.batch()
    assert batch is not None
    assert batch["trade"]["trade_id"].tolist() == [5, 6]
