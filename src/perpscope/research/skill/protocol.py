"""The frozen protocol of the skill report: every choice that could be tuned, in one committed file."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources

import msgspec

from perpscope.features.liquidation.mix import LEVERAGES
from perpscope.research.calibration.mlem import MixOptions
from perpscope.research.calibration.replay import FilterSettings


class FilterChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the exposure filter runs."""

    flow_fraction: float
    taker_weight: float
    bin_bps: float
    spread: float
    hazard_tilt: float


class MixChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Strength of the prior and half-life of what was learned."""

    strength: float
    half_life_days: float


class ProfileChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The map by distance from price, for placebos that move it."""

    bin_bps: float
    bins: int


class StrataChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Classes of distance and sweep speed within which zones are ranked, and the share called top."""

    distance: int
    speed: int
    top_share: float


class MagnetChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Barriers at these daily sigmas, mass within +-`width` of the barrier's distance, a start every so often."""

    sigmas: list[float]
    width: float
    every_hours: int
    horizon_hours: int


class ResponseChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happens after a dense level is touched, against matched touches of thin ones."""

    minutes: list[int]
    extreme_hours: int
    top_share: float
    control_share: float
    controls: int
    caliper: float
    cost_bps: float


class TouchChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Horizons and distances at which the touch probability is judged."""

    horizons_hours: list[int]
    sigmas: list[float]
    trailing_days: int


class BandsChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Draws of the mix, and the quantiles published as the band."""

    draws: int
    low: float
    high: float


class LocatedChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the test inside the swept path needs."""

    fewest_events: int
    fewest_days: int


class Protocol(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every choice of the skill report. `hash` is that of the file: a report names the protocol it followed."""

    name: str
    frozen: str
    development_windows: list[str]
    settings_looked_at: int
    seed: int
    level: float
    replications: int
    purge_hours: int
    first_test_fraction: float
    refit_days: int
    filter: FilterChoice
    mix: MixChoice
    counts_per_mean: float
    floor_of_mean: float
    ridge: float
    clip_quantile: float
    robust_share: float
    extremes_hours: list[int]
    depth_hours: list[int]
    sigma_half_life_bars: float
    memory_half_life_hours: float
    ladder: dict[str, float]
    shift_days: list[int]
    profile: ProfileChoice
    cascade_quantile: float
    strata: StrataChoice
    magnet: MagnetChoice
    response: ResponseChoice
    touch: TouchChoice
    bands: BandsChoice
    located: LocatedChoice
    family: list[str]

    @property
    def settings(self) -> FilterSettings:
        """The filter's parameters."""
        return FilterSettings(**msgspec.structs.asdict(self.filter))

    @property
    def options(self) -> MixOptions:
        """The learner's."""
        return MixOptions(strength=self.mix.strength)

    @property
    def ladder_mix(self) -> tuple[float, ...]:
        """The fixed ladder as a mix: never, 2x, ..., 100x."""
        return (0.0, *(self.ladder.get(f"{leverage:g}", 0.0) for leverage in LEVERAGES))


@cache
def protocol() -> Protocol:
    """The committed protocol.

    Example:
        >>> protocol().replications, round(sum(protocol().ladder_mix), 9)
        (1000, 1.0)
    """
    return msgspec.json.decode(_raw(), type=Protocol)


@cache
def protocol_hash() -> str:
    """SHA-256 of the committed file."""
    return hashlib.sha256(_raw()).hexdigest()


def _raw() -> bytes:
    return resources.files("perpscope.research.skill").joinpath("protocol.json").read_bytes()
