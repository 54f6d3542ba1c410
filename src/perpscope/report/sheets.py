"""The report as titled tables of text: what the page and the terminal both show, in the same words."""

from __future__ import annotations

from perpscope.report.document import Document
from perpscope.report.grids import Sheet, grid_of, missing
from perpscope.report.leverage_sheet import leverage_sheet
from perpscope.report.panes.canvas import compact, money, price_text
from perpscope.report.words import UNKNOWN, at_text, lasting, percent, plain, signed, signed_percent


def sheets(document: Document) -> list[Sheet]:
    """Every section in reading order; one that is absent says why."""
    return [
        _setups(document),
        leverage_sheet(document),
        _flow(document),
        _frames(document),
        _sessions(document),
        _derivatives(document),
        _structure(document),
        _profile(document),
        _level_map(document),
        _data(document),
    ]


def _setups(document: Document) -> Sheet:
    grids = [
        grid_of(
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


def _flow(document: Document) -> Sheet:
    flow, base = document.flow, document.meta.base
    if flow is None:
        return missing(document, "Who is pushing", "flow")
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
    grid = grid_of("Aggressive buys minus sells", f"over|{amounts}", rows, amounts)
    return Sheet("Who is pushing", tuple(notes), (grid,))


def _frames(document: Document) -> Sheet:
    frames = document.frames
    if frames is None:
        return missing(document, "Time frames", "frames")
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
    return Sheet("Time frames", (note,), (grid_of("", headings, rows, "|".join(["score", *map(plain, names)])),))


def _sessions(document: Document) -> Sheet:
    sessions, tick = document.sessions, document.meta.tick_size
    if sessions is None:
        return missing(document, "Sessions", "sessions")
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
    grids = [grid_of("Now and next", "session|state|opens|closes", rows)]
    if ranges:
        grids.append(grid_of("Ranges", "session|began|open|high|low|state", ranges, "open|high|low"))
    return Sheet("Sessions", (), tuple(grids))


def _level_map(document: Document) -> Sheet:
    found, tick = document.level_map, document.meta.tick_size
    if found is None:
        return missing(document, "Level map", "level_map")
    rows = [
        (
            str(level.group),
            f"{level.name} {level.timeframe}".strip() + (" (estimated)" if level.estimated else ""),
            _price(level.low, tick) if level.low == level.high else f"{_price(level.low, tick)} - {_price(level.high, tick)}",
            signed_percent(level.distance_fraction),
            signed(level.distance_sigma),
            at_text(level.first_seen),
            at_text(level.last_touched),
        )
        for level in found.levels
    ]
    note = (
        f"Levels of one group lie within {found.tolerance_sigma:g} daily sigma of each other; groups with more kinds of reason "
        "stand first. Whether confluence is worth anything is unproven."
    )
    headings = "group|level|price|away|sigma|first seen|last touched"
    return Sheet("Level map", (note,), (grid_of("", headings, rows, "group|price|away|sigma"),))


def _derivatives(document: Document) -> Sheet:
    found, base = document.derivatives, document.meta.base
    if found is None:
        return missing(document, "Open interest, funding, forced closing", "derivatives")
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
        grid_of(
            "Open interest",
            f"over|change, {base}|change",
            [(c.span, _compact(c.change), signed_percent(c.change_fraction, 1)) for c in found.changes],
            f"change, {base}|change",
        ),
        grid_of(
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
        return missing(document, "Structure", "structure")
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
        grid_of("Live zones nearest to price", "zone|side|bottom|top|distance|state|known", zones, "bottom|top|distance"),
        grid_of("Levels not traded since", "level|price|distance|members|known", levels, "price|distance|members"),
        grid_of("Last breaks", "break|side|level|swing of|known", breaks, "level"),
    )
    return Sheet("Structure", (note,), tuple(g for g in grids if g.rows))


def _profile(document: Document) -> Sheet:
    found, tick = document.profile, document.meta.tick_size
    if found is None:
        return missing(document, "Volume at price", "profile")
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
        grid_of("Volume profile", "day|POC|VAH|VAL", rows, "POC|VAH|VAL"),
        grid_of("Volume-weighted average price since the UTC start of", "anchor|VWAP|sigma|complete", averages, "VWAP|sigma"),
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
        grid_of("Holes inside the window", "absent|from|to|cause", holes),
        grid_of("What was read", "stream|rows|first|last|origin|sha256", streams, "rows"),
        grid_of("Newest row of every series", "fold|known|values", readings, brief=False),
        grid_of("Parameters", "fold|parameters", settings, brief=False),
    )
    note = f"Made by perpscope {meta.code_version}, report schema {meta.schema_version}, from data known by {at_text(meta.at)}."
    return Sheet("Data", (note,), tuple(g for g in grids if g.rows))


def _price(value: float | None, tick: float) -> str:
    return UNKNOWN if value is None else price_text(value, tick)


def _compact(value: float | None) -> str:
    return UNKNOWN if value is None else compact(value)


def _value(value: object) -> str:
    return UNKNOWN if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
