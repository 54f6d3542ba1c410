"""A minute's reading: one sentence for each question a trader asks, in the order they are asked."""

from __future__ import annotations

import msgspec

from perpscope.report.document import Cluster, Document
from perpscope.report.panes.canvas import compact, money, price_text
from perpscope.report.results import ts_of
from perpscope.report.words import lasting, percent, plain, signed, signed_percent


def summarise(document: Document, tick: float) -> Document:
    """The document with its summary written; every sentence rests on a section that is there."""
    lines = [
        *_leverage(document, tick),
        *_flow(document),
        *_frames(document),
        *_sessions(document),
        *_derivatives(document),
        *_setups(document),
    ]
    return msgspec.structs.replace(document, summary=lines)


def _leverage(document: Document, tick: float) -> list[str]:
    leverage = document.leverage
    if leverage is None:
        return [f"Where leverage breaks: not known. {document.absent.get('leverage', '')}".strip()]
    near = next((r for r in leverage.reach if r.within == "5%"), None)
    found = []
    if near is not None:
        found.append(
            f"Leverage (estimated): {money(near.longs_usd)} of longs would break within 5% below, "
            f"{money(near.shorts_usd)} of shorts within 5% above; skill {leverage.skill}."
        )
    nearest = [_cluster(side, c[0], tick) for side, c in (("shorts", leverage.above), ("longs", leverage.below)) if c]
    if nearest:
        found.append("Nearest clusters (estimated): " + "; ".join(nearest) + ".")
    return found


def _cluster(side: str, cluster: Cluster, tick: float) -> str:
    sigma = f", {abs(cluster.distance_sigma):.1f} daily sigma" if cluster.distance_sigma is not None else ""
    age = "" if cluster.supported else ", mostly older than a day: unsupported"
    place = f"{price_text(cluster.low, tick)}-{price_text(cluster.high, tick)}"
    return f"{money(cluster.usd)} of {side} at {place} ({signed_percent(cluster.distance_fraction, 1)}{sigma}{age})"


def _flow(document: Document) -> list[str]:
    flow = document.flow
    if flow is None:
        return [f"Who is pushing: not known. {document.absent.get('flow', '')}".strip()]
    day = next((s for s in flow.spans if s.span == "24h"), flow.spans[-1])
    if day.delta is None:
        return ["Who is pushing: not known, a bar or its taker volume is missing."]
    who = "buyers" if day.delta > 0 else "sellers"
    state = f" Price against open interest: {plain(flow.positioning)}." if flow.positioning else ""
    share = signed_percent(day.delta_fraction, 1)
    return [f"Aggressive {who} pushed over {day.span}: delta {compact(day.delta)}, {share} of volume.{state}"]


def _frames(document: Document) -> list[str]:
    frames = document.frames
    if frames is None:
        return [f"Time frames: not known. {document.absent.get('frames', '')}".strip()]
    if frames.score is None:
        return ["Time frames: not known together, one by one in the table."]
    side = frames.side if frames.side in ("long", "short") else "to neither side"
    parts = ", ".join(f"{f.timeframe} {signed(f.score)}" for f in frames.frames)
    return [f"Time frames lean {side} ({signed(frames.score)}, {percent(frames.agreement)} of the weight agrees): {parts}."]


def _sessions(document: Document) -> list[str]:
    sessions = document.sessions
    if sessions is None:
        return []
    now = ", ".join(plain(w.name) for w in sessions.now) or "none"
    ahead = sessions.next[0] if sessions.next else None
    wait = f"; next {plain(ahead.name)} in {lasting((ts_of(ahead.opens) - ts_of(document.meta.at)) // 10**9)}" if ahead else ""
    return [f"Session now: {now}{wait}."]


def _derivatives(document: Document) -> list[str]:
    derivatives = document.derivatives
    if derivatives is None:
        return [f"Open interest and funding: not known. {document.absent.get('derivatives', '')}".strip()]
    parts = []
    day = next((c for c in derivatives.changes if c.span == "24h"), None)
    if derivatives.open_interest is not None:
        change = f", {signed_percent(day.change_fraction, 1)} in 24h" if day and day.change_fraction is not None else ""
        parts.append(f"Open interest {compact(derivatives.open_interest)} {document.meta.base}{change}")
    funding = derivatives.funding
    if funding is not None:
        rank = f", percentile {percent(funding.percentile, 2)} of 90 days" if funding.percentile is not None else ""
        year = f", {signed_percent(funding.rate_annual, 1)} a year" if funding.rate_annual is not None else ""
        pays = "nobody pays" if funding.who_pays == "nobody" else f"{funding.who_pays} pay"
        parts.append(f"funding {signed_percent(funding.rate, 4)} ({pays}{year}{rank})")
    text = "; ".join(parts)
    return [f"{text[0].upper()}{text[1:]}."] if text else []


def _setups(document: Document) -> list[str]:
    if not document.setups:
        return ["Setups: none could run."]
    found = []
    for setup in document.setups:
        told = [r for r in setup.reasons if r.contribution]
        why = "; ".join(f"{r.detail or r.title} ({signed(r.contribution)})" for r in told) or "no line says anything"
        found.append(f"{setup.title} {signed(setup.score)} of {setup.most:.0f}, every line unproven: {why}.")
    return found
