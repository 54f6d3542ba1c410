"""Which leverage mix a report is read with: the shipped prior, or a calibration with bands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.core.instrument import Instrument
from perpscope.core.time import format_ts
from perpscope.core.units import ContractKind, PositionSide
from perpscope.features.liquidation.bands import forced_bands
from perpscope.features.liquidation.mix import PRIOR_NAME, PRIOR_TS
from perpscope.research.calibration.artefact import Artefact, filter_settings

Floats = npt.NDArray[np.float64]

BAND = (0.1, 0.9)


@dataclass(frozen=True, eq=False)
class Bands:
    """What the doubt about a calibrated mix rests on.

    Attributes:
        draws: float64 (draws, 2, tiers), weights of longs and shorts: share of opens x reported fraction.
        event_quantity: of a typical liquidation, base units.
        dispersion: of reports around the fit.
        learned: bool (tiers,), which tiers rest on data.
    """

    draws: Floats
    event_quantity: float
    dispersion: float
    learned: npt.NDArray[np.bool_]

    def dollars(
        self, units: Floats, weights: Floats, usd: float, price: float, side: PositionSide, kind: ContractKind
    ) -> Floats:
        """Lower and upper end of the dollars of a heap.

        Args:
            units: (tiers,), exposure of the heap if all opens were of one tier.
            weights: (tiers,), the mix that its dollars were told with.
            usd: those dollars, at `price`.
        """
        expected, by = float(units @ weights), 1.0 if kind is ContractKind.INVERSE else price
        if not (expected > 0.0 and usd > 0.0):
            return np.full(2, np.nan)
        event = self.event_quantity * price / by
        scaled = units[None, :] * (usd / by / expected)
        return forced_bands(scaled, self.draws[:, side - 1], event, self.dispersion, BAND)[0] * by


@dataclass(frozen=True, eq=False)
class MixInUse:
    """A mix with its name and day, the settings that apply it by feature name, and its bands (None: not known)."""

    name: str = PRIOR_NAME
    dated_ts: int = PRIOR_TS
    learned: bool = False
    level: str = "relative"
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    bands: Bands | None = None


SHIPPED = MixInUse()
"""The shipped prior: not a measurement of any instrument, so nothing is known of its bands."""


def calibrated_mix(artefact: Artefact, instrument: Instrument, at: int) -> MixInUse:
    """A calibration as the mix of a report at a moment.

    The history that the report shows is replayed with it; the report says so.

    Raises:
        UserError: if it belongs to another instrument, or was not known yet.
    """
    if (artefact.venue, artefact.instrument) != (instrument.venue, instrument.symbol):
        raise UserError(
            f"This calibration was learned on {artefact.venue} {artefact.instrument}, the report is about {instrument.venue} "
            f"{instrument.symbol}. Give its own, or leave --mix out."
        )
    if artefact.known_ts > at:
        raise UserError(
            f"This calibration became known {format_ts(artefact.known_ts)}, after the moment of the report, {format_ts(at)}. "
            "Calibrate with an earlier --to, or choose a later --at."
        )
    shares, kappa = np.asarray(artefact.bootstrap, np.float64), np.asarray(artefact.bootstrap_kap, np.float64)
    learned = np.array([tier.status == "learned" for tier in artefact.tiers[1:]], bool)
    bands = None
    if len(shares):
        draws = kappa[:, :, None] * shares[:, None, 1:]
        bands = Bands(draws, artefact.event_quantity, artefact.fit.dispersion, learned)
    return MixInUse(
        name=artefact.name.removesuffix(".json"),
        dated_ts=artefact.known_ts,
        learned=bool(learned.any()),
        level=artefact.level,
        settings=filter_settings(artefact, at, replay=True),
        bands=bands,
    )
