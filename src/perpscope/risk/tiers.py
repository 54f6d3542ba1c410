"""The tiers that hold for an instrument's terms at a time, each table laid out once."""

from __future__ import annotations

from dataclasses import replace

from perpscope.account import Terms
from perpscope.contract.margin import TierArrays, tier_arrays
from perpscope.contract.rules import RULES, rule_for
from perpscope.contract.tiers import nearest_tiers, tables_of


class TiersInForce:
    """Tiers by time, as the venue applies them.

    Example:
        >>> from perpscope.core.instrument import Instrument
        >>> from perpscope.core.time import parse_ts
        >>> tiers = TiersInForce(Terms(Instrument("binance", "BTCUSDT")))
        >>> day, next_day = parse_ts("2024-11-01"), parse_ts("2024-11-02")
        >>> tiers.at(day).rate[0].item(), tiers.at(day) is tiers.at(next_day)
        (0.004, True)
    """

    def __init__(self, terms: Terms) -> None:
        instrument = terms.instrument
        self.terms, self._instrument = terms, instrument
        self._ruled = any(rule.venue == instrument.venue and rule.kind == instrument.kind for rule in RULES)
        self._laid_out: dict[tuple[int, int], TierArrays] = {}

    def at(self, ts: int) -> TierArrays:
        """The tiers in force at `ts`.

        Raises:
            UserError: if the terms bring no tiers and none are known of the instrument.
        """
        if self.terms.tiers is not None:
            return self.terms.tiers
        if not self._instrument.tier_tables:
            self._instrument = replace(self._instrument, tier_tables=tables_of(self._instrument))
        table = nearest_tiers(self._instrument, ts)
        # a venue without rules of its own, such as a simulated one, has the table as it stands
        rule = rule_for(self._instrument.venue, self._instrument.kind, ts) if self._ruled else None
        key = id(table), id(rule)
        found = self._laid_out.get(key)
        if found is None:
            found = tier_arrays(table) if rule is None else rule.tiers(table, self.terms.taker_fee)
            self._laid_out[key] = found
        return found
