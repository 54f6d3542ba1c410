"""Risk asked about a proposal: what it may see, and its answer as an entry or a reason."""

from __future__ import annotations

from dataclasses import dataclass

from perpscope.account import AccountView, Terms
from perpscope.backtest.desk import Proposal
from perpscope.core.units import floor_to_step, round_to_step


@dataclass(frozen=True)
class Approved:
    quantity: float
    leverage: float
    stop: float
    target: float


@dataclass(frozen=True)
class Refused:
    reason: str


def judge(proposal: Proposal, terms: Terms, view: AccountView) -> Approved | Refused:
    s = proposal.side.sign
    tick = terms.instrument.tick_size
    loss = s * (proposal.entry - proposal.stop) + 0.0006 * (proposal.entry + proposal.stop)
    if proposal.exposure == proposal.exposure:
        quantity = view.equity * proposal.exposure / proposal.entry
    else:
        quantity = min(view.equity * 0.005 / loss, 2.0 * view.equity / proposal.entry)
    quantity = floor_to_step(quantity, terms.instrument.lot_size)
    if quantity <= 0:
        return Refused("lot")
    return Approved(
        quantity,
        3.0,
        round_to_step(proposal.stop, tick),
        round_to_step(proposal.target, tick) if proposal.target == proposal.target else proposal.target,
    )
