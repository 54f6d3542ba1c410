"""The file of rules and sinks, checked to the last word before anything runs."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perpscope.alerts.rule import Rule, rules
from perpscope.alerts.sinks.base import SinkConfig
from perpscope.alerts.sinks.desktop import DesktopConfig
from perpscope.alerts.sinks.log import LogConfig
from perpscope.alerts.sinks.service import ServiceConfig
from perpscope.alerts.sinks.webhook import WebhookConfig
from perpscope.core.config import from_mapping
from perpscope.core.errors import UserError, unknown_name
from perpscope.core.time import parse_span

SINKS: dict[str, type[SinkConfig]] = {c.kind: c for c in (LogConfig, DesktopConfig, WebhookConfig, ServiceConfig)}


@dataclass(frozen=True)
class Settings:
    """`max_age`: what is known for longer is kept, and not told any more (a warm start would tell last week's alerts).
    `queue_bytes`: of each sink. `attempts`: of what certainly has not left. `backoff_s`: before the second one, doubled before
    each further one."""

    max_age: str = "15m"
    queue_bytes: int = 1_000_000
    attempts: int = 4
    backoff_s: float = 5.0

    def __post_init__(self) -> None:
        parse_span(self.max_age)
        if not 1 <= self.attempts <= 10 or not 1_000 <= self.queue_bytes <= 100_000_000 or not 0 <= self.backoff_s <= 600:
            raise UserError("[settings] takes 1 to 10 attempts, 1 KB to 100 MB of queue and a backoff of 0 to 600 s.")


@dataclass(frozen=True)
class Watching:
    """A rule by its name in the file, where it looks and whom it tells."""

    name: str
    rule: Rule
    sinks: tuple[str, ...]
    instruments: frozenset[tuple[str, str]]

    def covers(self, venue: str, symbol: str) -> bool:
        return not self.instruments or (venue, symbol) in self.instruments


@dataclass(frozen=True)
class AlertConfig:
    """Everything that a file of rules says."""

    rules: tuple[Watching, ...]
    sinks: Mapping[str, SinkConfig]
    settings: Settings = Settings()

    def nodes(self) -> tuple[str, ...]:
        """What a graph must be asked for so that every rule can look."""
        return tuple(dict.fromkeys(node for watching in self.rules for node in watching.rule.nodes()))


def read_config(path: Path) -> AlertConfig:
    """The file at a path.

    Raises:
        UserError: if it is missing, no TOML, or wrong anywhere; the sentence names the place and never repeats an address.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise UserError(f"{path} cannot be read; name a TOML file with rules and sinks.") from None
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise UserError(f"{path} is no TOML: {str(fault).splitlines()[0]}.") from None
    return config_of(given)


def config_of(given: Mapping[str, Any]) -> AlertConfig:
    """Rules and sinks from plain values.

    Raises:
        UserError: for an unknown name (with the nearest one), a missing or wrong value, a rule that tells nobody.

    Example:
        >>> made = config_of({"sink": {"log": {"kind": "log"}}, "rule": {"f": {"kind": "funding_extreme", "sinks": ["log"]}}})
        >>> made.nodes()
        ('funding_state',)
    """
    for name in given:
        if name not in ("rule", "sink", "settings"):
            raise unknown_name("table in a file of rules", name, ("rule", "sink", "settings"))
    sinks = {name: _sink(name, table) for name, table in _tables(given, "sink").items()}
    watching = tuple(_watching(name, table, sinks) for name, table in _tables(given, "rule").items())
    if not watching:
        raise UserError("The file has no rule. Write one as [rule.NAME] with a kind and sinks.")
    return AlertConfig(watching, sinks, from_mapping(Settings, given.get("settings", {}), "[settings]"))


def _tables(given: Mapping[str, Any], what: str) -> Mapping[str, Any]:
    tables = given.get(what, {})
    if not isinstance(tables, Mapping) or not all(isinstance(table, Mapping) for table in tables.values()):
        raise UserError(f"'{what}' must be tables: write [{what}.NAME].")
    return tables


def _sink(name: str, table: Mapping[str, Any]) -> SinkConfig:
    kind = str(table.get("kind", ""))
    if kind not in SINKS:
        raise unknown_name(f"kind of sink ([sink.{name}])", kind, SINKS)
    rest = {key: value for key, value in table.items() if key != "kind"}
    for key in ("url", "url_env"):
        if key in rest and not isinstance(rest[key], str):
            raise UserError(f"[sink.{name}] {key} takes a text.")
    return from_mapping(SINKS[kind], rest, f"[sink.{name}]")


def _watching(name: str, table: Mapping[str, Any], sinks: Mapping[str, SinkConfig]) -> Watching:
    kind = str(table.get("kind", ""))
    if kind not in rules():
        raise unknown_name(f"kind of rule ([rule.{name}])", kind, rules())
    told = table.get("sinks", [])
    if not isinstance(told, list) or not told:
        raise UserError(f"[rule.{name}] tells nobody. Give it sinks = [...] with names of [sink.NAME].")
    for sink in told:
        if sink not in sinks:
            raise unknown_name(f"sink in [rule.{name}]", str(sink), sinks)
    places = table.get("instruments", [])
    if not isinstance(places, list) or not all(isinstance(p, str) and p.count(":") >= 1 for p in places):
        raise UserError(f'[rule.{name}] instruments are written venue:symbol, such as ["binance:BTCUSDT"].')
    pairs = frozenset((venue, symbol) for venue, _, symbol in (p.partition(":") for p in places))
    rest = {key: value for key, value in table.items() if key not in ("kind", "sinks", "instruments")}
    return Watching(name, from_mapping(rules()[kind], rest, f"[rule.{name}]"), tuple(dict.fromkeys(told)), pairs)
