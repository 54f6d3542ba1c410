"""The log."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import ClassVar

from perpscope.alerts.alert import Alert
from perpscope.alerts.sinks.base import Ending, Outcome, SinkConfig, line_of
from perpscope.alerts.text import plain
from perpscope.core.time import format_ts

LOGGER = logging.getLogger("perpscope.alerts")


@dataclass(frozen=True)
class LogConfig(SinkConfig):
    """Nothing to set: one line an alert on the logger `perpscope.alerts`."""

    kind: ClassVar = "log"

    def build(self, loopback: bool = False) -> LogSink:
        return LogSink()


class LogSink:
    def problem(self) -> str:
        return ""

    async def send(self, alert: Alert) -> Outcome:
        LOGGER.warning("%s %s: %s", format_ts(alert.ts), plain(alert.rule), plain(line_of(alert)))
        return Outcome(Ending.DELIVERED)
