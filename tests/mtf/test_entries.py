"""Answers by hand; rows on cut data; the mirror image."""

from __future__ import annotations

import numpy as np

from laws.market import START, made_market, mirror_table
from perpscope.core.events import BARS
from perpscope.core.table import Table
from perpscope.core.time import HOUR, MINUTE
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect
from perpscope.features.structure.breaks import BREAKS
from perpscope.features.structure.fair_value_gap import FAIR_VALUE_GAPS
from perpscope.features.structure.sweep import SWEEPS
from perpscope.mtf.entries import zone_entries

M5 = 5 * MINUTE


def made(schema, **columns):
    n = len(columns["ref_ts"])
    for c in schema.columns:
        if c.unit in ("enum", "flag"):
            columns.setdefault(c.name, np.ones(n, c.dtype))
    return Table.filled(schema, **columns)


def bars(low):
    low = np.asarray(low, float)
    ref = M5 * np.arange(len(low), dtype=np.int64)
    whole = np.ones(len(low), bool)
    return Table.filled(BARS, ref_ts=ref, known_ts=ref + M5, open=low + 1, high=low + 2, low=low, close=low + 1, complete=whole)


def zone(*events, direction=1):
    """A gap 98..100, known in bar 2, with later events (bar, code)."""
    at = [(2, 1), *events]
    n = len(at)
    return made(
        FAIR_VALUE_GAPS, ref_ts=[0] * n, known_ts=[b * M5 for b, _ in at], id=[5] * n, event=[e for _, e in at],
        direction=[direction] * n, bottom=[98.0] * n, top=[100.0] * n,
    )  # fmt: skip


def turn(bar, direction=1, kind=3):
    return made(BREAKS, ref_ts=[0], known_ts=[bar * M5], direction=[direction], kind=[kind])


LOWS = [103, 103, 103, 99.5, 97.5, 101, 102, 103]
NO_SWEEPS = SWEEPS.empty()


def test_a_change_of_character_in_a_touched_zone_is_an_entry():
    (row,) = zone_entries(zone(), turn(7), NO_SWEEPS, bars(LOWS)).rows()
    assert (row["known_ts"], row["zone_id"], row["trigger"], row["direction"]) == (7 * M5, 5, "change_of_character", "up")
    assert row["touched_ts"] == 5 * M5  # bar 4: 97.5..99.5 (bar 5 opens above)
    assert row["stop"] == 97.5  # lower than the zone's far edge
    assert row["close"] == 103.0


def test_other_breaks_directions_and_untouched_zones_are_none():
    assert len(zone_entries(zone(), turn(7, kind=2), NO_SWEEPS, bars(LOWS))) == 0
    assert len(zone_entries(zone(), turn(7, direction=2), NO_SWEEPS, bars(LOWS))) == 0
    assert len(zone_entries(zone(), turn(7), NO_SWEEPS, bars([103.0] * 8))) == 0
    assert len(zone_entries(zone(), turn(7), NO_SWEEPS, bars(LOWS), patience=2)) == 0
    assert len(zone_entries(zone(), turn(7), NO_SWEEPS, bars(LOWS), since=8 * M5)) == 0


def test_a_zone_counts_from_when_it_is_known_until_it_is_broken():
    assert len(zone_entries(zone((6, 5)), turn(7), NO_SWEEPS, bars(LOWS))) == 0
    assert len(zone_entries(zone((7, 5)), turn(7), NO_SWEEPS, bars(LOWS))) == 0  # broken at the same close
    assert len(zone_entries(zone((8, 5)), turn(7), NO_SWEEPS, bars(LOWS))) == 1
    late = zone().with_columns(known_ts=[6 * M5])
    assert len(zone_entries(late, turn(7), NO_SWEEPS, bars(LOWS))) == 0  # touched before it was known


def test_a_sweep_of_lows_speaks_for_up():
    sweep = made(SWEEPS, ref_ts=[0], known_ts=[6 * M5], side=[2], members=[1])
    (row,) = zone_entries(zone(), BREAKS.empty(), sweep, bars(LOWS)).rows()
    assert (row["trigger"], row["direction"]) == ("sweep", "up")
    assert len(zone_entries(zone(), BREAKS.empty(), sweep.with_columns(side=[1]), bars(LOWS))) == 0


def found(market, until=None):
    part = market if until is None else market.until(until)
    graph = Graph(market.instrument, ["fair_value_gaps@4h", "breaks", "sweeps"], set(market.tables), "1h")
    rows = collect(graph, [part.batch()])
    return zone_entries(rows["fair_value_gaps@4h"], rows["breaks@1h"], rows["sweeps@1h"], part.tables["bars@1h"])


def test_rows_do_not_change_when_later_data_is_taken_away():
    market = made_market(2)
    whole = found(market)
    assert len(whole) > 5
    for hours in (150, 333):
        at = START + hours * HOUR
        assert whole[whole.clock <= at].same_as(found(market, at))


def test_a_market_upside_down_gives_the_entries_upside_down():
    from laws.market import mirrored

    market = made_market(2)
    a, b = mirror_table(found(market)), found(mirrored(market))
    assert sorted(a["known_ts"].tolist()) == sorted(b["known_ts"].tolist())
    order = [np.lexsort((t["trigger"], t["known_ts"])) for t in (a, b)]
    for name in ("direction", "trigger", "bottom", "top"):
        assert np.allclose(a[name][order[0]], b[name][order[1]])
