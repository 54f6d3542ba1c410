"""A notification on this desktop."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from typing import ClassVar

from perpscope.alerts.alert import Alert
from perpscope.alerts.sinks.base import Ending, Outcome, SinkConfig, line_of
from perpscope.alerts.text import markup, plain


@dataclass(frozen=True)
class DesktopConfig(SinkConfig):
    """`command`: the program, called with a title and a text; never through a shell."""

    kind: ClassVar = "desktop"

    command: str = "notify-send"
    timeout_s: float = 5.0

    def build(self, loopback: bool = False) -> DesktopSink:
        return DesktopSink(self)


class DesktopSink:
    def __init__(self, config: DesktopConfig) -> None:
        self.config = config

    def problem(self) -> str:
        if shutil.which(self.config.command) is None:
            return f"the program '{plain(self.config.command, 60)}' is not installed here"
        return ""

    async def send(self, alert: Alert) -> Outcome:
        if self.problem():
            return Outcome(Ending.FAILED, "no notification program")
        arguments = ("--app-name=perpscope", "--", markup(alert.rule), markup(line_of(alert)))
        quiet = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(self.config.command, *arguments, stdout=quiet, stderr=quiet)
        try:
            code = await asyncio.wait_for(process.wait(), self.config.timeout_s)
        except TimeoutError:
            process.kill()
            await process.wait()
            return Outcome(Ending.UNKNOWN, "the notification program did not end")
        return Outcome(Ending.DELIVERED) if code == 0 else Outcome(Ending.FAILED, f"the notification program ended with {code}")
