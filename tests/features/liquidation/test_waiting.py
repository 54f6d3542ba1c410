"""Opens of far tiers wait for the end of the hour. Answer: the same filter with a band so wide that nothing may wait."""

from __future__ import annotations

import numpy as np
import pytest

from features.liquidation.worlds import START, instrument, random_tables, run
from perpscope.core.table import Table
from perpscope.core.time import HOUR, MINUTE
from perpscope.features.liquidation.exposure import UNIT_COLUMNS, ExposureEntry, ExposureParams, LiquidationExposure
from perpscope.features.liquidation.flows import PositionFlows

NAMES = ("exposure", "young", "day", *UNIT_COLUMNS)


def rows(tables: dict[str, Table], band: float, watermarks: tuple[int, ...] = ()) -> Table:
    params = ExposureParams(band=band, refresh_hours=2, floor_fraction=1e-15)  # what is tiny is told, too
    folds = (PositionFlows(None, "1m"), LiquidationExposure(params, "1m"))
    return run(instrument(), tables, *folds, frame="1m", watermarks=watermarks)["liquidation_exposure"]


def stated(table: Table) -> dict[tuple[int, int, int], tuple[float, ...]]:
    """Cells of full statements that hold something, by bar, side and bin."""
    cells = table[(table["entry"] == ExposureEntry.CELL) & table["full"] & (table["exposure"] > 0.0)]
    key = zip(cells["ref_ts"].tolist(), cells["side"].tolist(), cells["bin"].tolist())
    return dict(zip(key, zip(*(cells[name].tolist() for name in NAMES))))


@pytest.mark.parametrize("volatility", [0.0008, 0.008])
@pytest.mark.parametrize("late", [False, True])
def test_what_waits_is_told_as_if_it_had_not_waited(volatility, late):
    """Tiers beyond 2 bps of band wait here: all of them. With open interest every 5 minutes opens are known late, too."""
    tables = random_tables(3, 20 * 60, MINUTE, volatility)
    if late:
        tables["open_interest"] = tables["open_interest"][4::5]
    waiting, at_once = rows(tables, 0.0002), rows(tables, 3.0)
    assert stated(waiting).keys() == stated(at_once).keys()
    assert len(stated(waiting)) > 1000
    found, wanted = (np.array([*stated(r).values()]) for r in (waiting, at_once))
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-9 * float(wanted.max()))
    for entry in (ExposureEntry.SIDE, ExposureEntry.SWEPT):
        one, other = (r[r["entry"] == entry] for r in (waiting, at_once))
        assert one["bin"].tolist() == other["bin"].tolist()
        for name in ("exposure", "swept", "unplaced", *UNIT_COLUMNS):
            np.testing.assert_allclose(one[name], other[name], rtol=1e-5, atol=1e-6)


def test_where_a_batch_ends_does_not_decide_when_waiting_ends():
    tables = random_tables(5, 300, MINUTE, 0.001)
    cuts = tuple(START + k * 7 * MINUTE + HOUR // 3 for k in range(1, 30))
    cut, whole = rows(tables, 0.24, cuts), rows(tables, 0.24)
    for name in whole.schema.names:
        np.testing.assert_array_equal(cut[name], whole[name])
