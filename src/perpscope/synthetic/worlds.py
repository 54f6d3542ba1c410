"""Named worlds: markets with a known answer, made to prove or to break the estimation of liquidation levels.

| name | what is planted | what an estimator must do |
|---|---|---|
| W0 | no leverage; liquidations strike at random along the path | find nothing |
| W1 | the estimator's own assumptions hold | recover mix and levels |
| W2 | cross margin, stops, targets, top-ups, funding out of margin, large positions | keep the ranking |
| W3 | W1 seen through a one-per-second feed | correct for what is hidden |
| W4 | W1, and price is pulled to where liquidations are (W4-off: it is not) | tell the two apart |
| W5 | W1, and the leverage mix changes half-way | forget the old mix |
| W6-usd, W6-two-sided, W6-lagged | W1 with a wrong open interest | name the fault |
| crash | a planted crash into thin books with a small insurance fund | survive it |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from perpscope.core.errors import unknown_name
from perpscope.synthetic.config import Config, Episode, Publication


def no_leverage(base: Config) -> Config:
    """W0: nobody can be liquidated by price; unlevered accounts are struck at random along the path of the mark."""
    true = model_true(base)
    mix = replace(true.retail, leverages=(1.0,), weights=(1.0,))
    return replace(true, retail=mix, venue=replace(base.venue, random_liquidations=0.02))


def model_true(base: Config) -> Config:
    """W1: isolated margin, no stops, targets or top-ups; everyone leaves at the same rate, whatever the leverage."""
    mix = replace(
        base.retail,
        leverages=(2, 3, 5, 10, 20, 50, 100),
        weights=(0.30, 0.25, 0.20, 0.12, 0.08, 0.035, 0.015),
        quantity_spread=0.8,
        bias=0.0,
        mood=0.0,
        trend=0.0,
        holding_hours=48.0,
        holding_slope=0.0,
        memoryless=True,
        scalp_share=0.0,
        stop_share=0.0,
        target_share=0.0,
        cross_share=0.0,
        top_up_share=0.0,
    )
    # makers who lean against their whole position pull price back, which would pass for an attraction by levels
    makers = replace(base.makers, carry_per_unit=0.0)
    return replace(base, retail=mix, makers=makers, venue=replace(base.venue, funding_from_margin=False))


def misspecified(base: Config) -> Config:
    """W2: everything the model leaves out, at once."""
    mix = replace(
        base.retail,
        cross_share=0.5,
        stop_share=0.5,
        target_share=0.5,
        top_up_share=0.3,
        quantity=0.16,
        quantity_spread=2.0,
    )
    return replace(base, retail=mix, venue=replace(base.venue, funding_from_margin=True, partial_liquidation=True))


def censored(base: Config) -> Config:
    """W3: W1 itself, but of the liquidations of one second only the last is published."""
    return replace(model_true(base), publication=replace(base.publication, one_per_second=True))


def magnet(base: Config) -> Config:
    """W4: touching 1% up before 1% down has the logit `magnet` times the imbalance of liquidations within 1%."""
    true = model_true(base)
    return replace(true, venue=replace(true.venue, magnet=1.0))


def changing_mix(base: Config) -> Config:
    """W5: half-way the mix moves towards high leverage."""
    true = model_true(base)
    later = (0.12, 0.13, 0.16, 0.19, 0.20, 0.13, 0.07)
    return replace(true, retail=replace(true.retail, later_weights=later, mix_change_day=0.5 * base.days))


def wrong_interest(fault: Publication) -> Callable[[Config], Config]:
    """W6: W1 whose open interest is published with a fault."""

    def with_fault(base: Config) -> Config:
        return replace(model_true(base), publication=fault)

    return with_fault


def crash(base: Config) -> Config:
    """A fall of 18% in twelve minutes, thin books, a small insurance fund: takeovers and auto-deleveraging happen."""
    return replace(
        base,
        outside=replace(base.outside, episodes=(Episode(0.5 * base.days, -0.18, 12.0, 8.0),)),
        makers=replace(base.makers, top_quantity=0.04, depth_growth=1.6),
        venue=replace(base.venue, insurance_fund=20_000.0),
    )


def calibrated(base: Config) -> Config:
    """The default market."""
    return base


WORLDS: dict[str, Callable[[Config], Config]] = {
    "calibrated": calibrated,
    "W0": no_leverage,
    "W1": model_true,
    "W2": misspecified,
    "W3": censored,
    "W4": magnet,
    "W4-off": model_true,
    "W5": changing_mix,
    "W6-usd": wrong_interest(Publication(interest_unit="usd_as_base")),
    "W6-two-sided": wrong_interest(Publication(interest_sides=2)),
    "W6-lagged": wrong_interest(Publication(interest_lag_seconds=300)),
    "crash": crash,
}
"""What makes each world out of a base; the base brings seed, length, price and open interest."""


def world(name: str, seed: int = 7, days: float = 14.0) -> Config:
    """The settings of a named world.

    Raises:
        UserError: if the name is unknown.

    Example:
        >>> world("W5", seed=1, days=20.0).retail.mix_change_day
        10.0
        >>> world("W6-usd").publication.interest_unit
        'usd_as_base'
    """
    if name not in WORLDS:
        raise unknown_name("synthetic world", name, WORLDS)
    return WORLDS[name](Config(seed=seed, days=days))
