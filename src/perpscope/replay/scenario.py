"""Scenarios: which faults happen when, read from TOML and checked against a schema.

    faults = [
      {at = 30, kind = "drop", channel = "depth", rate = 0.01, for = 60},
      {at = "2024-08-08T23:57Z", kind = "rst"},
    ]

`at` is seconds of market time after the start of the tape, or a time. `for` is how long, in seconds of market time (default: to
the end). `channel` and `symbol` narrow it (default: all). `rate` is the share of frames or requests that are hit. What
`value` means stands beside each kind in `FaultKind`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from perpscope.core.config import from_mapping
from perpscope.core.errors import UserError
from perpscope.core.time import parse_ts

SECOND = 1_000_000_000


class FaultKind(StrEnum):
    """What can go wrong. The comment is the id in the fault matrix and what `value` says."""

    CLOSE = "close"  # F1; close code
    RST = "rst"  # F1
    HALF_OPEN = "half_open"  # F2; after `for` the socket is reset
    SILENCE = "silence"  # F3
    WRONG_ROUTE = "wrong_route"  # F3: connections made meanwhile are acknowledged and told nothing
    DROP = "drop"  # F5
    STALE_SNAPSHOT = "stale_snapshot"  # F6; seconds the REST book lies behind
    REST_DELAY = "rest_delay"  # F6; seconds
    DUPLICATE = "duplicate"  # F7
    SHUFFLE = "shuffle"  # F7: a frame changes places with the next of its channel
    DELAY = "delay"  # F7; seconds of market time
    SEQUENCE_RESET = "sequence_reset"  # F8; by how much the numbers jump back (Binance)
    HOLE = "hole"  # F9; how many frames in a row
    REFUSE_429 = "refuse_429"  # F11; Retry-After, seconds
    REFUSE_418 = "refuse_418"  # F11; Retry-After, seconds
    REFUSE_503 = "refuse_503"  # F11, F24
    BANNED = "banned"  # F11: code -1003 without a Retry-After
    TRUNCATE = "truncate"  # F12
    GARBAGE = "garbage"  # F12: junk before the frame
    HUGE = "huge"  # F12; MB of a well-formed message before the frame
    CLOCK_SKEW = "clock_skew"  # F13; seconds added to every time
    BURST = "burst"  # F20; how many times faster
    MERGED_PRODUCTS = "merged_products"  # F37
    CHECKSUM_ZERO = "checksum_zero"  # F38
    SNAPSHOT_NEVER = "snapshot_never"  # F38


DEFAULTS = {
    FaultKind.CLOSE: 1001.0,
    FaultKind.STALE_SNAPSHOT: 30.0,
    FaultKind.REST_DELAY: 5.0,
    FaultKind.DELAY: 1.0,
    FaultKind.SEQUENCE_RESET: 1e9,
    FaultKind.HOLE: 100.0,
    FaultKind.REFUSE_429: 5.0,
    FaultKind.REFUSE_418: 120.0,
    FaultKind.HUGE: 20.0,
    FaultKind.CLOCK_SKEW: 5.0,
    FaultKind.BURST: 6.0,
}
AT_ONCE = frozenset({FaultKind.CLOSE, FaultKind.RST, FaultKind.HALF_OPEN})


@dataclass(frozen=True)
class Fault:
    """One line of a scenario, with times resolved: active in [start, end), market time in ns."""

    kind: FaultKind
    start: int
    end: int
    channel: str = ""
    symbol: str = ""
    rate: float = 1.0
    value: float = 0.0

    def concerns(self, channel: str, symbol: str) -> bool:
        return self.channel in ("", channel) and self.symbol in ("", symbol)


@dataclass(frozen=True)
class _Line:
    kind: FaultKind
    at: object = 0
    duration: float | None = None
    channel: str = ""
    symbol: str = ""
    rate: float = 1.0
    value: float | None = None


def read_scenario(path: Path, start: int) -> tuple[Fault, ...]:
    """The faults of a file, on a tape that begins at `start`.

    Raises:
        UserError: if the file is missing, is no TOML, or says something the schema does not know.
    """
    if not path.is_file():
        raise UserError(f"There is no scenario {path}; give a TOML file with a list named faults.")
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise UserError(f"{path.name} is no TOML file: {fault}.") from None
    return scenario(given, start)


def scenario(given: Mapping[str, Any], start: int) -> tuple[Fault, ...]:
    """The faults of a mapping, as a TOML file gives it.

    Raises:
        UserError: for what the schema does not know, a rate outside 0..1, or a time or length below zero.

    Example:
        >>> scenario({"faults": [{"at": 2, "kind": "drop", "for": 3, "channel": "depth", "rate": 0.5}]}, 0)[0].end
        5000000000
    """
    extra = set(given) - {"faults"}
    if extra:
        raise UserError(f"A scenario holds one list, faults; it does not know '{sorted(extra)[0]}'.")
    lines = given.get("faults", [])
    if not isinstance(lines, list):
        raise UserError("A scenario is a list: faults = [{at = 10, kind = 'close'}].")
    return tuple(_fault(line, start, f"faults[{k}]") for k, line in enumerate(lines))


def _fault(given: Any, start: int, where: str) -> Fault:
    named = {"duration" if k == "for" else k: v for k, v in given.items()} if isinstance(given, Mapping) else given
    line = from_mapping(_Line, named, where)
    if not 0.0 <= line.rate <= 1.0:
        raise UserError(f"{where} rate is a share between 0 and 1, not {line.rate:g}.")
    if isinstance(line.at, str):
        begin = parse_ts(line.at)
    elif isinstance(line.at, (int, float)) and not isinstance(line.at, bool) and line.at >= 0:
        begin = start + int(line.at * SECOND)
    else:
        raise UserError(f"{where} at is seconds after the start or a time such as '2024-08-08T23:57Z', not {line.at!r}.")
    if line.duration is not None and line.duration <= 0:
        raise UserError(f"{where} for is a number of seconds above zero, not {line.duration:g}.")
    end = 2**62 if line.duration is None else begin + int(line.duration * SECOND)
    value = DEFAULTS.get(line.kind, 0.0) if line.value is None else line.value
    return Fault(line.kind, begin, end, line.channel, line.symbol, line.rate, value)
