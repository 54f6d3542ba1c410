"""Volume at price of the day so far and the day before, and the average prices since day, week and month began."""

from __future__ import annotations

from perpscope.report.document import Average, Price, Profile
from perpscope.report.results import Results, last_row, number

_ANCHORS = ("day", "week", "month")


def read_profile(results: Results, price: Price) -> Profile | str:
    """The developing profile of the UTC day and the anchored averages at the last close."""
    row, vwap = last_row(results.table("volume_profile")), last_row(results.table("anchored_vwap"))
    if row is None and vwap is None:
        return results.why("volume_profile")
    row = row or {}
    return Profile(
        poc=number(row.get("poc")),
        value_area_high=number(row.get("vah")),
        value_area_low=number(row.get("val")),
        value_area_fraction=number(row.get("fraction")),
        previous_poc=number(row.get("previous_poc")),
        previous_value_area_high=number(row.get("previous_vah")),
        previous_value_area_low=number(row.get("previous_val")),
        position=position(price.last, row.get("previous_val"), row.get("previous_vah")),
        estimated=bool(row.get("estimated", True)),
        whole=bool(row.get("complete", False)),
        averages=[
            Average(
                anchor=anchor,
                vwap=number(vwap[f"{anchor}_vwap"]),
                sigma=number(vwap[f"{anchor}_sigma"]),
                whole=bool(vwap[f"{anchor}_complete"]),
            )
            for anchor in _ANCHORS
        ]
        if vwap
        else [],
    )


def position(last: float, low: float | None, high: float | None) -> str | None:
    """Where the last price stands against a value area.

    Example:
        >>> position(10.0, 8.0, 9.0), position(8.5, 8.0, 9.0), position(8.5, None, 9.0)
        ('above', 'inside', None)
    """
    if low is None or high is None:
        return None
    return "above" if last > high else "below" if last < low else "inside"
