"""What the report is about, and everything that decided its content: data, fingerprints, parameters, holes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perpscope import __version__
from perpscope.core.digest import digest
from perpscope.report.document import VERSION, Meta, Stream
from perpscope.report.results import Results, when


def read_meta(results: Results, origins: Mapping[str, Any]) -> Meta:
    """`origins` are the source's counts of rows by stream and origin, of exactly the rows that were read."""
    instrument = results.instrument
    return Meta(
        schema="perpscope.report",
        schema_version=VERSION,
        code_version=__version__,
        venue=instrument.venue,
        symbol=instrument.symbol,
        contract=instrument.kind.name.lower(),
        base=instrument.base or "base units",
        tick_size=instrument.tick_size,
        timeframe=results.frame.name,
        at=when(results.at),
        window_start=when(results.window.start),
        history_start=when(results.history.start),
        bars=len(results.window_bars),
        bars_expected=(results.frame.floor(results.at) - results.window.start) // results.frame.ns,
        streams=[
            Stream(
                name=name,
                rows=len(table),
                first=when(table.clock[0]),
                last=when(table.clock[-1]),
                sha256=digest(table),
                origins=shares(origins.get(name, {})),
            )
            for name, table in results.recorded.items()
        ],
        folds={key: plain_params(params) for key, params in sorted(results.params.items())},
        holes=list(results.holes),
    )


def shares(counts: Mapping[str, float]) -> dict[str, float]:
    """The share of rows by origin.

    Example:
        >>> shares({"vendor": 30, "archive": 10})
        {'archive': 0.25, 'vendor': 0.75}
    """
    total = sum(counts.values())
    return {str(name): count / total for name, count in sorted(counts.items())} if total else {}


def plain_params(params: Any) -> dict[str, str | int | float | bool | None]:
    """The fields of a fold's parameters as plain values."""
    shown: dict[str, str | int | float | bool | None] = {}
    for name in sorted(getattr(params, "__dataclass_fields__", {})):
        value = getattr(params, name)
        shown[name] = value if isinstance(value, str | int | float | bool) or value is None else str(value)
    return shown
