"""Answers: ORDERFLOW OF16 and the venues' documented rules, by hand."""

from __future__ import annotations

import pytest

from perpscope.core.events import GapCause
from perpscope.venues.binance.book import FuturesRule, parse_depth
from perpscope.venues.binance_spot.book import SpotRule
from perpscope.venues.book_sync import NO_ID, BookMessage, BookSync, Level, SequenceRule, SyncState, book_table
from perpscope.venues.bybit.book import BybitRule
from perpscope.venues.hyperliquid.book import SnapshotRule
from perpscope.venues.okx.book import OkxRule


def update(first: int, last: int, previous: int = NO_ID, ts: int | None = None, bids: list[Level] | None = None) -> BookMessage:
    return BookMessage(last if ts is None else ts, 0, first, last, previous, bids or [], [(100.0, 1.0)])


def snapshot(last: int, ts: int | None = None, previous: int = NO_ID) -> BookMessage:
    return BookMessage(last if ts is None else ts, 0, last, last, previous, [(99.0, 5.0)], [(100.0, 3.0)], True)


def passed(sync: BookSync, *messages: BookMessage) -> list[int]:
    return [told.last_id for m in messages for told in sync.feed(m)]


def test_the_book_of_the_specification() -> None:
    sync = BookSync(FuturesRule())
    told = passed(sync, update(95, 98, 94), update(99, 103, 98), snapshot(100), update(104, 106, 103), update(110, 112, 108))
    assert told == [100, 103, 106]
    assert sync.counts["contained"] == 1
    assert sync.gaps == [(107, 112, GapCause.SEQUENCE)]
    assert sync.state is SyncState.BUFFERING
    gaps = sync.gap_table()
    assert (gaps["ref_ts"].tolist(), gaps["known_ts"].tolist()) == ([107], [112])


def test_after_a_gap_a_newer_snapshot_starts_over() -> None:
    sync = BookSync(FuturesRule())
    passed(sync, snapshot(100), update(99, 103, 98), update(110, 112, 108))
    assert passed(sync, update(113, 115, 112), snapshot(114), update(116, 120, 115)) == [114, 115, 120]
    assert sync.state is SyncState.LIVE
    assert len(sync.gaps) == 1


def test_a_snapshot_older_than_the_buffer_is_refused_and_never_mixed() -> None:
    sync = BookSync(FuturesRule())
    assert passed(sync, update(99, 103, 98), update(104, 106, 103), snapshot(90)) == []
    assert sync.counts["refused snapshots"] == 1
    assert passed(sync, snapshot(104)) == [104, 106]


def test_an_update_beyond_a_waiting_snapshot_is_a_gap() -> None:
    sync = BookSync(FuturesRule())
    assert passed(sync, snapshot(90), update(99, 103, 98)) == [90]
    assert sync.state is SyncState.BUFFERING
    assert len(sync.gaps) == 1


def test_updates_without_pu_pass_and_are_declared_untestable() -> None:
    sync = BookSync(FuturesRule())
    messages = [parse_depth(b'{"E":%d,"U":%d,"u":%d,"b":[["1","1"]],"a":[]}' % (u, u - 1, u), 0) for u in (101, 103, 190)]
    assert passed(sync, snapshot(100), *messages) == [100, 101, 103, 190]
    assert sync.counts["untestable"] == 2


def test_an_update_sent_twice_is_dropped() -> None:
    sync = BookSync(FuturesRule())
    assert passed(sync, snapshot(100), update(99, 103, 98), update(99, 103, 98), update(104, 105, 103)) == [100, 103, 105]
    assert sync.counts["repeated"] == 1


def test_spot_differs_by_one() -> None:
    """An update that ends at the snapshot's own number is contained on spot and bridges on futures."""
    assert passed(BookSync(SpotRule()), update(99, 100), update(101, 105), snapshot(100)) == [100, 105]
    assert passed(BookSync(FuturesRule()), update(99, 100, 98), update(101, 105, 100), snapshot(100)) == [100, 100, 105]
    sync = BookSync(SpotRule())
    passed(sync, snapshot(100), update(101, 105), update(107, 108))
    assert sync.gaps == [(106, 108, GapCause.SEQUENCE)]


def test_times_never_run_back() -> None:
    """The bridging update usually came before the snapshot was taken."""
    sync = BookSync(FuturesRule())
    told = [m for x in (update(99, 103, 98, ts=50), snapshot(100, ts=60), update(104, 106, 103, ts=49)) for m in sync.feed(x)]
    assert [m.exchange_ts for m in told] == [50, 50, 50]


def test_bybit_counts_by_one_and_restarts_at_one() -> None:
    sync = BookSync(BybitRule())
    assert passed(sync, snapshot(10), update(11, 11), update(12, 12)) == [10, 11, 12]
    # the unchanged snapshot sent again after three seconds of quiet is no restart
    assert passed(sync, snapshot(12), update(13, 13)) == [12, 13]
    assert sync.gaps == []
    told = sync.feed(update(1, 1, ts=20))
    assert [(m.last_id, m.snapshot) for m in told] == [(1, True)]
    assert sync.gaps == [(14, 20, GapCause.SEQUENCE)]
    assert passed(sync, update(2, 2), update(4, 4)) == [2]
    assert len(sync.gaps) == 2


def test_okx_goes_by_the_identity_of_numbers() -> None:
    sync = BookSync(OkxRule())
    told = passed(sync, snapshot(10), update(15, 15, 10), update(15, 15, 15), update(3, 3, 15), update(7, 7, 3))
    assert told == [10, 15, 15, 3, 7]
    assert sync.gaps == []
    assert passed(sync, update(20, 20, 9)) == []
    assert len(sync.gaps) == 1


def test_okx_bridges_a_snapshot_taken_by_rest() -> None:
    sync = BookSync(OkxRule())
    assert passed(sync, update(8, 8, 5), update(12, 12, 8), update(15, 15, 12), snapshot(10)) == [10, 12, 15]


def test_a_venue_without_numbers_replaces_the_book_each_time() -> None:
    sync = BookSync(SnapshotRule())
    assert passed(sync, snapshot(10), snapshot(10), snapshot(30)) == [10, 10, 30]
    assert sync.gaps == []


def test_a_full_buffer_forgets_its_oldest() -> None:
    sync = BookSync(SpotRule(), buffer_size=2)
    assert passed(sync, update(1, 1), update(2, 2), update(3, 3), snapshot(2)) == [2, 3]
    assert sync.counts["before_snapshot"] == 1


def test_a_lost_connection_is_a_gap() -> None:
    sync = BookSync(SpotRule())
    passed(sync, snapshot(100), update(101, 105))
    sync.lost(106, 200)
    assert passed(sync, update(106, 107, ts=210)) == []
    assert sync.gap_table()["cause"].tolist() == [int(GapCause.DISCONNECT)]


def test_contracts_of_an_inverse_instrument_become_coins() -> None:
    rows = book_table([BookMessage(5, 6, 1, 1, NO_ID, [(50_000.0, 20.0)], [(50_001.0, 0.0)], True)], face=100.0)
    assert rows["quantity"].tolist() == [0.04, 0.0]
    assert rows["snapshot"].tolist() == [True, False]
    assert len(book_table([])) == 0


@pytest.mark.parametrize("rule", [FuturesRule(), SpotRule(), BybitRule()], ids=lambda r: type(r).__name__)
def test_numbers_that_jump_back_in_later_time_are_a_broken_chain_and_no_repetition(rule: SequenceRule) -> None:
    """RELIABILITY F8. An old update sent again has its old time; one with a later time says that the venue counts anew."""
    sync = BookSync(rule)
    passed(sync, snapshot(100), update(101, 101, 100), update(102, 102, 101))
    assert passed(sync, update(102, 102, 101)) == []
    assert (sync.state, sync.counts["repeated"]) == (SyncState.LIVE, 1)
    assert passed(sync, update(7, 9, 6, ts=200)) == []
    assert sync.state is SyncState.BUFFERING
    assert [cause for _, _, cause in sync.gaps] == [GapCause.SEQUENCE]
