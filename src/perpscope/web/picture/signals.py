"""Signals with every reason, the confluence, and the grid of time frames, as cards."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from perpscope.core.table import Table
from perpscope.engine.catalogue import all_folds
from perpscope.report import document as told
from perpscope.report.results import ts_of
from perpscope.report.words import plain, signed
from perpscope.setups.base import Verdict
from perpscope.setups.factors import FACTORS
from perpscope.web.picture.catalogue import setup_names, spec_of
from perpscope.web.picture.known import Picture
from perpscope.web.picture.layers import key_of
from perpscope.web.picture.rows import ended, window_rows
from perpscope.web.wire import MtfGrid, MtfRow, Reason, ScoreCard, SignalCard

MOST_SIGNALS = 40
"""Signals of a frame; all of the window over HTTP."""

_PART, _VETO = "part_", "veto_"
_UNKNOWN = "-"
_YOUNG = "too few bars"


def signal_cards(picture: Picture, after: int | None = None, most: int = MOST_SIGNALS) -> tuple[list[SignalCard], int]:
    """Signals of the window by their newest change, and how many older ones were left out; `after`: those changed since."""
    found: list[SignalCard] = []
    for name in setup_names():
        key = key_of(picture, name)
        spec = None if key is None else spec_of(key)
        if key is None or spec is None:
            continue
        rows = window_rows(picture.results.rows[key], spec, picture.results.window.start)
        found.extend(_cards(name, rows, picture.results.verdicts, after))
    found.sort(key=lambda card: (card.changed_ms, card.id))
    dropped = max(0, len(found) - most)
    return found[dropped:], dropped


def score_card(picture: Picture) -> ScoreCard | None:
    """The confluence at the last close; None where it did not run or is stale."""
    setup = next((s for s in picture.document.setups if s.name == "confluence"), None)
    table = picture.results.table("confluence")
    if setup is None or table is None or not len(table):
        return None
    vetoes = [c.removeprefix(_VETO) for c in table.schema.names if c.startswith(_VETO) and bool(table[c][-1])]
    return ScoreCard(
        title=setup.title,
        known_ms=ts_of(setup.known) / 1e6,
        score=setup.score,
        most=setup.most,
        reasons=[
            Reason(name=r.factor, title=r.title, detail=r.detail, part=r.contribution, verdict=r.verdict) for r in setup.reasons
        ],
        vetoes=vetoes,
    )


def mtf_grid(picture: Picture) -> MtfGrid | None:
    """How each time frame leans, coarsest first, with its parts; None where no frame has enough bars."""
    frames = picture.document.frames
    if frames is None:
        return None
    parts = list(dict.fromkeys(part for lean in frames.frames for part in lean.parts))
    rows = [MtfRow(frame=lean.timeframe, cells=_lean(lean, parts)) for lean in frames.frames]
    if frames.score is not None:
        whole = [signed(frames.score), str(frames.side), *[""] * len(parts)]
        rows.append(MtfRow(frame="all", cells=whole))
    return MtfGrid(headings=["lean", "trend", *map(plain, parts)], rows=rows)


def _lean(lean: told.FrameLean, parts: list[str]) -> list[str]:
    trend = plain(lean.trend_state) if lean.trend_state else _UNKNOWN if lean.score is not None else _YOUNG
    return [signed(lean.score), trend, *(signed(lean.parts.get(part)) for part in parts)]


def _cards(name: str, rows: Table, verdicts: Mapping[str, Verdict], after: int | None) -> Iterator[SignalCard]:
    if not len(rows):
        return
    _, last = np.unique(rows["id"][::-1], return_index=True)
    kept, first = np.unique(rows["id"], return_index=True)
    last = len(rows) - 1 - last
    fresh = np.ones(len(kept), bool) if after is None else rows.clock[last] > after
    newest, over = rows[last[fresh]], ended(rows[last[fresh]])
    opened = rows.clock[first[fresh]]
    title = all_folds()[name].spec.title
    for row, known, end in zip(newest.rows(), opened.tolist(), over.tolist(), strict=True):
        yield SignalCard(
            id=float(row["id"]),
            setup=name,
            title=title,
            verdict=_verdict(verdicts, name),
            event=row["event"],
            live=not end,
            variant=row["variant"],
            position_side=row["position_side"],
            ref_ms=row["ref_ts"] / 1e6,
            known_ms=known / 1e6,
            changed_ms=row["known_ts"] / 1e6,
            entry=_number(row["entry"]),
            stop=_number(row["stop"]),
            target=_number(row["target"]),
            target_2=_number(row["target_2"]),
            invalidation=_number(row["invalidation"]),
            score=_number(row["score"]),
            cause=row["cause"] or "",
            reasons=[
                _reason(c.removeprefix(_PART), c, rows, row[c], verdicts) for c in rows.schema.names if c.startswith(_PART)
            ],
        )


def _reason(name: str, column: str, rows: Table, part: float | None, verdicts: Mapping[str, Verdict]) -> Reason:
    factor = next((f for f in FACTORS if f.name == name), None)
    title = rows.schema.by_name[column].help.partition(", -1..1")[0]
    detail = factor.reason(math.nan if part is None else part) if factor else ""
    return Reason(name=name, title=title, detail=detail, part=_number(part), verdict=_verdict(verdicts, name))


def _verdict(verdicts: Mapping[str, Verdict], name: str) -> str:
    return verdicts.get(name, Verdict.UNPROVEN).value.lower()


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
