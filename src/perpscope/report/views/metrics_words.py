"""The view of the derivatives metrics as tables of text."""

from __future__ import annotations

from collections.abc import Sequence

from perpscope.report.grids import Sheet, grid_of
from perpscope.report.panes.canvas import compact
from perpscope.report.views.metrics import Metric, MetricsView
from perpscope.report.words import UNKNOWN, at_text, percent, plain

Value = float | str | bool | int | None

SHOWN: dict[str, tuple[str, tuple[tuple[str, str, str], ...]]] = {
    "open_interest_delta": (
        "Open interest",
        (("open_interest", "open interest, {base}", "compact"), ("delta", "change in the bar, {base}", "compact"),
         ("delta_fraction", "change", "percent"), ("z", "change, sigma of 7 days", "signed")),
    ),
    "positioning": (
        "Price x open interest x delta",
        (("state", "state", "word"), ("price_z", "price, sigma", "signed"),
         ("open_interest_z", "open interest, sigma", "signed"),
         ("delta_z", "delta, sigma", "signed"), ("absorbed", "absorbed", "word"), ("forced", "forced", "word")),
    ),
    "funding_state": (
        "Funding, last payment",
        (("funding_rate", "rate", "bps"), ("funding_interval", "interval, hours", "hours"),
         ("funding_rate_8h", "per 8 hours", "bps"), ("funding_rate_annual", "a year, simple", "percent"),
         ("percentile", "rank in 90 days", "percent")),
    ),
    "premium": (
        "Premium and predicted funding (estimated from mark and index)",
        (("premium", "premium now", "bps"), ("premium_average", "average of the interval", "bps"),
         ("funding_rate_predicted", "predicted rate", "bps"), ("elapsed_fraction", "interval passed", "percent")),
    ),
    "basis": ("Basis", (("basis_fraction", "mark over index", "bps"), ("z", "sigma of 7 days", "signed"))),
    "liquidation_volume": (
        "Reported liquidations in the bar",
        (("long_quantity", "longs, {base}", "compact"), ("short_quantity", "shorts, {base}", "compact"),
         ("percentile", "rank in 7 days", "percent"), ("feed", "feed", "word")),
    ),
    "aggregate_interest": (
        "Over venues",
        (("open_interest", "open interest, {base}", "compact"), ("open_interest_notional", "notional", "compact"),
         ("delta", "change, {base}", "compact"), ("venues", "venues", "word"), ("missing", "venues stale", "word"),
         ("funding_rate_8h", "funding per 8 hours, weighted", "bps"), ("venues_funded", "venues with funding", "word")),
    ),
    "flow_spread": (
        "Spot against perpetual flow",
        (("spread", "spread, sigma", "signed"), ("spot_z", "spot, sigma", "signed"),
         ("perpetual_z", "perpetual, sigma", "signed")),
    ),
}  # fmt: skip
"""What is shown of each fold: title, then (column, words, how)."""


def metrics_sheets(view: MetricsView, base: str) -> list[Sheet]:
    """Every metric that the data can feed, and what is missing."""
    by = {m.fold: m for m in view.metrics}
    grids = []
    for fold, (title, columns) in SHOWN.items():
        if fold in by:
            rows = [(words.format(base=base), shown(by[fold].values.get(c), how)) for c, words, how in columns]
            grids.append(grid_of(f"{title}, known {at_text(by[fold].known)}", "what|value", rows, "value"))
    kinds = [(plain(k), UNKNOWN if v is None else percent(v)) for k, v in view.ratios.items()]
    grids.append(grid_of("Long share (accounts count heads; kinds are not comparable)", "kind|long", kinds, "long"))
    states = [(plain(s.state), str(s.bars), percent(s.share, 2), str(s.absorbed), str(s.forced)) for s in view.states]
    if states:
        heads = "state|bars|share|absorbed|forced"
        grids.append(grid_of(f"States of the last {view.window_days:g} days", heads, states, "bars|share|absorbed|forced"))
    notes = []
    if view.liquidated_long is not None and view.liquidated_short is not None:
        longs, shorts, feed = view.liquidated_long, view.liquidated_short, plain(view.liquidation_feed or UNKNOWN)
        notes.append(
            f"Reported closed by force in {view.window_days:g} days: longs {compact(longs)}, shorts {compact(shorts)} {base} "
            f"({feed}; a lower bound unless complete)."
        )
    gone = tuple(f"{plain(k.partition('@')[0])}: {v}" for k, v in view.absent.items())
    return [Sheet("Derivatives metrics", tuple(notes), tuple(grids)), Sheet("Not in the data", gone or ("nothing",), ())]


def shown(value: Value, how: str) -> str:
    """A value as it is written: compact, percent, bps, signed, hours or word.

    Example:
        >>> shown(0.0001, "bps"), shown(28800, "hours"), shown(None, "signed"), shown("long_build", "word")
        ('+1.00 bps', '8', '-', 'long build')
    """
    if value is None:
        return UNKNOWN
    if how == "word" or isinstance(value, str):
        return plain(str(value)) if not isinstance(value, bool) else "yes" if value else "no"
    number = float(value)
    match how:
        case "compact":
            return compact(number)
        case "percent":
            return percent(number, 3)
        case "bps":
            return f"{1e4 * number:+.2f} bps"
        case "hours":
            return f"{number / 3600:g}"
        case _:
            return f"{number:+.2f}"


def lines_of(metric: Metric, base: str) -> Sequence[tuple[str, str]]:
    """The rows of one metric, for the picture."""
    return [(words.format(base=base), shown(metric.values.get(c), how)) for c, words, how in SHOWN[metric.fold][1]]
