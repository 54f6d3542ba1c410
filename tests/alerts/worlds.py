"""Steps made by hand for tests of rules."""

from __future__ import annotations

from typing import Any

from perpscope.alerts.alert import Alert
from perpscope.alerts.config import config_of
from perpscope.alerts.rule import Context
from perpscope.alerts.watch import Watch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Column, Schema, Table
from perpscope.engine.catalogue import fold_class
from perpscope.engine.graph import Step

MINUTE = 60_000_000_000
HOUR = 60 * MINUTE
T0 = 1_700_000_000_000_000_000 // HOUR * HOUR
BTC = Instrument("binance", "BTCUSDT")


def table(name: str, *rows: dict[str, Any]) -> Table:
    """Rows of a fold's output; what a row does not say is 0, or absent where it can be. `at` is known_ts in hours from T0."""
    schema = fold_class(name).spec.output
    columns: dict[str, list[Any]] = {column.name: [] for column in schema.columns}
    for row in rows:
        known = T0 + int(row["at"] * HOUR)
        for column in schema.columns:
            value = {"ref_ts": known - HOUR, "known_ts": known}.get(column.name, row.get(column.name))
            columns[column.name].append(_absent(column) if value is None else value)
    return Table.of(schema, **columns)


def _absent(column: Column) -> float | int:
    if column.dtype.startswith("float"):
        return float("nan")
    return -(2**63) if column.unit == "ns" else 0


def step(tables: dict[str, Table], until: float = 1e6, after: float = -1e6, number: int = 1) -> Step:
    """The rows with after < at <= until."""
    low, high = (max(-(2**62), min(2**62, T0 + int(hours * HOUR))) for hours in (after, until))
    return Step(number, high, {key: rows.between(low, high) for key, rows in tables.items()})


def watch(kind: str, **settings: Any) -> Watch:
    rule = {"kind": kind, "sinks": ["log"], "cooldown": "0", **settings}
    return Watch(config_of({"sink": {"log": {"kind": "log"}}, "rule": {"r": rule}}))


def told(kind: str, tables: dict[str, Table], **settings: Any) -> list[Alert]:
    """What a rule finds in one step that holds everything."""
    return watch(kind, **settings).step(BTC, step(tables), Context())


def hours(alerts: list[Alert]) -> list[float]:
    return [(alert.ts - T0) / HOUR for alert in alerts]


def schema_of(name: str) -> Schema:
    return fold_class(name).spec.output
