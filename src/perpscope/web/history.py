"""Recorded history as pictures: read once, kept while there is room, cut to any moment and window in it."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

from perpscope import __version__
from perpscope.core.errors import UserError, unknown_name
from perpscope.core.events import stream_frame, stream_kind
from perpscope.core.time import DAY, Timeframe, format_ts
from perpscope.lake import Lake, Source
from perpscope.report.build import build_report, history_start
from perpscope.report.mix import SHIPPED, MixInUse
from perpscope.research.evidence.verdicts import read_verdicts
from perpscope.setups.base import Verdict
from perpscope.web.frames import milliseconds
from perpscope.web.picture.known import Picture
from perpscope.web.wire import MAX_BARS, InstrumentCard

FRAMES = ("1m", "5m", "15m", "30m", "1h", "2h", "4h", "1d")
MOST_BYTES = 1_500_000_000
"""Rows kept in memory; the pictures that were looked at longest ago go first."""

REACH = 20_000
"""Bars before the end of the data within which one picture serves every moment."""

EMPTY = "The lake is empty. Import data first (perpscope import list), or invent a market: perpscope demo."

TAPE_FOLDS = frozenset({"orders", "large_trades", "level_absorption", "tape_sweeps", "vpin", "event_bars"})
"""Folds that look at every print and that nothing else stands on: more than half of the work on a tape, so only on demand."""

_TAPES = ("trade", "book_delta")
_TAPE_BEFORE = 2 * DAY
"""How far before the window prints are read where bars are recorded: so far do the sums of a day reach."""


class _Key(NamedTuple):
    generation: int
    venue: str
    symbol: str
    frame: str
    begin: int
    end: int
    tape: bool


@dataclass(frozen=True)
class Ask:
    """What a client wants to see. `at` in ns; None: the newest. `tape`: with the folds of `TAPE_FOLDS`."""

    venue: str
    symbol: str
    frame: str
    bars: int = 1000
    at: int | None = None
    tape: bool = False


class History:
    """The pictures of a lake. Safe to use from several threads; the same picture is never made twice at once.

    Args:
        verdicts: folder of `perpscope evidence`; None: everything is unproven.

    Raises:
        UserError: if there are no verdicts in the folder.
    """

    def __init__(self, lake: Path, verdicts: Path | None = None, most_bytes: int = MOST_BYTES) -> None:
        self.lake = Lake(lake)
        self.folder = verdicts
        self.most_bytes = most_bytes
        self._kept: OrderedDict[_Key, Picture] = OrderedDict()
        self._spans: dict[tuple[int, str, str], tuple[int, int]] = {}
        self._lock = threading.RLock()
        self._making: dict[_Key, threading.Lock] = {}
        if verdicts is not None:
            read_verdicts(verdicts)

    @property
    def generation(self) -> int:
        """Rises with every import; what was made from an older one is made anew."""
        return self.lake.catalogue.generation

    def refresh(self) -> int:
        """Look whether another process has imported; the generation now."""
        with self._lock:
            before = self.generation
            self.lake.refresh()
            if self.generation != before:
                self._spans.clear()
            return self.generation

    def tag(self, *parameters: object) -> str:
        """A fingerprint of an answer: the data, the code and what was asked."""
        told = repr((self.generation, code_digest(), *parameters))
        return hashlib.sha256(told.encode()).hexdigest()[:32]

    def instruments(self) -> list[InstrumentCard]:
        """Every instrument with bars or trades, and the time frames that can be made of them."""
        cards = []
        for found in self.lake.instruments():
            streams = self.lake.streams(found.venue, found.symbol)
            frames = frames_of(streams)
            if frames:
                spans = [self.lake.span(found.venue, found.symbol, s) for s in streams if _priced(s)]
                first, last = min(a for a, _ in spans), max(b for _, b in spans)
                cards.append(
                    InstrumentCard(
                        venue=found.venue, symbol=found.symbol, base=found.base, quote=found.quote, tick_size=found.tick_size,
                        frames=frames, streams=streams, first_ms=float(milliseconds(first)), last_ms=float(milliseconds(last)),
                    )
                )  # fmt: skip
        return cards

    def verdicts_at(self, at: int) -> dict[str, Verdict]:
        """What evidence had found by a moment."""
        return {name: one.verdict for name, one in read_verdicts(self.folder, at).items()}

    def span(self, venue: str, symbol: str) -> tuple[int, int]:
        """From the first to the last moment at which a price is known.

        Raises:
            UserError: if the lake has no such instrument, or no price of it.
        """
        key = (self.generation, venue, symbol)
        if key in self._spans:
            return self._spans[key]
        self._check(venue, symbol)
        spans = [self.lake.span(venue, symbol, s) for s in self.lake.streams(venue, symbol) if _priced(s)]
        if not spans:
            raise UserError(f"The lake has neither bars nor trades of {venue} {symbol}. Import some: perpscope import list.")
        self._spans[key] = min(a for a, _ in spans), max(b for _, b in spans)
        return self._spans[key]

    def picture(self, ask: Ask) -> Picture:
        """The picture as it was known at the moment asked for.

        Raises:
            UserError: for an instrument, a time frame or a moment that the lake does not have.
            DataError: if a file of the lake is damaged.
        """
        frame, bars = Timeframe.parse(ask.frame), _bars(ask.bars)
        first, last = self.span(ask.venue, ask.symbol)
        at = last if ask.at is None else ask.at
        if not first < at:
            raise UserError(f"The data of {ask.venue} {ask.symbol} begins {format_ts(first)}. Choose a later moment.")
        at = min(at, last)
        step = REACH // 2 * frame.ns
        end = last if last - at <= REACH * frame.ns else -(-at // step) * step
        try:
            whole = self.base(ask.venue, ask.symbol, frame.name, at - bars * frame.ns, end, ask.tape)
        except UserError:
            if end == at:
                raise
            whole = self.base(ask.venue, ask.symbol, frame.name, at - bars * frame.ns, at, ask.tape)
        return whole.until(at, bars)

    def base(self, venue: str, symbol: str, frame: str, start: int, end: int, tape: bool = False) -> Picture:
        """Everything known by `end` about what goes on from `start`, from memory where it is there.

        Raises:
            UserError: as `picture`.
        """
        length = Timeframe.parse(frame)
        block = REACH // 4 * length.ns
        begin = max(start // block * block, self.span(venue, symbol)[0])
        key = _Key(self.generation, venue, symbol, frame, begin, end, tape)
        with self._lock:
            found = self._covering(key)
            if found is not None:
                return found
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                found = self._covering(key)
            if found is None:
                found = self._read(venue, symbol, length, begin, end, tape)
                self._keep(key, found)
        with self._lock:
            self._making.pop(key, None)
        return found

    def _covering(self, key: _Key) -> Picture | None:
        """A picture that is kept with the same end and a beginning that is early enough."""
        for other in reversed(self._kept):
            if other._replace(begin=key.begin, tape=key.tape) == key and other.begin <= key.begin and other.tape >= key.tape:
                self._kept.move_to_end(other)
                return self._kept[other]
        return None

    def _keep(self, key: _Key, picture: Picture) -> None:
        with self._lock:
            for old in [k for k in self._kept if k.generation != key.generation]:
                del self._kept[old]
            self._kept[key] = picture
            while len(self._kept) > 1 and sum(map(_weight, self._kept.values())) > self.most_bytes:
                self._kept.popitem(last=False)

    def _read(self, venue: str, symbol: str, frame: Timeframe, begin: int, end: int, tape: bool) -> Picture:
        source = self._source(venue, symbol, frame, begin, end)
        lookback, leave_out = max(end - begin, 2 * frame.ns), () if tape else TAPE_FOLDS
        made = build_report(source, at=end, frame=frame.name, lookback=lookback, mix=mix_of(source, frame), leave_out=leave_out)
        return Picture(made.results, self.verdicts_at, source.origins)

    def _source(self, venue: str, symbol: str, frame: Timeframe, begin: int, end: int) -> Source:
        start = history_start(end, frame.name, max(end - begin, 2 * frame.ns))
        streams = self.lake.streams(venue, symbol, end)
        tapes = [s for s in streams if s in _TAPES]
        others = [s for s in streams if s not in _TAPES]
        if not tapes or not _tiled(others, frame):
            return self.lake.source(venue, symbol, start=start, end=end)
        source = self.lake.source(venue, symbol, others, start=start, end=end)
        short = self.lake.source(venue, symbol, tapes, start=max(start, begin - _TAPE_BEFORE), end=end)
        return replace(
            source,
            tables={**source.tables, **short.tables},
            holes={**source.holes, **short.holes},
            origins={**source.origins, **short.origins},
            gaps=type(source.gaps).concat([source.gaps, short.gaps]).sorted(),
        )

    def _check(self, venue: str, symbol: str) -> None:
        have = self.lake.instruments()
        if not have:
            raise UserError(
                "The lake is empty. Import data first: perpscope import list, or perpscope demo for an invented market."
            )
        if (venue, symbol) not in {(i.venue, i.symbol) for i in have}:
            venues = {i.venue for i in have}
            if venue not in venues:
                raise unknown_name("venue in the lake", venue, venues)
            raise unknown_name(f"instrument of {venue}", symbol, {i.symbol for i in have if i.venue == venue})


def frames_of(streams: Sequence[str]) -> list[str]:
    """The usual time frames that bars or trades of these streams can make.

    Example:
        >>> frames_of(["bars@1h", "funding"])
        ['1h', '2h', '4h', '1d']
    """
    if "trade" in streams:
        return list(FRAMES)
    return [name for name in FRAMES if _tiled(streams, Timeframe.parse(name))]


@cache
def code_digest() -> str:
    """A fingerprint of the package's source, so that an upgraded server never answers "not modified"."""
    seen = hashlib.sha256(__version__.encode())
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        seen.update(path.read_bytes())
    return seen.hexdigest()[:16]


def _bars(wanted: int) -> int:
    if wanted < 2:
        raise UserError("A picture needs at least two bars. Ask for more.")
    return min(wanted, MAX_BARS)


def _priced(stream: str) -> bool:
    return stream == "trade" or stream_kind(stream) == "bars"


def _tiled(streams: Sequence[str], frame: Timeframe) -> bool:
    lengths = [Timeframe.parse(str(stream_frame(s))).ns for s in streams if stream_kind(s) == "bars"]
    return any(frame.ns % length == 0 for length in lengths)


def mix_of(source: Source, frame: Timeframe) -> MixInUse:
    """The shipped mix, and the cells of the book as wide as a quarter of a bar and about a bp high."""
    book = source.tables.get("book_delta")
    if book is None or not len(book):
        return SHIPPED
    tick = source.instrument.tick_size
    step = max(1, round(float(book["price"][0]) * 1e-4 / tick))
    column_ms = max(1_000, frame.ns // 4_000_000)
    return replace(SHIPPED, settings={"liquidity_heatmap": {"column_ms": column_ms, "step_ticks": step}})


def _weight(picture: Picture) -> int:
    rows = {id(t): t.nbytes for t in (*picture.results.rows.values(), *picture.results.recorded.values())}
    return sum(rows.values())
