"""From what the user names - recordings, a lake, the synthetic market - to a tape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from perpscope.core.errors import UserError, unknown_name
from perpscope.replay.dialects import dialect_of
from perpscope.replay.frames import Tape
from perpscope.replay.lines import lines
from perpscope.replay.market import Market, market_of

SYNTHETIC = "synthetic"
TOLD = ("trade", "book_delta", "mark_price", "funding", "open_interest", "liquidation")


def load(venue: str, sources: Sequence[str | Path], symbols: Sequence[str] = (), seed: int = 0, hours: float = 1.0) -> Tape:
    """The tape of a venue.

    Inputs: `sources` are recordings (files or folders) of that venue's messages, one lake, or the word "synthetic": the
    market of `perpscope.synthetic`, `hours` long, made from `seed`, with a book of 20 levels a side.

    Raises:
        UserError: if a source is missing, or holds nothing of the venue or the symbols.
        DataError: if a recording is damaged.
    """
    dialect = dialect_of(venue)
    if not sources:
        raise UserError("Name at least one recording, a lake, or the word synthetic.")
    if str(sources[0]) == SYNTHETIC:
        return dialect.encode([synthetic(seed, hours, symbols)])
    paths = [Path(s) for s in sources]
    if len(paths) == 1 and _is_lake(paths[0]):
        return dialect.encode(from_lake(paths[0], venue, symbols))
    return dialect.recorded(lines(paths), symbols)


def synthetic(seed: int, hours: float, symbols: Sequence[str]) -> Market:
    """The synthetic market, under the symbol asked for (one at most)."""
    from perpscope.synthetic import Config, simulate
    from perpscope.synthetic.config import Publication

    if len(symbols) > 1:
        raise UserError("The synthetic market has one instrument; name one symbol at most.")
    shown = Publication(depth_levels=20, depth_hours=hours)
    made = simulate(Config(seed=seed, days=hours / 24, publication=shown))
    instrument = replace(made.instrument, symbol=symbols[0]) if symbols else made.instrument
    return market_of(instrument, {name: made.tables[name] for name in TOLD if name in made.tables})


def from_lake(path: Path, venue: str, symbols: Sequence[str]) -> list[Market]:
    """The instruments of a lake that have anything a venue streams.

    Raises:
        UserError: for a symbol the lake has nothing of.
    """
    from perpscope.lake import Lake

    lake = Lake(path)
    known = {i.symbol: i for i in lake.instruments() if i.venue == venue}
    for symbol in symbols:
        if symbol not in known:
            raise unknown_name(f"{venue} symbol in this lake", symbol, known)
    markets = []
    for symbol in symbols or sorted(known):
        streams = [s for s in TOLD if s in lake.streams(venue, symbol)]
        if streams:
            tables = {s: lake.read(venue, symbol, s) for s in streams}
            markets.append(market_of(lake.instrument(venue, symbol), tables))
    if not any(m.deals or m.book or m.marks for m in markets):
        raise UserError(
            f"This lake holds no sealed trades, books or marks of {venue} to replay (bars alone cannot be streamed)."
        )
    return markets


def _is_lake(path: Path) -> bool:
    from perpscope.lake.layout import CATALOGUE

    return (path / CATALOGUE).exists() or (path / "hot").is_dir()
