"""The laws of setups: a proposal has evidence, a stop where it loses, a target where it wins, parts that sum, an expiry."""

from __future__ import annotations

import numpy as np

from perpscope.core.table import Table
from perpscope.setups.signal import SignalEvent


def parts_of(rows: Table) -> np.ndarray:
    """(parts, rows)."""
    return np.stack([rows[name] for name in rows.schema.names if name.startswith("part_")])


def opened(rows: Table) -> tuple[Table, np.ndarray]:
    """The proposals as they were made, and +1 for longs, -1 for shorts."""
    first = rows[rows["event"] == SignalEvent.OPENED]
    return first, np.where(first["position_side"] == 1, 1.0, -1.0)


def law_evidence(rows: Table) -> None:
    """No proposal without evidence that speaks for its side."""
    first, sign = opened(rows)
    parts = parts_of(first)
    assert (~np.isnan(parts)).any(axis=0).all(), "a proposal knows none of its parts"
    assert (first["score"] * sign > 0).all(), "a score speaks against its own proposal"


def law_stop(rows: Table) -> None:
    """The stop lies on the losing side, the invalidation between it and the entry."""
    first, sign = opened(rows)
    assert (sign * (first["entry"] - first["stop"]) > 0).all(), "a stop lies on the winning side"
    wrong = np.where(np.isnan(first["invalidation"]), first["stop"], first["invalidation"])
    assert (sign * (first["entry"] - wrong) >= 0).all(), "an invalidation lies on the winning side"
    assert (sign * (wrong - first["stop"]) >= 0).all(), "a stop would be hit before its invalidation"


def law_target(rows: Table) -> None:
    """Targets lie on the winning side, the second beyond the first."""
    first, sign = opened(rows)
    for name, from_ in (("target", "entry"), ("target_2", "target")):
        gain = sign * (first[name] - first[from_])
        assert (np.isnan(first[name]) | (gain > 0)).all(), f"{name} lies on the losing side"


def law_score(rows: Table) -> None:
    """The score is the sum of the known parts, and says how many there are; a part lies in -1..1."""
    parts = parts_of(rows)
    assert np.allclose(rows["score"], np.nansum(parts, axis=0), atol=1e-12), "a score is not the sum of its parts"
    assert (rows["known"] == (~np.isnan(parts)).sum(axis=0)).all(), "known parts are miscounted"
    assert (np.isnan(parts) | (np.abs(parts) <= 1.0)).all(), "a part lies outside -1..1"


def law_expiry(rows: Table) -> None:
    """A proposal lapses after it is made, and is left after it lapses."""
    first, _ = opened(rows)
    assert (first["expire_ts"] > first["known_ts"]).all(), "a proposal lapses before it is made"
    timed = first["exit_ts"] != np.iinfo(np.int64).min
    assert (first["exit_ts"] >= first["expire_ts"])[timed].all(), "a proposal is left before it lapses"


def law_life(rows: Table) -> None:
    """A proposal opens once, ends at most once, says nothing after its end, and its terms never change but by ADJUSTED."""
    ends = (SignalEvent.STOPPED, SignalEvent.REACHED, SignalEvent.INVALIDATED, SignalEvent.MISSED, SignalEvent.EXPIRED)
    for one in np.unique(rows["id"]):
        life = rows[rows["id"] == one]
        event = life["event"]
        assert event[0] == SignalEvent.OPENED, "a life does not begin by opening"
        assert (event == SignalEvent.OPENED).sum() == 1, "a life begins twice"
        assert not np.isin(event[:-1], ends).any(), "a proposal speaks after its end"
        for name in ("entry", "target", "expire_ts", "exit_ts", "position_side"):
            same = life[name] == life[name][0]
            assert (same | (life[name] != life[name])).all(), f"{name} changed during a life"


SETUP_LAWS = {
    "evidence": law_evidence,
    "stop": law_stop,
    "target": law_target,
    "score": law_score,
    "expiry": law_expiry,
    "life": law_life,
}
