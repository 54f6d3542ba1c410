"""A calibration put to use: the calibrated exposure filter, and bands around every figure that carries tiers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.core.table import Table
from perpscope.features.liquidation.bands import QUANTILES, bands, prior_fraction, units_of
from perpscope.features.liquidation.exposure import ExposureParams, LiquidationExposure
from perpscope.features.liquidation.flows import FlowParams, PositionFlows
from perpscope.features.liquidation.mix import TIERS
from perpscope.research.calibration.artefact import Artefact, filter_settings
from perpscope.research.calibration.study import side_index

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CalibratedFilter:
    """The two folds with an artefact's parameters, in the order in which they run, and the parameters themselves.

    `flow` and `exposure` are the parameters of the folds, for whoever builds them elsewhere.
    """

    flow: FlowParams
    exposure: ExposureParams

    def folds(self, frame: str) -> tuple[PositionFlows, LiquidationExposure]:
        """The folds at a time frame: give them to a graph in place of the ones with default parameters."""
        return PositionFlows(self.flow, frame), LiquidationExposure(self.exposure, frame)


def calibrated_filter(artefact: Artefact, first_ts: int, replay: bool = False) -> CalibratedFilter:
    """The exposure filter that an artefact describes.

    The expected forced closes of `liquidation_heatmap` and `liquidation_clusters` downstream are then exposure x kappa: at
    the level that the feed reports ("relative"), or in full ("absolute"). The mix was learned on bars of `artefact.path`;
    at other time frames the level differs somewhat (BTC: kappa .098 on 5-minute bars, .101 on hours).

    Args:
        first_ts: first time of the data it is applied to, ns.
        replay: allow a mix that was not known then; whoever shows the result must label it a replay.

    Raises:
        UserError: if the mix became known after `first_ts` and this is no replay.

    Example:
        >>> from perpscope.research.calibration.artefact import empty_artefact
        >>> calibrated = calibrated_filter(empty_artefact("binance", "BTCUSDT"), first_ts=0)
        >>> calibrated.exposure.bin_bps, [fold.frame for fold in calibrated.folds("5m")]
        (10.0, ['5m', '5m'])
    """
    settings = filter_settings(artefact, first_ts, replay)
    return CalibratedFilter(FlowParams(**settings["position_flows"]), ExposureParams(**settings["liquidation_exposure"]))


def drawn_weights(artefact: Artefact) -> Floats:
    """Bootstrap draws of w = kappa x share: float64 (draws, 2, TIERS), longs first.

    Raises:
        UserError: if the artefact has no draws (nothing was learned).
    """
    if not artefact.bootstrap:
        raise UserError("This calibration has no bootstrap draws, so nothing is known about its bands. Calibrate anew.")
    shares, fractions = np.array(artefact.bootstrap), np.array(artefact.bootstrap_kap)
    weights: Floats = fractions[:, :, None] * shares[:, None, 1 : TIERS + 1]
    return weights


def dollar_bands(artefact: Artefact, rows: Table, quantiles: tuple[float, ...] = QUANTILES) -> Floats:
    """p10, p50, p90 of the dollars (quote coin) that each row expects to be closed by force: float64 (rows, quantiles).

    Definition: one draw of the bootstrap gives sum_k w_k units_k x price; the band is the quantiles over the draws. It is
    doubt about the mix only, and wide where a tier was never reached and the prior speaks (`prior_share`).

    Args:
        rows: of `liquidation_clusters` or `liquidation_exposure` (CELL or SWEPT rows of a linear contract): they carry a side,
            a quantity for each tier, and a price (clusters: the peak; cells: the middle of the bin).

    Raises:
        UserError: if the artefact has no draws.
    """
    draws, units, side = drawn_weights(artefact), units_of(rows), side_index(rows["side"])
    names = rows.schema.names
    price = rows["price_peak"] if "price_peak" in names else np.sqrt(rows["price_low"] * rows["price_high"])
    out = np.full((len(rows), len(quantiles)), np.nan)
    for s in range(2):
        mine = side == s
        if mine.any():
            out[mine] = bands(units[mine], draws[:, s], quantiles) * price[mine, None]
    return out


def prior_share(artefact: Artefact, rows: Table) -> Floats:
    """Share of each row's figure that rests on tiers which nobody has learned about: float64 (rows,), NaN where it is empty."""
    learned = [tier.status == "learned" for tier in artefact.tiers[1:]] or [False] * TIERS
    return prior_fraction(units_of(rows), artefact.pi[1:], learned)
