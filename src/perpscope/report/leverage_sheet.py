"""Where leverage breaks, as tables of text."""

from __future__ import annotations

from perpscope.report.document import Cluster, Document, Leverage, Mix
from perpscope.report.grids import Grid, Sheet, grid_of, missing
from perpscope.report.panes.canvas import money, price_text
from perpscope.report.words import UNKNOWN, lasting, percent, signed, signed_percent


def leverage_sheet(document: Document) -> Sheet:
    """Reach, clusters, expected touches and sweeps, under the notes that must stand beside every estimate."""
    title = "Where leverage breaks (estimated)"
    leverage = document.leverage
    if leverage is None:
        return missing(document, title, "leverage")
    tick = document.meta.tick_size
    grids = [
        grid_of(
            "If price goes there, about this much is closed by force",
            "within|longs below|shorts above",
            [(r.within, money(r.longs_usd), money(r.shorts_usd)) for r in leverage.reach],
            "longs below|shorts above",
        ),
        _clusters("Clusters above (shorts)", leverage.above, tick),
        _clusters("Clusters below (longs)", leverage.below, tick),
    ]
    grids.append(
        grid_of(
            "Expected to be touched, without drift or cascade",
            "within|longs|shorts",
            [(e.horizon, money(e.longs_usd), money(e.shorts_usd)) for e in leverage.expected],
            "longs|shorts",
        )
    )
    if leverage.sweeps is not None:
        s = leverage.sweeps
        grids.append(
            grid_of(
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

_CLUSTER = "price|from|to|distance|sigma|age|state|support|leverage"
_BAND = "p10 .. p90"


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
        _bands(mix),
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


def _bands(mix: Mix) -> str:
    if mix.learned:
        level = "that of a feed that hides some liquidations" if mix.level == "relative" else "absolute"
        return f"p10 .. p90: {mix.bands}. The level is {level}. Earlier columns are replayed with this mix."
    return (
        "The mix is a prior, so nobody knows how wide the bands are; learn one with 'perpscope liquidations calibrate' and "
        "give it with --mix."
    )


def _clusters(title: str, clusters: list[Cluster], tick: float) -> Grid:
    """With a column of bands where any is known."""
    banded = any(c.usd_p10 is not None for c in clusters)
    head = f"USD|{_BAND}" if banded else "USD"
    rows = [(money(c.usd), *((_band(c),) if banded else ()), *_cluster(c, tick)) for c in clusters]
    return grid_of(title, f"{head}|{_CLUSTER}", rows, f"{head}|price|from|to|distance|sigma")


def _cluster(c: Cluster, tick: float) -> tuple[str, ...]:
    return (
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


def _band(c: Cluster) -> str:
    return UNKNOWN if c.usd_p10 is None or c.usd_p90 is None else f"{money(c.usd_p10)} .. {money(c.usd_p90)}"


def _compared(expected: float, reported: float) -> tuple[str, str, str]:
    return money(expected), money(reported), f"{expected / reported:.1f}" if reported > 0 else UNKNOWN
