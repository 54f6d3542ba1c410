"""Rules over steps: findings, less what the cooldown holds back. No clock, no disk, no network."""

from __future__ import annotations

from collections import Counter

from perpscope.alerts.alert import Alert, Finding, alert_id
from perpscope.alerts.config import AlertConfig, Watching
from perpscope.alerts.rule import Context, View
from perpscope.core.fold import State
from perpscope.core.instrument import Instrument
from perpscope.core.state import freeze, thaw
from perpscope.engine.graph import Step

_SUBJECTS = 2_000


class Watch:
    """The rules of a file, with what each remembers of each instrument.

    What it finds does not depend on how history is cut into steps, and a watch that is frozen and thawed goes on as if nothing
    had happened. `held_back` counts findings that the cooldown kept.
    """

    def __init__(self, config: AlertConfig) -> None:
        self.config = config
        self.held_back: Counter[str] = Counter()
        self._states: dict[str, State] = {}
        self._last: dict[str, dict[str, int]] = {}
        self._places: dict[tuple[str, ...], dict[str, list[str]]] = {}

    def step(self, instrument: Instrument, step: Step, context: Context) -> list[Alert]:
        """The alerts of one step, in order of time."""
        where = f"{instrument.venue}:{instrument.symbol}"
        view = View(instrument, step, context, self._places.setdefault(tuple(step.rows), {}))
        found: list[Alert] = []
        for watching in self.config.rules:
            if watching.covers(instrument.venue, instrument.symbol):
                state = self._states.setdefault(f"{watching.name}|{where}", {})
                for finding in watching.rule.look(state, view):
                    if self._due(watching, where, finding):
                        found.append(_alert(watching, instrument, finding))
        if len(found) > 1:
            found.sort(key=lambda alert: alert.ts)
        return found

    def _due(self, watching: Watching, where: str, finding: Finding) -> bool:
        last = self._last.setdefault(f"{watching.name}|{where}", {})
        before = last.get(finding.subject)
        if before is not None and finding.ts - before < watching.rule.cooldown_ns:
            self.held_back[watching.name] += 1
            return False
        last[finding.subject] = finding.ts
        if len(last) > _SUBJECTS:
            for subject in sorted(last, key=lambda s: last[s])[: _SUBJECTS // 2]:
                del last[subject]
        return True

    def freeze(self) -> bytes:
        """What all rules remember."""
        return freeze({"states": self._states, "last": self._last})

    def thaw(self, data: bytes) -> None:
        """Take over what was frozen; rules that are no longer in the file are left out.

        Raises:
            DataError: if the bytes are damaged.
        """
        held = thaw(data)
        names = {watching.name for watching in self.config.rules}
        self._states = {k: v for k, v in held["states"].items() if k.partition("|")[0] in names}
        self._last = {k: v for k, v in held["last"].items() if k.partition("|")[0] in names}


def _alert(watching: Watching, instrument: Instrument, finding: Finding) -> Alert:
    return Alert(
        alert_id(watching.name, instrument.venue, instrument.symbol, finding.key), watching.name, watching.rule.kind,
        instrument.venue, instrument.symbol, finding.ts, finding.sentence, finding.facts, watching.sinks,
    )  # fmt: skip
