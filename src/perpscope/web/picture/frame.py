"""Snapshot and delta: a picture at a moment as one binary frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from perpscope.core.time import HOUR, Timeframe
from perpscope.report.document import Hole
from perpscope.report.results import ts_of
from perpscope.web.frames import Arrays, encode_frame, renumbered
from perpscope.web.picture.catalogue import HEATS, RECORDED, SHOWN, layer_cards
from perpscope.web.picture.forming import forming_candle
from perpscope.web.picture.heats import Raster, extended, left, place_heat
from perpscope.web.picture.known import Picture
from perpscope.web.picture.layers import key_of, place_layers
from perpscope.web.picture.signals import mtf_grid, score_card, signal_cards
from perpscope.web.wire import Chip, Delta, Heat, HoleCard, Layer, Snapshot

STALE = 3
"""A stream that should have spoken this often and did not is stale; one that speaks when something happens never is."""

_SPARSE = frozenset({"liquidation", "position"})


@dataclass(frozen=True)
class Drawn:
    """A picture ready to be sent: one header and one set of arrays for every client that sees the same.

    `rasters` are those of its heats, for the deltas that follow. `outgrown`: a snapshot serves better, because the delta tells
    more than half of the window or the price has left a heat.
    """

    header: Snapshot | Delta
    arrays: Arrays
    rasters: Mapping[str, Raster] = field(default_factory=dict)
    outgrown: bool = False

    def frame(self, id: int = 0, epoch: str = "", seq: int = 1, after_seq: int = 0) -> bytes:
        """The frame with a client's numbers: its subscription, its run of frames, its place in the run."""
        numbers = {"id": id, "epoch": epoch, "seq": seq}
        if isinstance(self.header, Delta):
            numbers["after_seq"] = after_seq
        return encode_frame(renumbered(self.header, **numbers), self.arrays)


def layer_names(asked: Sequence[str] | None) -> tuple[str, ...]:
    """The layers to draw: those asked for that exist, or those shown unless asked otherwise; candles always first."""
    known = {card.name for card in layer_cards()}
    chosen = [c.name for c in layer_cards() if c.name in SHOWN] if asked is None else list(dict.fromkeys(asked))
    return tuple(dict.fromkeys(["candles", *(name for name in chosen if name.partition("@")[0] in known)]))


def snapshot(picture: Picture, names: Sequence[str]) -> Drawn:
    """The whole window of a picture (see `Picture.until`) as a frame."""
    results, arrays = picture.results, Arrays()
    heats, rasters = _heats(arrays, picture, names, None)
    layers = list(place_layers(arrays, picture, names))
    signals, older = signal_cards(picture)
    instrument = results.instrument
    header = Snapshot(
        id=0,
        epoch="",
        seq=1,
        watermark_ms=results.at / 1e6,
        venue=instrument.venue,
        symbol=instrument.symbol,
        frame=results.frame.name,
        frame_ms=results.frame.ns / 1e6,
        layers=layers,
        heats=heats,
        signals=signals,
        forming=forming_candle(picture),
        skipped=_skipped(layers, older),
        chip=chip(picture),
        summary=list(picture.document.summary),
        mtf=mtf_grid(picture),
        score=score_card(picture),
        base=instrument.base,
        quote=instrument.quote,
        tick_size=instrument.tick_size,
        start_ms=results.window.start / 1e6,
        end_ms=results.window.end / 1e6,
        history_ms=results.history.start / 1e6,
        absent=_absent(picture, names, {layer.name for layer in layers} | {heat.name for heat in heats}),
        mix=results.mix.name,
    )
    return Drawn(header, arrays, rasters)


def delta(picture: Picture, names: Sequence[str], after: int, drawn: Mapping[str, Raster]) -> Drawn:
    """What became known since `after`. The words are told anew when a bar has closed; heats go on from their last column."""
    results, arrays = picture.results, Arrays()
    heats, rasters = _heats(arrays, picture, names, drawn, after)
    layers = list(place_layers(arrays, picture, names, after))
    signals, older = signal_cards(picture, after)
    closed = bool(len(results.bars.between(after, picture.at)))
    header = Delta(
        id=0,
        epoch="",
        seq=1,
        after_seq=0,
        watermark_ms=results.at / 1e6,
        venue=results.instrument.venue,
        symbol=results.instrument.symbol,
        frame=results.frame.name,
        frame_ms=results.frame.ns / 1e6,
        layers=layers,
        heats=heats,
        signals=signals,
        forming=forming_candle(picture),
        skipped=_skipped(layers, older),
        chip=chip(picture),
        summary=list(picture.document.summary) if closed else None,
        mtf=mtf_grid(picture) if closed else None,
        score=score_card(picture) if closed else None,
    )
    whole = results.window.end - results.window.start
    begun = any(_begins(picture, name, after) for name in names if name in HEATS and name not in drawn)
    outgrown = begun or 2 * (picture.at - after) > whole or any(left(r, picture, after) for r in rasters.values())
    return Drawn(header, arrays, rasters, outgrown)


def chip(picture: Picture) -> Chip:
    """Age of the newest row, holes of the window, and the streams that have fallen silent."""
    results = picture.results
    newest = max((int(t.clock[-1]) for t in results.recorded.values() if len(t)), default=results.at)
    return Chip(
        age_ms=max(0, results.at - newest) / 1e6,
        holes=[
            HoleCard(what=h.what, start_ms=ts_of(h.start) / 1e6, end_ms=ts_of(h.end) / 1e6, cause=h.cause)
            for h in results.holes
        ],
        stale=[
            name for name, table in results.recorded.items() if len(table) and _is_stale(name, int(table.clock[-1]), picture)
        ],
        sources={stream: sorted(counts) for stream, counts in picture.origins.items()},
    )


def _hole(hole: Hole) -> HoleCard:
    return HoleCard(what=hole.what, start_ms=ts_of(hole.start) / 1e6, end_ms=ts_of(hole.end) / 1e6, cause=hole.cause)


def _is_stale(stream: str, newest: int, picture: Picture) -> bool:
    frame = stream.partition("@")[2]
    pace = Timeframe.parse(frame).ns if frame else 8 * HOUR if stream == "funding" else picture.frame_ns
    return stream not in _SPARSE and picture.at - newest >= STALE * pace


def _heats(
    arrays: Arrays, picture: Picture, names: Sequence[str], drawn: Mapping[str, Raster] | None, after: int = 0
) -> tuple[list[Heat], dict[str, Raster]]:
    heats: list[Heat] = []
    rasters: dict[str, Raster] = dict(drawn or {})
    for name in names:
        if name in HEATS and (drawn is None or (name in drawn and _moved(picture, name, after))):
            placed = place_heat(arrays, picture, name, None if drawn is None else extended(drawn[name], picture, after))
            if placed is not None:
                heats.append(placed[0])
                rasters[name] = placed[1]
    return heats, rasters


def _moved(picture: Picture, name: str, after: int) -> bool:
    """Whether a heat has changed since `after`: a column has begun, or its newest one has new rows."""
    floor = picture.results.frame.floor
    return floor(picture.at) != floor(after) or _begins(picture, name, after)


def _begins(picture: Picture, name: str, after: int) -> bool:
    """Whether a heat has new rows."""
    key = key_of(picture, name)
    return key is not None and bool(len(picture.results.rows[key].between(after, picture.at)))


def _skipped(layers: Sequence[Layer], signals: int) -> dict[str, int]:
    found = {layer.name: layer.dropped for layer in layers if layer.dropped}
    return {**found, "signals": signals} if signals else found


def _absent(picture: Picture, names: Sequence[str], there: set[str]) -> dict[str, str]:
    results, found = picture.results, {}
    for name in names:
        base = name.partition("@")[0]
        if base in there or base in RECORDED:
            continue
        none = "Nothing of it lies in this window." if key_of(picture, name) else results.why(base)
        found[name] = none
    return found
