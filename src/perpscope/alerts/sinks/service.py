"""A messenger, through apprise: services whose own, fixed address the address names by its scheme alone.

apprise resolves names by itself, follows redirects and cannot be told which address to use. So a scheme that lets the url name
a host (json://, ntfy://, gotify://, mailto:// ...) is refused: such a host gets a `webhook`, whose address is checked.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from perpscope.alerts.alert import Alert
from perpscope.alerts.secret import Secret
from perpscope.alerts.sinks.address import check_url
from perpscope.alerts.sinks.base import Ending, Outcome, SinkConfig, line_of
from perpscope.alerts.sinks.webhook import address_of
from perpscope.alerts.text import plain
from perpscope.core.errors import UserError

SERVICES = frozenset(
    {"discord", "slack", "tgram", "pover", "pbul", "pagerduty", "opsgenie", "prowl", "simplepush", "wxteams", "zulip", "signl4"}
)
"""None of their urls can name a host; a test asks apprise itself."""


@dataclass(frozen=True)
class ServiceConfig(SinkConfig):
    """`url`: the service in apprise's words, such as tgram://token/chat, or `url_env`, the variable that holds it."""

    kind: ClassVar = "apprise"

    url: str = ""
    url_env: str = ""

    def __repr__(self) -> str:
        return f"ServiceConfig(url=***, url_env={self.url_env!r})"

    def build(self, loopback: bool = False) -> ServiceSink:
        return ServiceSink(address_of(self.url, self.url_env), loopback)


class ServiceSink:
    """apprise gives no more than yes or no: a no may still have been taken, so nothing is tried again."""

    def __init__(self, url: Secret, loopback: bool = False) -> None:
        held = url.reveal()
        scheme, mark, _ = held.partition("://")
        scheme = scheme.lower()
        if loopback and scheme == "json":
            check_url("http" + held[4:], (), loopback=True)
        elif not mark or scheme not in SERVICES:
            raise UserError(
                f"The url of an apprise sink begins with one of {', '.join(sorted(SERVICES))} and ://. A host of your own "
                f"gets a sink of kind 'webhook', whose address is checked."
            )
        if any(not "!" <= c <= "~" for c in held) or "redirect=" in held.lower():
            raise UserError("The url of an apprise sink may hold only plain ASCII without spaces, and no redirect option.")
        self.url = url

    def problem(self) -> str:
        import apprise

        made = apprise.Apprise.instantiate(self.url.reveal(), suppress_exceptions=True)
        return "" if made is not None else "apprise does not understand the url of this sink"

    async def send(self, alert: Alert) -> Outcome:
        try:
            taken = await asyncio.wait_for(asyncio.to_thread(self._notify, alert), 15.0)
        except TimeoutError:
            return Outcome(Ending.UNKNOWN, "apprise did not end in time")
        return Outcome(Ending.DELIVERED) if taken else Outcome(Ending.UNKNOWN, "apprise says that it was not delivered")

    def _notify(self, alert: Alert) -> bool:
        import logging

        import apprise

        for talker in ("apprise", "requests", "urllib3"):
            logging.getLogger(talker).setLevel(logging.CRITICAL)  # their messages show urls
        made = apprise.Apprise.instantiate(self.url.reveal(), suppress_exceptions=True)
        if made is None:
            return False
        plain_text = apprise.NotifyFormat.TEXT
        return bool(made.notify(title=plain(alert.rule), body=plain(line_of(alert)), body_format=plain_text))
