"""The written result of a calibration: what was learned, from which data, how sure it is. Content-hashed, never changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from perpscope.core.errors import DataError, UserError
from perpscope.core.time import format_ts, to_datetime
from perpscope.features.liquidation.mix import PRIOR, checked_mix

SCHEMA = "perpscope.mix/2"


class Data(msgspec.Struct, frozen=True):
    """A stream that was read: rows, first and last time, SHA-256 of its columns."""

    path: str
    sha256: str
    rows: int
    first: str
    last: str


class Tier(msgspec.Struct, frozen=True):
    """What is known of one tier: `A` swept quantity, `n` expected in the reports, effective events, `learned` or `prior`,
    and its `weight` with 90% interval: share times kappa, both sides averaged, which is what reports can tell (of "never" the
    share itself)."""

    tier: str
    A: float
    n: float
    effective_events: float
    status: str
    weight: float
    low: float
    high: float


class Tried(msgspec.Struct, frozen=True):
    """One point of the likelihood curve of a parameter: out-of-sample deviance, gain over the value before in nats per
    report with its day-block interval."""

    parameter: str
    value: float | None
    deviance: float
    gain: float
    low: float | None
    high: float | None
    n: int
    chosen: bool


class Number(msgspec.Struct, frozen=True):
    """A statistic with its interval; `n` observations."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    level: float
    n: int
    method: str
    note: str


class Fitted(msgspec.Struct, frozen=True):
    """How the fit went: out-of-sample deviance, penalised log likelihood by round, the share of
    the expectation that the map does not explain, and the share of bars for which the books were still filling."""

    deviance: float | None
    rounds: int
    likelihood: list[float]
    dispersion: float
    background_share: float | None
    warm_fraction: float | None


class Artefact(msgspec.Struct, frozen=True):
    """A mix and its history. Shares are in the order of `tiers`; `level` is "absolute" or "relative".

    Times are ns UTC. `known_ts`: nobody could have known it earlier. `params`: by which the exposure filter ran; they were
    chosen on the weeks from `search_from` on, and `skill` is of [test_from, test_to), which no choice has seen (None: the
    window was too short to keep weeks back). `path`: time frame of the bars that the filter saw. `kap`: share of what price
    reaches that the feed reports. `hash`: SHA-256 of everything else.
    """

    schema: str
    created_ts: int
    known_ts: int
    venue: str
    instrument: str
    train_from: int
    train_to: int
    search_from: int
    test_from: int | None
    test_to: int | None
    path: str
    data: list[Data]
    tier_table: dict[str, str]
    feed_model: str
    level: str
    event_quantity: float
    event_quantity_source: str
    params: dict[str, float | None]
    pi0: list[float]
    pi: list[float]
    kap: dict[str, float]
    w_0: float
    tiers: list[Tier]
    bootstrap: list[list[float]]
    bootstrap_kap: list[list[float]]
    fit: Fitted
    profile: list[Tried]
    skill: list[Number]
    trials: int
    notes: list[str]
    code_version: str
    hash: str = ""

    @property
    def name(self) -> str:
        """The file name that says what it is."""
        return f"mix-{self.venue}-{self.instrument}-{to_datetime(self.known_ts):%Y-%m-%d}.json"


def hashed(artefact: Artefact) -> Artefact:
    """The artefact with its content hash."""
    body = msgspec.json.encode(msgspec.structs.replace(artefact, hash=""))
    return msgspec.structs.replace(artefact, hash=hashlib.sha256(body).hexdigest())


def write_artefact(artefact: Artefact, path: Path) -> Path:
    """Write it into a new file; a folder gets the artefact's own name.

    Raises:
        UserError: if the file exists with other content: artefacts are added, never changed.
    """
    target = path / artefact.name if path.is_dir() or not path.suffix else path
    done = hashed(artefact)
    if target.exists():
        if read_artefact(target).hash == done.hash:
            return target
        raise UserError(f"{target} holds another calibration, and artefacts are never overwritten. Give another name.")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(msgspec.json.format(msgspec.json.encode(done), indent=1) + b"\n")
    return target


def read_artefact(path: Path) -> Artefact:
    """Read one back.

    Raises:
        UserError: if there is no such file.
        DataError: if it is no artefact, or was changed after it was written.
    """
    if not path.is_file():
        raise UserError(f"There is no calibration '{path}'. Make one with 'perpscope liquidations calibrate'.")
    raw = path.read_bytes()
    try:
        artefact = msgspec.json.decode(raw, type=Artefact)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise DataError(f"{path.name} is no calibration ({error}).", raw[:80]) from None
    if artefact.schema != SCHEMA:
        raise DataError(f"{path.name} has the schema '{artefact.schema}', not '{SCHEMA}'.")
    if hashed(artefact).hash != artefact.hash:
        raise DataError(f"{path.name} was changed after it was written: its content does not fit its hash.")
    return artefact


def filter_settings(artefact: Artefact, first_ts: int, replay: bool = False) -> Mapping[str, Mapping[str, Any]]:
    """Settings of `position_flows` and `liquidation_exposure` that apply a calibration, by feature name.

    `apply.calibrated_folds` makes the two folds of them.

    Args:
        first_ts: first time of the data they are applied to, ns.
        replay: allow a mix that was not known then; whoever shows the result must label it a replay.

    Raises:
        UserError: if the mix became known after `first_ts` and this is no replay.

    Example:
        >>> settings = filter_settings(empty_artefact("binance", "BTCUSDT"), first_ts=0)
        >>> settings["position_flows"]
        {'flow_fraction': 0.35, 'taker_weight': 0.7}
    """
    if artefact.known_ts > first_ts and not replay:
        raise UserError(
            f"This mix of {artefact.venue} {artefact.instrument} became known {format_ts(artefact.known_ts)}, but the data "
            f"begins {format_ts(first_ts)}: its past would be told with later knowledge. Begin later, or ask for a replay."
        )
    mix = [float(share) for share in artefact.pi]
    checked_mix(tuple(mix))
    params = artefact.params
    tilt = params.get("hazard_tilt") or 0.0
    from perpscope.research.calibration.replay import FilterSettings

    return {
        "position_flows": {"flow_fraction": params["flow_fraction"], "taker_weight": params["taker_weight"]},
        "liquidation_exposure": {
            "mix": tuple(mix),
            "bin_bps": params["bin_bps"],
            "spread": params["spread"],
            "closing_hazard": FilterSettings(hazard_tilt=tilt).closing_hazard,
            "liquidated_fraction_long": artefact.kap["long"],
            "liquidated_fraction_short": artefact.kap["short"],
        },
    }


def empty_artefact(venue: str, instrument: str) -> Artefact:
    """The shipped prior as an artefact: nothing learned, known since ever."""
    fitted = Fitted(None, 0, [], 0.0, None, None)
    params: dict[str, float | None] = {
        "flow_fraction": 0.35, "taker_weight": 0.7, "bin_bps": 10.0, "spread": 0.5, "hazard_tilt": 0.0,
    }  # fmt: skip
    return Artefact(
        SCHEMA, 0, 0, venue, instrument, 0, 0, 0, None, None, "1h", [], {}, "none", "relative", 1.0, "none", params,
        list(PRIOR), list(PRIOR), {"long": 1.0, "short": 1.0}, 0.0, [], [], [], fitted, [], [], 0,
        ["The shipped prior: nothing was learned."], "",
    )  # fmt: skip
