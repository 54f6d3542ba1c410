"""The order book at a moment as a ladder: what rests at the prices nearest to the touch."""

from __future__ import annotations

import numpy as np

from perpscope.core.events import BookSide
from perpscope.core.table import Table, choice, price, quantity, row_schema
from perpscope.report.results import ts_of
from perpscope.web.picture.known import Picture

DEPTH = 100
"""Levels of a side, the touch first."""

LADDER_ROWS = row_schema(
    "ladder",
    choice("side", BookSide, "bid or ask"),
    price("price", "the level"),
    quantity("quantity", "resting there, base units"),
)


def ladder_rows(picture: Picture) -> Table:
    """The newest quantity of every level since the last full snapshot, bids then asks, the touch first.

    Definition: rows of `book_delta` from the last snapshot on, the newest per level, empty levels left out. No rows where
    no snapshot was seen or the book has had a hole since: half a book would be worse than none. `ref_ts` is when the level
    was last told, `known_ts` the newest message.
    """
    rows = picture.results.recorded.get("book_delta")
    if rows is None or not len(rows):
        return LADDER_ROWS.empty()
    snapshots = np.flatnonzero(rows["snapshot"])
    if not len(snapshots):
        return LADDER_ROWS.empty()
    rows = rows[int(snapshots[-1]) :]
    if any(h.what == "book_delta" and ts_of(h.end) > rows.clock[0] for h in picture.results.holes):
        return LADDER_ROWS.empty()
    order = np.lexsort((np.arange(len(rows)), rows["price"], rows["side"]))
    side, level = rows["side"][order], rows["price"][order]
    newest = np.append((side[1:] != side[:-1]) | (level[1:] != level[:-1]), True)
    kept = rows[order[newest]]
    kept = kept[kept["quantity"] > 0.0]
    bids = kept[kept["side"] == BookSide.BID]
    asks = kept[kept["side"] == BookSide.ASK]
    shown = Table.concat([bids[np.argsort(-bids["price"])][:DEPTH], asks[np.argsort(asks["price"])][:DEPTH]])
    return Table.of(
        LADDER_ROWS,
        ref_ts=shown.clock,
        known_ts=np.full(len(shown), rows.clock[-1]),
        side=shown["side"],
        price=shown["price"],
        quantity=shown["quantity"],
    )
