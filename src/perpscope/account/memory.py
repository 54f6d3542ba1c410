"""A fresh account as memory: terms, dated tiers and rules as records, wallet and legs at their beginning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perpscope.account.config import SLIPPAGE_MODELS, BeyondDepth, MarginMode, PositionMode, Rules, Terms
from perpscope.account.layout import CHANGING, INSTRUMENTS, MEMORY, REGIMES, TIERS
from perpscope.account.money import quanta
from perpscope.contract.liquidation import Valuation
from perpscope.contract.margin import TierArrays, tier_arrays
from perpscope.contract.rules import RULES as VENUE_RULES
from perpscope.contract.rules import rule_for
from perpscope.contract.tiers import tables_of
from perpscope.core.errors import UserError
from perpscope.core.time import NULL_TS
from perpscope.core.units import ContractKind

_WORDS = CHANGING.itemsize // 8


class Given:
    """What an account is given once, laid out in a memory that its states are worked on in."""

    def __init__(self, terms: Sequence[Terms], rules: Rules) -> None:
        if len(terms) > INSTRUMENTS:
            raise UserError(f"One account holds at most {INSTRUMENTS} instruments; split them over several accounts.")
        self.memory = np.zeros(1, MEMORY)
        self.words = self.memory.view(np.int64)[:_WORDS]
        plain = self.memory.view(_plain(MEMORY))
        self.record = m = plain[0]
        self.wallet, self.spots, self.legs = m["wallet"], m["spots"][: len(terms)], m["legs"][: 2 * len(terms)]
        _fill_rules(m["rules"], rules)
        _fill_scenarios(m["scenarios"], rules)
        regimes, rows = 0, 0
        for k, one in enumerate(terms):
            row = m["terms"][k]
            row["regimes_from"] = regimes
            for valid_from, valuation, table in _regimes(one):
                end = rows + len(table.cap)
                if regimes >= REGIMES or end > TIERS:
                    raise UserError(f"The dated tier tables hold more than {REGIMES} dates or {TIERS} tiers; give fewer.")
                m["regimes"][regimes] = (valid_from, int(valuation), rows, end)
                for name in ("cap", "rate", "amount", "max_leverage"):
                    m[name][rows:end] = getattr(table, name)
                m["max_leverage"][rows:end][np.isnan(table.max_leverage)] = np.inf
                regimes, rows = regimes + 1, end
            row["regimes_to"] = regimes
            _fill_terms(row, one)
        self._instruments = len(terms)

    def fresh(self, deposit: float) -> NDArray[np.int64]:
        """The changing parts of a new account, as plain int64 words that `core.state` can freeze."""
        made = np.zeros(1, CHANGING)
        wallet, spots = made[0]["wallet"], made[0]["spots"]
        wallet["instruments"], wallet["free"] = self._instruments, quanta.python(deposit)
        wallet["peak"] = wallet["trough"] = deposit
        wallet["now"] = wallet["known"] = wallet["cooldown_ts"] = NULL_TS
        spots["next_ts"] = spots["last_funding"] = spots["last_close"] = spots["regime_end"] = NULL_TS
        spots["regime"] = self.record["terms"]["regimes_from"]
        spots["last"] = spots["mark"] = np.nan
        spots["low_watch"] = spots["mark_low"] = -np.inf
        spots["high_watch"] = spots["mark_high"] = np.inf
        return made.view(np.int64)


def _plain(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The same layout without the record class, whose attribute access costs Python more than a dictionary's."""
    if dtype.subdtype is not None:
        return np.dtype((_plain(dtype.subdtype[0]), dtype.subdtype[1]))
    if dtype.fields is None:
        return dtype
    return np.dtype([(name, _plain(dtype.fields[name][0])) for name in dtype.names or ()])


def _fill_terms(row: np.void, terms: Terms) -> None:
    instrument = terms.instrument
    if instrument.kind not in (ContractKind.LINEAR, ContractKind.INVERSE):
        raise UserError(f"{instrument.symbol} is spot: an account with margin trades linear or inverse contracts.")
    row["kind"], row["isolated"] = int(instrument.kind), terms.margin is MarginMode.ISOLATED
    row["impact_model"] = SLIPPAGE_MODELS.index(terms.slippage.model)
    if terms.slippage.model == "from_book" and terms.slippage.bps is None:
        raise UserError(
            f"Slippage from_book of {instrument.symbol} was not fitted: fit it on recorded depth, or give its bps and k."
        )
    row["tick"], row["lot"] = instrument.tick_size, instrument.lot_size
    row["min_notional"], row["price_band"], row["participation"] = terms.min_notional, terms.price_band, terms.participation
    row["maker_fee"], row["taker_fee"], row["liquidation_fee"] = terms.maker_fee, terms.taker_fee, terms.liquidation_fee
    row["slippage"] = terms.slippage.fraction_of(instrument)
    row["impact"], row["stress"], row["exponent"] = terms.slippage.k, terms.slippage.stress, terms.slippage.exponent


def _regimes(terms: Terms) -> list[tuple[int, Valuation, TierArrays]]:
    """From when which valuation and tiers hold: a new one at every date at which the tiers or the venue's rule change."""
    instrument = terms.instrument
    known = any(rule.venue == instrument.venue and rule.kind == instrument.kind for rule in VENUE_RULES)
    rules = [r for r in VENUE_RULES if r.venue == instrument.venue and r.kind == instrument.kind]
    dates = {NULL_TS} | {r.valid_from for r in rules if r.valid_from is not None}
    tables = () if terms.tiers is not None else tables_of(instrument)
    dates |= {t.valid_from for t in tables if t.valid_from is not None}
    made: list[tuple[int, Valuation, TierArrays]] = []
    for date in sorted(dates):
        rule = rule_for(instrument.venue, instrument.kind, date) if known else None
        valuation = Valuation.MARK if rule is None else rule.valuation
        if terms.tiers is not None:
            made.append((date, valuation, terms.tiers))
            continue
        covering = [t for t in tables if t.covers(date)]
        if not covering and not terms.assume_tiers:
            continue
        table = max(covering or [min(tables, key=_start)], key=_start)
        made.append((date, valuation, tier_arrays(table) if rule is None else rule.tiers(table, terms.taker_fee)))
    if not made:
        raise UserError(f"No risk tiers of {instrument.symbol} are dated; allow assume_tiers or import a dated table.")
    return made


def _start(table: Any) -> float:
    begin = getattr(table, "valid_from", None)
    return -np.inf if begin is None else float(begin)


def _fill_rules(row: np.void, rules: Rules) -> None:
    row["hedge"], row["path"] = rules.positions is PositionMode.HEDGE, int(rules.path)
    row["profile"], row["funding_from_free"] = int(rules.liquidation), rules.funding_from_free
    row["latency"], row["cancel_latency"], row["trigger_latency"] = rules.latency, rules.cancel_latency, rules.trigger_latency
    row["queue_model"], row["sample"] = int(rules.queue), rules.sample
    row["scenarios"] = len(rules.scenarios)
    row["stress_beyond"], row["beyond_bps"] = rules.beyond_depth is BeyondDepth.STRESS, rules.beyond_bps


def _fill_scenarios(rows: NDArray[np.void], rules: Rules) -> None:
    for row, one in zip(rows, rules.scenarios, strict=False):
        row["kind"], row["start_ts"], row["end_ts"], row["sign"] = int(one.kind), one.start_ts, one.end_ts, one.sign
        row["delay"], row["seed"] = one.delay_ns, one.seed
        row["probability"], row["distance"] = one.probability, one.distance
