"""Companions: a second instrument beside the one a graph serves, as streams of its own name.

A graph serves one instrument, and should: folds would otherwise have to ask of every row whose it is. What a fold needs
of another instrument is little and named - its bars, or its open interest and funding - so the source delivers that
under other names: `other_bars` (a coin that moves with this one), `spot_bars` (the spot market of the same coin),
`venue_interest` and `venue_funding` (the same contract elsewhere). To the fold these are inputs like any other, and the
laws hold for them as for any other. See docs/decisions/0011-companions.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.events import FUNDING, OPEN_INTEREST, OTHER_BARS, SPOT_BARS, VENUE_FUNDING, VENUE_INTEREST, stream_name
from perpscope.core.instrument import Instrument
from perpscope.core.table import Schema, Table
from perpscope.core.time import NULL_TS
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect
from perpscope.lake import Lake, Source

ROLES = ("other", "spot", "venue")
_BARS: Mapping[str, Schema] = {"other": OTHER_BARS, "spot": SPOT_BARS}


@dataclass(frozen=True)
class Companion:
    """Which instrument stands beside, and as what: "other", "spot" or "venue"."""

    role: str
    venue: str
    symbol: str

    @classmethod
    def parse(cls, text: str) -> Companion:
        """Read 'other=binance:ETHUSDT', 'spot=binance-spot:BTCUSDT' or 'venue=bybit:BTCUSDT'.

        Raises:
            UserError: for anything else.

        Example:
            >>> Companion.parse("venue=bybit:BTCUSDT")
            Companion(role='venue', venue='bybit', symbol='BTCUSDT')
        """
        role, _, name = text.partition("=")
        venue, _, symbol = name.partition(":")
        if role not in ROLES or not venue or not symbol:
            raise UserError(
                f"'{text}' names no companion. Write role=venue:symbol with the role other (a coin that moves alike), spot "
                "(its spot market) or venue (the same contract elsewhere), such as other=binance:ETHUSDT."
            )
        return cls(role, venue, symbol)


def with_companions(source: Source, lake: Lake, companions: Sequence[Companion], frames: Sequence[str]) -> Source:
    """The source with the streams of its companions, over the same time, bars at each of the frames.

    Definition: bars of a companion at a frame are made from its finer ones by the same fold as the instrument's own.
    Its open interest and funding are told with a number per venue, in the order in which the companions are named.
    Returns: a source; streams of a companion that has none of them are left out.
    Raises: UserError if a companion is not in the lake, has another base coin than its role allows, two companions share
    the role other or spot, or one has neither bars of a frame nor anything finer.
    """
    tables = dict(source.tables)
    given = [c.role for c in companions if c.role != "venue"]
    if len(set(given)) != len(given):
        raise UserError("Only one companion can be the other coin, and one the spot market. Name each role once.")
    numbered = 0
    for companion in companions:
        beside = lake.source(companion.venue, companion.symbol, start=source.start, end=source.end)
        _comparable(source.instrument, beside.instrument, companion)
        if companion.role == "venue":
            numbered += 1
            for name, told in _told(beside, numbered).items():
                tables[name] = Table.concat([tables[name], told]).sorted() if name in tables else told
        else:
            tables |= _bars(beside, _BARS[companion.role], frames)
    return replace(source, tables=tables, offered=source.offered | set(tables))


def _comparable(mine: Instrument, theirs: Instrument, companion: Companion) -> None:
    """Quantities of another coin cannot be added to ours; for spot and venue the base coin must be the same."""
    if companion.role == "other" or not mine.base or not theirs.base or mine.base == theirs.base:
        return
    raise UserError(
        f"{companion.venue} {companion.symbol} counts {theirs.base} and {mine.venue} {mine.symbol} counts {mine.base}: "
        f"their units differ and cannot be added or compared. Name a companion in {mine.base}."
    )


def _bars(source: Source, schema: Schema, frames: Sequence[str]) -> dict[str, Table]:
    graph = Graph(source.instrument, [], source.offered, frames[0])
    keys = {frame: graph.require(f"bars@{frame}") for frame in dict.fromkeys(frames)}
    made = {**source.tables, **collect(graph, source)}
    return {stream_name(schema.name, frame): _named(made[key], schema) for frame, key in keys.items()}


def _told(source: Source, number: int) -> dict[str, Table]:
    """Open interest and funding of one venue under its number."""
    told: dict[str, Table] = {}
    interest = source.tables.get(OPEN_INTEREST.name)
    if interest is not None:
        told[VENUE_INTEREST.name] = Table.of(
            VENUE_INTEREST,
            exchange_ts=interest.clock,
            receive_ts=interest["receive_ts"],
            venue=np.full(len(interest), number),
            open_interest=interest["open_interest"],
        )
    if FUNDING.name in source.tables:
        graph = Graph(source.instrument, ["funding_state"], {FUNDING.name}, "1h")
        paid = collect(graph, [Batch(source.end, {FUNDING.name: source.tables[FUNDING.name]})])["funding_state"]
        told[VENUE_FUNDING.name] = Table.of(
            VENUE_FUNDING,
            exchange_ts=paid.clock,
            receive_ts=np.full(len(paid), NULL_TS),
            venue=np.full(len(paid), number),
            funding_rate_8h=paid["funding_rate_8h"],
        )
    return told


def _named(table: Table, schema: Schema) -> Table:
    return Table(schema, dict(table.columns()), len(table))
