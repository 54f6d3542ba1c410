"""Answers: ORDERFLOW OF15, OF18 to OF21 by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from features.book.made import MS, Message, book, diff, gap, prints, run, snap
from laws import laws
from laws.market import START, made_market
from perpscope.core.errors import UserError
from perpscope.core.events import GapKind
from perpscope.core.table import Table
from perpscope.core.time import HOUR
from perpscope.features.book.book_sweeps import BookSweeps
from perpscope.features.book.icebergs import Icebergs
from perpscope.features.book.pull_stack import PullStack
from perpscope.features.book.spoof_score import SpoofScore, score
from perpscope.features.book.walls import Walls
from perpscope.market.book_tape import LevelEvent

Levels = Sequence[tuple[float, float]]
OPENED, TOUCHED, FILLED, BROKEN, EXPIRED = (int(e) for e in LevelEvent)
BOOK = snap(0, [(99.9, 10.0), (99.8, 5.0)], [(100.0, 10.0), (100.1, 5.0)])


# --- pull and stack ---------------------------------------------------------------------------------------------------


def pulled(messages: list[Message], trades: Table | None = None, gaps: Table | None = None, bps: float = 30.0) -> Table:
    fold = PullStack(PullStack.Params(reach_bps=bps))
    return run(fold, book(BOOK, *messages), trades, gaps)


def sides(rows: Table, k: int = 0) -> tuple[float, ...]:
    return tuple(rows[n][k] for n in ("bid_pulled", "bid_stacked", "bid_traded", "ask_pulled", "ask_stacked", "ask_traded"))


@pytest.mark.parametrize(
    ("after", "traded", "expected"),
    [(9.0, 3.0, (0.0, 2.0, 3.0)), (4.0, 1.0, (5.0, 0.0, 1.0)), (10.0, 0.0, (0.0, 0.0, 0.0))],
)
def test_pull_and_stack_of_the_specification(after: float, traded: float, expected: tuple[float, ...]) -> None:
    trades = prints((100, "S", 99.9, traded), (130, "B", 100.0, traded)) if traded else None
    rows = pulled([diff(150, [(99.9, after)], [(100.0, after)]), diff(1000, [(99.7, 1.0)])], trades)
    assert sides(rows) == pytest.approx(expected * 2)
    assert (rows["ref_ts"].tolist(), rows["known_ts"].tolist()) == ([0], [1000 * MS])


def test_a_print_that_comes_after_its_update_is_netted_within_the_window() -> None:
    rows = pulled([diff(150, [(99.9, 4.0)]), diff(1000, [(99.7, 1.0)])], prints((400, "S", 99.9, 6.0)))
    assert sides(rows)[:3] == pytest.approx((0.0, 0.0, 6.0))


def test_an_order_that_comes_and_goes_between_two_windows_is_stacked_and_pulled() -> None:
    rows = pulled([diff(150, [(99.8, 25.0)]), diff(700, [(99.8, 5.0)]), diff(1000, [(99.7, 1.0)])])
    assert sides(rows)[:2] == pytest.approx((20.0, 20.0))
    # within one window nothing remains of it
    rows = pulled([diff(150, [(99.8, 25.0)]), diff(300, [(99.8, 5.0)]), diff(1000, [(99.7, 1.0)])])
    assert sides(rows)[:2] == (0.0, 0.0)


def test_levels_beyond_the_reach_and_out_of_sight_do_not_count() -> None:
    rows = pulled([diff(150, [(99.8, 0.0), (99.7, 3.0)]), diff(1000, [(99.9, 10.0)])], bps=5.0)
    assert sides(rows)[:2] == (0.0, 0.0)
    rows = pulled([diff(150, [(99.8, 0.0), (99.7, 3.0)]), diff(1000, [(99.9, 10.0)])])
    assert sides(rows)[:2] == pytest.approx((5.0, 0.0))  # 99.7 was never in sight before: not stacked


def test_pull_and_stack_wait_for_a_whole_second_after_a_hole_of_the_trades() -> None:
    messages = [diff(k * 250, [(99.9, 10.0 + k % 2)]) for k in range(1, 20)]
    rows = pulled(messages, prints((10, "S", 99.9, 1.0)), gap(1300, 1700, GapKind.TRADE))
    assert (rows["ref_ts"] // (1000 * MS)).tolist() == [0, 2, 3]


def test_pull_and_stack_upside_down_about_the_middle() -> None:
    rng = np.random.default_rng(0)
    plain, turned = [], []
    start = [(99.9, 10.0), (99.8, 5.0)], [(100.1, 10.0), (100.2, 5.0)]
    for k in range(1, 60):
        out, q, ask = int(rng.integers(1, 4)) / 10, float(rng.integers(0, 9) + 1), bool(rng.integers(0, 2))
        low, high = [(round(100 - out, 1), q)], [(round(100 + out, 1), q)]
        plain.append(diff(k * 90, () if ask else low, high if ask else ()))
        turned.append(diff(k * 90, low if ask else (), () if ask else high))
    fold = PullStack(PullStack.Params(reach_bps=25.0))
    a, b = (run(fold, book(snap(0, *start), *m)) for m in (plain, turned))
    assert len(a) == 5
    for name in ("pulled", "stacked"):
        assert a[f"bid_{name}"].tolist() == b[f"ask_{name}"].tolist()
        assert a[f"ask_{name}"].tolist() == b[f"bid_{name}"].tolist()
    assert a["bid_pulled"].sum() > 0


# --- icebergs ---------------------------------------------------------------------------------------------------------

REFILLS = [
    diff(10, [(99.9, 2.0)]), diff(100, [(99.9, 10.0)]),
    diff(210, [(99.9, 1.0)]), diff(300, [(99.9, 9.0)]),
    diff(410, [(99.9, 0.0)]), diff(700, [(99.7, 1.0)]),
]  # fmt: skip
SALES = prints((5, "S", 99.9, 8.0), (205, "S", 99.9, 9.0), (405, "S", 99.9, 10.0))


def test_the_iceberg_of_the_specification() -> None:
    """Shown 10; 8 traded, back to 10; 9 traded, back to 9; 10 traded, gone: V 27, M 10, two refills."""
    rows = run(Icebergs(), book(BOOK, *REFILLS), SALES)
    assert rows["event"].tolist() == [OPENED, FILLED]
    assert rows["executed"].tolist() == [17.0, 27.0]
    assert rows["refills"].tolist() == [2.0, 2.0]
    assert rows["hidden_ratio"].tolist() == pytest.approx([1.7, 2.7])
    assert rows["confidence"].tolist() == pytest.approx([0.75 * 0.7, 0.75])
    assert rows["known_ts"].tolist() == [300 * MS, 700 * MS]
    assert rows["ref_ts"].tolist() == [5 * MS, 5 * MS]
    assert len(set(rows["id"].tolist())) == 1


def test_a_refill_that_comes_too_late_does_not_count() -> None:
    late = [diff(10, [(99.9, 2.0)]), diff(300, [(99.9, 10.0)]), diff(410, [(99.9, 1.0)]), diff(700, [(99.9, 9.0)])]
    assert len(run(Icebergs(), book(BOOK, *late), SALES)) == 0


def test_a_feed_that_hides_the_dip_shows_the_iceberg_all_the_same() -> None:
    """The displayed quantity never changes while 8, 9 and 10 are traded."""
    quiet = [diff(t, [(99.8, float(t))]) for t in (100, 300, 500)]
    rows = run(Icebergs(), book(BOOK, *quiet), SALES)
    assert rows["event"].tolist() == [OPENED, TOUCHED]
    assert rows["refills"].tolist() == [2.0, 3.0]


def test_an_iceberg_that_is_pulled_is_broken_and_one_traded_through_is_filled() -> None:
    rows = run(Icebergs(), book(BOOK, *REFILLS[:4], diff(900, [(99.9, 0.0)])), SALES[:2])
    assert rows["event"].tolist() == [OPENED, BROKEN]
    rows = run(Icebergs(), book(BOOK, *REFILLS[:4]), prints((5, "S", 99.9, 8.0), (205, "S", 99.9, 9.0), (800, "S", 99.8, 1.0)))
    assert rows["event"].tolist() == [OPENED, FILLED]
    assert rows["known_ts"][1] == 800 * MS


def test_an_iceberg_whose_end_a_gap_hides_expires() -> None:
    rows = run(Icebergs(), book(BOOK, *REFILLS[:4]), SALES[:2], gap(500, 900))
    assert rows["event"].tolist() == [OPENED, EXPIRED]


def test_small_prints_that_do_not_cut_a_level_are_no_refills() -> None:
    small = prints(*[(5 + 100 * k, "S", 99.9, 1.0) for k in range(15)])
    shown = [diff(10 + 100 * k, [(99.9, 10.0)]) for k in range(1, 16)]
    assert len(run(Icebergs(), book(BOOK, *shown), small)) == 0


# --- spoof score ------------------------------------------------------------------------------------------------------


def test_the_spoof_score_of_the_specification() -> None:
    assert score(0.99, 48.0, 2.0, 0.0, 20.0, 5.0, 12.0) == pytest.approx(0.8 * 0.96 * 0.75 * 0.670320, abs=1e-6)


def spoofed(executed: float) -> Table:
    """500 additions of 1, then one of 50 posted 20 ticks from the middle; price comes within 6 ticks; 12 s later it goes."""
    start = snap(0, [(99.0, 1.0), (95.0, 1.0)], [(99.2, 1.0), (104.0, 1.0)])
    noise = [diff(1 + k, [(98.9, float(k % 2))]) for k in range(1000)]
    toward = [(99.0, 0.0), (98.9, 0.0), (97.6, 1.0)], [(99.2, 0.0), (97.8, 1.0)]
    messages = [*noise, diff(2000, [(97.1, 50.0)]), diff(9000, *toward)]
    if executed:
        messages.append(diff(11_000, [(97.1, 50.0 - executed)]))
    trades = prints((10_999, "S", 97.1, executed)) if executed else None
    return run(SpoofScore(), book(start, *messages, diff(14_000, [(97.1, 0.0)])), trades)


def test_a_large_order_that_goes_as_the_price_comes_is_scored() -> None:
    rows = spoofed(2.0)
    assert len(rows) == 1
    assert (rows["quantity"][0], rows["executed"][0], rows["cancelled"][0]) == (50.0, 2.0, 48.0)
    assert (rows["distance_posted"][0], rows["distance_cancelled"][0]) == (pytest.approx(20.0), pytest.approx(6.0))
    assert rows["score"][0] == pytest.approx(1.0 * 0.96 * 0.7 * np.exp(-12 / 30))
    assert (rows["ref_ts"][0], rows["known_ts"][0], rows["life"][0]) == (2000 * MS, 14_000 * MS, 12_000 * MS)
    assert np.isnan(rows["rank_at_distance"][0])


def test_what_was_traded_is_no_cancellation() -> None:
    assert spoofed(50.0)["score"].tolist() == []
    assert spoofed(0.0)["cancelled"].tolist() == [50.0]


# --- walls ------------------------------------------------------------------------------------------------------------

ONE_TICK = Walls.Params(step_ticks=1)
LADDER = [1.0, 2.0, 2.0, 3.0, 40.0, 2.0, 1.0]


def wall_book(*messages: Message, until: int = 8000) -> Table:
    bids = [(round(99.9 - 0.1 * k, 1), q) for k, q in enumerate(LADDER)]
    beats = [diff(ms, asks=[(100.5, 1.0 + ms % 2)]) for ms in range(100, until, 111)]
    return book(*sorted([snap(0, bids, [(100.0, 5.0)]), *beats, *messages], key=lambda m: m[0]))


def test_the_wall_of_the_specification() -> None:
    """Median of the rest 2, ratio 20; there from the first check, known three seconds later."""
    rows = run(Walls(ONE_TICK), wall_book())
    assert rows["event"].tolist() == [OPENED]
    assert (rows["bottom"][0], rows["top"][0], rows["quantity"][0], rows["ratio"][0]) == (99.5, 99.5, 40.0, 20.0)
    assert rows["ref_ts"][0] == 250 * MS
    assert 3250 * MS <= rows["known_ts"][0] < 3400 * MS


def test_a_wall_that_does_not_stay_is_none() -> None:
    assert len(run(Walls(ONE_TICK), wall_book(diff(2000, [(99.5, 0.0)]), diff(2300, [(99.5, 40.0)]), until=4000))) == 0


def test_a_wall_is_touched_then_filled_or_broken() -> None:
    gone = [(round(99.9 - 0.1 * k, 1), 0.0) for k in range(4)]
    rest = [(round(99.0 - 0.1 * k, 1), 2.0) for k in range(6)]
    reached = diff(4000, [*gone, *rest])
    rows = run(Walls(ONE_TICK), wall_book(reached, diff(5000, [(99.5, 1.0)])), prints((4900, "S", 99.5, 25.0)))
    assert rows["event"].tolist() == [OPENED, TOUCHED, FILLED]
    assert rows["executed"][2] == 25.0
    rows = run(Walls(ONE_TICK), wall_book(reached, diff(5000, [(99.5, 1.0)])), prints((4900, "S", 99.5, 2.0)))
    assert rows["event"].tolist() == [OPENED, TOUCHED, BROKEN]
    rows = run(Walls(ONE_TICK), wall_book(diff(5000, [(99.5, 5.0)])))
    assert rows["event"].tolist() == [OPENED, EXPIRED]


def test_a_gap_expires_walls() -> None:
    rows = run(Walls(ONE_TICK), wall_book(), gaps=gap(6000, 6500))
    assert rows["event"].tolist() == [OPENED, EXPIRED]


def test_walls_upside_down_about_the_middle() -> None:
    """With bins of one tick a bid at 100 - d is an ask at 100 + d; sellers' prints are buyers'."""

    def told(turned: bool) -> list[tuple[int, int, int, float, float]]:
        def at(d: float) -> float:
            return round(100.0 + d if turned else 100.0 - d, 1)

        def side(level: list[tuple[float, float]]) -> tuple[Levels, Levels]:
            return ((), level) if turned else (level, ())

        both = [round(100 - 0.1 * k, 1) for k in range(1, 9)], [round(100 + 0.1 * k, 1) for k in range(1, 9)]
        messages = [snap(0, [(p, 1.0) for p in both[0]], [(p, 1.0) for p in both[1]])]
        for k in range(1, 120):
            depth = 30.0 if 10 <= k < 90 else 0.5
            messages.append(diff(k * 100, *side([(at(0.5), depth + 0.01 * k)])))
            messages.append(diff(k * 100 + 50, *side([(at(0.3), 12.0 if 40 <= k < 100 else 1.0)])))
        trades = prints(*((2000.0 + 40 * k, "B" if turned else "S", at(0.3), 0.5) for k in range(30)))
        rows = run(Walls(Walls.Params(step_ticks=1, stay_s=1.0, reach_bps=100.0)), book(*messages), trades)
        middle = [200.0 - p if turned else p for p in rows["bottom"].tolist()]
        sides = [3 - s if turned else s for s in rows["side"].tolist()]
        return [
            (int(t), int(e), int(s), round(p, 1), round(q, 6))
            for t, e, s, p, q in zip(rows["ref_ts"], rows["event"], sides, middle, rows["quantity"], strict=True)
        ]

    assert len(told(False)) >= 4
    assert told(False) == told(True)


def test_the_laws_hold_where_walls_stand() -> None:
    market = made_market(0)

    def walls() -> Walls:
        return Walls(Walls.Params(step_ticks=1, reach_bps=200.0, stay_s=1.0))

    rows = laws.rows_of(walls, market)
    assert {OPENED, TOUCHED, EXPIRED} <= set(rows["event"].tolist())
    laws.law_split(walls, market, [START + h * HOUR + 31 * MS for h in (60, 61, 240)])
    laws.law_truncation(walls, market, int(rows["known_ts"][len(rows) // 2]) + 1)
    laws.law_resume(walls, market, int(rows["known_ts"][len(rows) // 3]) + 1)
    laws.law_scale(walls, market)
    laws.law_gap(walls, market, START + 100 * HOUR, START + 130 * HOUR)


# --- sweeps -----------------------------------------------------------------------------------------------------------


def test_the_sweep_of_the_specification() -> None:
    start = snap(0, [(99.9, 1.0)], [(100.1, 2.0), (100.2, 3.0), (100.4, 1.0), (100.5, 5.0)])
    fills = prints((10, "B", 100.1, 2.0), (10, "B", 100.2, 3.0), (10, "B", 100.4, 1.0), (10, "B", 100.5, 0.5))
    after = diff(10, asks=[(100.1, 0.0), (100.2, 0.0), (100.4, 0.0), (100.5, 4.5)])
    rows = run(BookSweeps(BookSweeps.Params(n_min=0)), book(start, after, diff(100, [(99.8, 1.0)])), fills)
    assert len(rows) == 1
    row = next(rows.rows())
    assert (row["prices"], row["levels_consumed"], row["span"], row["touch"], row["last_price"]) == (4, 3, 4, 100.1, 100.5)
    assert row["vwap"] == pytest.approx(100.223077, abs=1e-6)
    assert row["cost"] / row["touch"] * 1e4 == pytest.approx(12.2954, abs=1e-4)
    assert row["share_taken"] == pytest.approx(6.5 / 11)
    assert row["known_ts"] == 100 * MS


def test_a_burst_ends_with_the_other_side_or_a_pause() -> None:
    start = snap(0, [(99.9, 1.0), (99.8, 1.0), (99.7, 1.0)], [(100.0, 2.0), (100.1, 2.0), (100.2, 2.0)])
    one = [(10, "B", 100.0, 1.0), (40, "B", 100.1, 1.0), (80, "B", 100.2, 1.0)]
    fold = BookSweeps(BookSweeps.Params(n_min=0))
    assert len(run(fold, book(start, diff(500, [(99.9, 2.0)])), prints(*one))) == 1
    assert len(run(fold, book(start, diff(500, [(99.9, 2.0)])), prints(*one[:2], (50, "S", 99.9, 1.0), one[2]))) == 0
    assert len(run(fold, book(start, diff(500, [(99.9, 2.0)])), prints(*one[:2], (91, "B", 100.2, 1.0)))) == 0


def test_a_sweep_has_to_be_large_among_the_bursts_before_it() -> None:
    start = snap(0, [(99.0, 1.0)], [(100.0, 200.0), (100.1, 2.0), (100.2, 2.0)])
    small = [(100.0 * k, "B", 100.0, 1.0 + k) for k in range(1, 11)]  # 2 .. 11: the 0.9 quantile is 10
    beats = [diff(100 * k + 90, [(99.0, 1.0 + k)]) for k in range(1, 15)]
    fold = BookSweeps(BookSweeps.Params(n_min=10, quantile=0.9))
    for quantity, count in ((2.5, 0), (4.0, 1)):
        burst = [(1200.0, "B", p, quantity) for p in (100.0, 100.1, 100.2)]
        rows = run(fold, book(start, *beats), prints(*small, *burst))
        assert len(rows) == count
        assert rows["threshold"].tolist() == [10.0] * count


def test_bursts_that_met_no_readable_book_are_not_told() -> None:
    fills = prints((10, "B", 100.1, 2.0), (10, "B", 100.2, 3.0), (10, "B", 100.4, 1.0))
    assert len(run(BookSweeps(BookSweeps.Params(n_min=0)), book(diff(5, [(99.0, 1.0)]), diff(500, [(99.0, 1.0)])), fills)) == 0


def test_wrong_parameters_are_told_in_a_sentence() -> None:
    for make in (
        lambda: Walls.Params(k_close=6.0),
        lambda: PullStack.Params(reach_bps=0.0),
        lambda: Icebergs.Params(least_refills=0),
        lambda: SpoofScore.Params(window=10, n_min=20),
        lambda: BookSweeps.Params(merge_ms=-1),
    ):
        with pytest.raises(UserError):
            make()
