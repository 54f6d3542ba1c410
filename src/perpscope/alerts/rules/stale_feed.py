"""A channel has gone silent: what rests on it is off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from perpscope.alerts.alert import Finding
from perpscope.alerts.rule import Rule, View
from perpscope.core.fold import State
from perpscope.core.time import SECOND, format_ts, parse_span

_KEPT = 1_000


@dataclass(frozen=True)
class StaleFeed(Rule):
    """Definition: a channel that the loop calls stale, for at least `after`. It speaks once a silence, and again after the
    channel has been heard and gone silent anew. Only the live loop can run it."""

    kind: ClassVar = "stale_feed"
    title: ClassVar = "a channel went silent"
    live_only: ClassVar = True

    after: str = "10s"
    cooldown: str = "1m"

    def __post_init__(self) -> None:
        super().__post_init__()
        parse_span(self.after)

    def look(self, state: State, view: View) -> Iterator[Finding]:
        stale = view.context.stale
        for channel in [c for c in state if c not in stale]:
            del state[channel]
        for channel, since in stale.items():
            silent = view.context.now - since
            if state.get(channel) == since or silent < parse_span(self.after) or len(state) >= _KEPT:
                continue
            state[channel] = since
            yield Finding(
                f"{channel}:{since}", channel, view.context.now,
                f"{channel} has been silent for {silent // SECOND} s, since {format_ts(since)}; what rests on it is off",
                {"channel": channel, "silent_s": silent // SECOND},
            )  # fmt: skip
