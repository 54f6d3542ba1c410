"""The report as titled tables of text: what the page and the terminal both show, in the same words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perpscope.report.document import Cluster, Document, Leverage
from perpscope.report.panes.canvas import compact, money, price_text
from perpscope.report.words import UNKNOWN, at_text, lasting, percent, plain, signed, signed_percent


@dataclass(frozen=True)
class Grid:
    """A table: headings, rows of text, and the columns that hold numbers (set to the right)."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    brief: bool = True


@dataclass(frozen=True)
class Sheet:
    """A section: its title, sentences, tables. A grid that is not `brief` is for the page only."""

    title: str
    notes: tuple[str, ...]
    grids: tuple[Grid, ...]


def sheets(document: Document) -> list[Sheet]:
    """Every section in reading order; one that is absent says why."""
    return [
        _setups(document),
        _leverage(document),
        _flow(document),
        _frames(document),
        _sessions(document),
        _derivatives(document),
        _structure(document),
        _profile(document),
        _data(document),
    ]


def _grid(title: str, headings: str, rows: Sequence[tuple[str, ...]], numeric: str = "", brief: bool = True) -> Grid:
    names = tuple(headings.split("|"))
    return Grid(title, names, tuple(rows), frozenset(i for i, n in enumerate(names) if n in numeric.split("|")), brief)


def _missing(document: Document, title: str, section: str) -> Sheet:
    return Sheet(title, (document.absent.get(section, "Not known."),), ())


def _setups(document: Document) -> Sheet:
    grids = [
        _grid(
            f"{s.title}: {signed(s.score)} of {s.most:.0f} ({s.reasons_known} of {len(s.reasons)} lines known)",
            "line|adds|what it says|verdict",
            [(r.title, signed(r.contribution), r.detail, r.verdict) for r in s.reasons],
            "adds",
        )
        for s in document.setups
    ]
    note = (
        "Lines are added with equal weights, long positive. The sum is no probability: nothing is claimed before measurement."
    )
    return Sheet("Setups and their evidence", (note,) if grids else (document.absent.get("setups", ""),), tuple(grids))


def _leverage(document: Document) -> Sheet:
    title = "Where leverage breaks (estimated)"
    leverage = document.leverage
    if leverage is None:
        return _missing(document, title, "leverage")
    tick = document.meta.tick_size
    grids = [
        _grid(
            "If price goes there, about this much is closed by force",
            "within|longs below|shorts above",
            [(r.within, money(r.longs_usd), money(r.shorts_usd)) for r in leverage.reach],
            "longs below|shorts above",
        ),
        _grid(
            "Clusters above (shorts)", _CLUSTER, [_cluster(c, tick) for c in leverage.above], "USD|price|from|to|distance|sigma"
        ),
        _grid(
            "Clusters below (longs)", _CLUSTER, [_cluster(c, tick) for c in leverage.below], "USD|price|from|to|distance|sigma"
        ),
    ]
    grids.append(
        _grid(
            "Expected to be touched, without drift or cascade",
            "within|longs|shorts",
            [(e.horizon, money(e.longs_usd), money(e.shorts_usd)) for e in leverage.expected],
            "longs|shorts",
        )
    )
    if leverage.sweeps is not None:
        s = leverage.sweeps
        grids.append(
            _grid(
                f"What price ran through in the window's {s.bars} reported bars",
                "side|expected before|reported|expected / reported",
                [
                    ("longs", *_compared(s.longs_expected_usd, s.longs_reported_usd)),
                    ("shorts", *_compared(s.shorts_expected_usd, s.shorts_reported_usd)),
                ],
                "expected before|reported|expected / reported",
            )
        )
    return Sheet(title, tuple(leverage_notes(leverage)), tuple(g for g in grids if g.rows))


DOUBTS = {
    "LAST": "the last price stands in for the mark",
    "NO_TAKER": "no taker volume",
    "NO_LIQ": "no report of liquidations",
    "LIQ_HIGH": "reported liquidations contradict volume and open interest",
    "OI_COARSE": "open interest comes more slowly than bars",
    "OI_GAP": "open interest came after a silence",
    "OI_CARRY": "open interest moved by more than the volume",
    "OI_REBASE": "the books were rescaled",
    "OI_UNIT": "the unit of open interest must be wrong",
    "OI_USD": "open interest was divided by price",
    "PRICE_GAP": "bars were missing before it",
    "RESTART": "the books were begun anew",
    "TIERS_DATE": "risk tiers of another date",
}
"""The flags of the liquidation features in words."""

_CLUSTER = "USD|price|from|to|distance|sigma|age|state|support|leverage"


def leverage_notes(leverage: Leverage) -> list[str]:
    """What must stand beside every estimate: coverage, unplaced share, mix and its date, skill, scale, doubts."""
    mix = leverage.mix
    dated = f"dated {mix.dated:%Y-%m-%d}" if mix.dated else "undated"
    notes = [
        f"Estimated, and conditional: dollars that would be closed by force if the {leverage.mark_source} price went there.",
        f"Coverage of open interest: longs {percent(leverage.coverage_longs)}, shorts {percent(leverage.coverage_shorts)}; "
        f"unplaced: longs {percent(leverage.unplaced_longs)}, shorts {percent(leverage.unplaced_shorts)}.",
        f"Leverage mix: {mix.name}, {dated}, {'learned' if mix.learned else 'not learned'} on this instrument. "
        f"Skill on this instrument: {leverage.skill}.",
        f"Colour scale of the picture: {leverage.scale.mapping}, fixed from $0 to {money(leverage.scale.high_usd)} per bin of "
        f"{leverage.bin_bps or 0:.0f} bps.",
        f"{percent(leverage.supported_fraction)} of the dollars were opened within about a day; older ones are faded, because "
        "our tests found no support for them.",
    ]
    if leverage.imbalance_1_sigma is not None:
        notes.append(
            f"Imbalance (shorts above - longs below) / both: {signed(leverage.imbalance_1_sigma)} within one daily sigma, "
            f"{signed(leverage.imbalance_2_sigma)} within two."
        )
    if not leverage.warm:
        notes.append("The books are still filling up: more than a tenth of the open interest is older than the data.")
    doubts = [DOUBTS.get(name, name) for name in leverage.flags if name != "WARM"]  # that one has its own sentence
    if doubts:
        notes.append(f"Doubts about the newest bar: {', '.join(doubts)}.")
    return notes


def _cluster(c: Cluster, tick: float) -> tuple[str, ...]:
    return (
        money(c.usd),
        price_text(c.peak, tick),
        price_text(c.low, tick),
        price_text(c.high, tick),
        signed_percent(c.distance_fraction),
        UNKNOWN if c.distance_sigma is None else f"{abs(c.distance_sigma):.1f}",
        lasting(c.age_s),
        c.state,
        "supported" if c.supported else "unsupported",
        ", ".join(f"{t.leverage} {percent(t.share, 2)}" for t in c.tiers) or UNKNOWN,
    )


def _compared(expected: float, reported: float) -> tuple[str, str, str]:
    return money(expected), money(reported), f"{expected / reported:.1f}" if reported > 0 else UNKNOWN


def _flow(document: Document) -> Sheet:
    flow, base = document.flow, document.meta.base
    if flow is None:
        return _missing(document, "Who is pushing", "flow")
    rows = [(s.span, _compact(s.delta), _compact(s.volume), signed_percent(s.delta_fraction, 1)) for s in flow.spans]
    notes = [
        f"CVD since 00:00 UTC: {_compact(flow.cvd_day)} {base}"
        + ("." if flow.cvd_day_whole else " (a bar of the day is missing, so it starts later)."),
    ]
    if flow.positioning:
        doubts = [name for name in ("absorbed", "forced") if flow.positioning_detail.get(name)]
        doubt = f" ({', '.join(doubts)})" if doubts else ""
        notes.append(f"Price against open interest and delta: {plain(flow.positioning)}{doubt}.")
    amounts = f"delta, {base}|volume, {base}|share"
    grid = _grid("Aggressive buys minus sells", f"over|{amounts}", rows, amounts)
    return Sheet("Who is pushing", tuple(notes), (grid,))


def _frames(document: Document) -> Sheet:
    frames = document.frames
    if frames is None:
        return _missing(document, "Time frames", "frames")
    names = list(dict.fromkeys(name for lean in frames.frames for name in lean.parts))
    rows = [
        (
            lean.timeframe,
            signed(lean.score),
            *(signed(lean.parts.get(name)) for name in names),
            plain(lean.trend_state) if lean.trend_state else UNKNOWN,
            at_text(lean.known),
            UNKNOWN if lean.settled is None else "yes" if lean.settled else "no",
        )
        for lean in frames.frames
    ]
    headings = "|".join(["frame", "score", *map(plain, names), "averages", "known", "averages settled"])
    side = frames.side if frames.side in ("long", "short") else "to neither side"
    note = f"Together they lean {side}: score {signed(frames.score)}, {percent(frames.agreement)} of the weight agrees."
    if frames.score is None:
        note = "What they say together is not known: none of the joined frames has a current row."
    return Sheet("Time frames", (note,), (_grid("", headings, rows, "|".join(["score", *map(plain, names)])),))


def _sessions(document: Document) -> Sheet:
    sessions, tick = document.sessions, document.meta.tick_size
    if sessions is None:
        return _missing(document, "Sessions", "sessions")
    at = document.meta.at
    rows = [(plain(w.name), "open", at_text(w.opens), at_text(w.closes)) for w in sessions.now]
    rows += [
        (plain(w.name), f"in {lasting(int((w.opens - at).total_seconds()))}", at_text(w.opens), at_text(w.closes))
        for w in sessions.next
    ]
    ranges = [
        (
            plain(r.name),
            at_text(r.start),
            _price(r.open, tick),
            _price(r.high, tick),
            _price(r.low, tick),
            ("developing" if r.developing else "final") + ("" if r.whole else ", incomplete"),
        )
        for r in sessions.ranges
    ]
    grids = [_grid("Now and next", "session|state|opens|closes", rows)]
    if ranges:
        grids.append(_grid("Ranges", "session|began|open|high|low|state", ranges, "open|high|low"))
    return Sheet("Sessions", (), tuple(grids))


def _derivatives(document: Document) -> Sheet:
    found, base = document.derivatives, document.meta.base
    if found is None:
        return _missing(document, "Open interest, funding, forced closing", "derivatives")
    notes = []
    if found.open_interest is not None:
        usd = f" ({money(found.open_interest_usd)})" if found.open_interest_usd is not None else ""
        notes.append(f"Open interest {_compact(found.open_interest)} {base}{usd}, known {at_text(found.open_interest_known)}.")
    else:
        notes.append("No current open interest in the data.")
    funding = found.funding
    if funding is not None:
        rank = f", percentile {percent(funding.percentile, 2)} of 90 days" if funding.percentile is not None else ""
        notes.append(
            f"Funding {signed_percent(funding.rate, 4)} paid {at_text(funding.paid)}"
            + (f" for {lasting(funding.interval_s)}" if funding.interval_s else "")
            + (f", {signed_percent(funding.rate_annual, 1)} a year" if funding.rate_annual is not None else "")
            + f": {'nobody pays' if funding.who_pays == 'nobody' else funding.who_pays + ' pay'}{rank}."
        )
    notes += [
        f"Share of longs by {plain(kind)}: {percent(share)} (heads, not size: in size longs equal shorts)."
        for kind, share in found.long_share.items()
    ]
    grids = [
        _grid(
            "Open interest",
            f"over|change, {base}|change",
            [(c.span, _compact(c.change), signed_percent(c.change_fraction, 1)) for c in found.changes],
            f"change, {base}|change",
        ),
        _grid(
            "Reported liquidations",
            f"over|longs, {base}|shorts, {base}|intervals told|feed",
            [(f.span, _compact(f.longs), _compact(f.shorts), str(f.intervals), plain(f.feed)) for f in found.forced],
            f"longs, {base}|shorts, {base}|intervals told",
        ),
    ]
    return Sheet("Open interest, funding, forced closing", tuple(notes), tuple(g for g in grids if g.rows))


def _structure(document: Document) -> Sheet:
    found, tick = document.structure, document.meta.tick_size
    if found is None:
        return _missing(document, "Structure", "structure")
    note = (
        f"Trend by the last break: {found.trend or 'none'}. Last swing high {_price(found.swing_high, tick)}, "
        f"last swing low {_price(found.swing_low, tick)}"
        + (
            f"; price stands at {percent(found.range_position)} of that range ({found.range_zone})."
            if found.range_zone
            else "."
        )
    )
    zones = [
        (
            plain(z.kind),
            z.direction,
            price_text(z.bottom, tick),
            price_text(z.top, tick),
            signed_percent(z.distance_fraction),
            z.state,
            at_text(z.known),
        )
        for z in found.zones
    ]
    breaks = [
        (plain(b.kind), b.direction, price_text(b.level, tick), at_text(b.swing_at), at_text(b.known))
        for b in reversed(found.breaks)
    ]
    levels = [
        (plain(v.kind), price_text(v.price, tick), signed_percent(v.distance_fraction), str(v.members), at_text(v.known))
        for v in found.levels
    ]
    grids = (
        _grid("Live zones nearest to price", "zone|side|bottom|top|distance|state|known", zones, "bottom|top|distance"),
        _grid("Levels not traded since", "level|price|distance|members|known", levels, "price|distance|members"),
        _grid("Last breaks", "break|side|level|swing of|known", breaks, "level"),
    )
    return Sheet("Structure", (note,), tuple(g for g in grids if g.rows))


def _profile(document: Document) -> Sheet:
    found, tick = document.profile, document.meta.tick_size
    if found is None:
        return _missing(document, "Volume at price", "profile")
    rows = [
        ("today so far", _price(found.poc, tick), _price(found.value_area_high, tick), _price(found.value_area_low, tick)),
        (
            "yesterday",
            _price(found.previous_poc, tick),
            _price(found.previous_value_area_high, tick),
            _price(found.previous_value_area_low, tick),
        ),
    ]
    notes = []
    if found.position:
        notes.append(f"The last price is {found.position} yesterday's value area.")
    if found.estimated:
        notes.append("Estimated: made from bars, each bar's volume spread over its range.")
    averages = [
        (f"{a.anchor}", _price(a.vwap, tick), _price(a.sigma, tick), "yes" if a.whole else "no") for a in found.averages
    ]
    grids = (
        _grid("Volume profile", "day|POC|VAH|VAL", rows, "POC|VAH|VAL"),
        _grid("Volume-weighted average price since the UTC start of", "anchor|VWAP|sigma|complete", averages, "VWAP|sigma"),
    )
    return Sheet("Volume at price", tuple(notes), tuple(g for g in grids if g.rows))


def _data(document: Document) -> Sheet:
    meta = document.meta
    streams = [
        (
            s.name,
            f"{s.rows:,}",
            at_text(s.first),
            at_text(s.last),
            ", ".join(f"{k} {percent(v)}" for k, v in s.origins.items()) or UNKNOWN,
            s.sha256[:16],
        )
        for s in meta.streams
    ]
    holes = [(h.what, at_text(h.start), at_text(h.end), h.cause) for h in meta.holes]
    settings = [(fold, ", ".join(f"{k} {v}" for k, v in params.items()) or UNKNOWN) for fold, params in meta.folds.items()]
    readings = [
        (r.fold, at_text(r.known), ", ".join(f"{plain(k)} {_value(v)}" for k, v in r.values.items())) for r in document.readings
    ]
    grids = (
        _grid("Holes inside the window", "absent|from|to|cause", holes),
        _grid("What was read", "stream|rows|first|last|origin|sha256", streams, "rows"),
        _grid("Newest row of every series", "fold|known|values", readings, brief=False),
        _grid("Parameters", "fold|parameters", settings, brief=False),
    )
    note = f"Made by perpscope {meta.code_version}, report schema {meta.schema_version}, from data known by {at_text(meta.at)}."
    return Sheet("Data", (note,), tuple(g for g in grids if g.rows))


def _price(value: float | None, tick: float) -> str:
    return UNKNOWN if value is None else price_text(value, tick)


def _compact(value: float | None) -> str:
    return UNKNOWN if value is None else compact(value)


def _value(value: object) -> str:
    return UNKNOWN if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
