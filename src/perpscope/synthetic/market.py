"""The door: settings in, a market with its published tables and its truth out."""

from __future__ import annotations

from dataclasses import dataclass, field

from perpscope.core.events import LiquidationFeed
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import MINUTE
from perpscope.synthetic.config import Config
from perpscope.synthetic.faults import with_faults
from perpscope.synthetic.feeds import liquidation_totals, one_per_second, published
from perpscope.synthetic.simulation import Recording, record
from perpscope.synthetic.truth import Truth


@dataclass(frozen=True)
class SyntheticMarket:
    """A finished market.

    `tables` holds what a venue would publish, by stream; its liquidations are complete. `truth` holds the rest.
    """

    config: Config
    instrument: Instrument
    tables: dict[str, Table]
    truth: Truth = field(repr=False)
    recording: Recording = field(repr=False)

    def with_censored_liquidations(self) -> dict[str, Table]:
        """The published tables with liquidations as a one-per-second feed shows them, and totals made from that."""
        seen = one_per_second(self.tables["liquidation"])
        totals = liquidation_totals(self.recording, seen, 5 * MINUTE, LiquidationFeed.TOTALS_CENSORED)
        return {**self.tables, "liquidation": seen, "liquidation_totals@5m": totals}


def simulate(config: Config | None = None) -> SyntheticMarket:
    """Run an agent-based perpetual market in which every position is known.

    Definition: docs/definitions/synthetic_market.md. Equal settings give bit-equal tables on one machine.
    It is test ground and demonstration, never evidence about markets.

    Returns:
        `SyntheticMarket`; streams trade, mark_price, mark_bars@1m, open_interest, funding, liquidation,
        liquidation_totals@5m and gap. Bars come from the trades, by `market.bars`.

    Raises:
        UserError: from `Config`, for settings no market can have.

    Example:
        >>> market = simulate(Config(seed=3, days=0.02, open_interest=40.0))
        >>> sorted(market.tables)[:3], len(market.tables["mark_price"])
        (['funding', 'gap', 'liquidation'], 1728)
    """
    settings = Config() if config is None else config
    recording = record(settings)
    tables = with_faults(published(recording), settings)
    return SyntheticMarket(settings, recording.instrument, tables, Truth(recording), recording)
