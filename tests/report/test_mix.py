"""A report read with a calibration. Answers: a calibration written by hand, and its bands simulated with numpy's own gamma."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from perpscope.core.errors import UserError
from perpscope.core.instrument import Instrument
from perpscope.core.time import DAY, HOUR
from perpscope.core.units import ContractKind, PositionSide
from perpscope.features.liquidation.mix import LEVERAGES, PRIOR, TIERS
from perpscope.report import Report, build_report
from perpscope.report.leverage_sheet import leverage_sheet
from perpscope.report.mix import calibrated_mix
from perpscope.research.calibration.artefact import Artefact, Fitted, Tier, empty_artefact
from report.conftest import AT
from report.recordings import MemorySource

KNOWN = AT - 5 * HOUR
BTC = Instrument("binance", "BTCUSDT")


def artefact(**changes: object) -> Artefact:
    """Twenty draws around the prior, half of what price reaches reported; 10x and more are learned."""
    rng = np.random.default_rng(4)
    names = ("never", *(f"{leverage:g}x" for leverage in LEVERAGES))
    blank = {"A": 1.0, "n": 1.0, "effective_events": 1.0, "weight": 0.1, "low": 0.0, "high": 1.0}
    fields = {f.name for f in msgspec.structs.fields(Tier)} - {"tier", "status"}
    tiers = [
        Tier(tier=n, status="learned" if k >= 6 else "prior", **{f: blank[f] for f in fields}) for k, n in enumerate(names)
    ]
    made = msgspec.structs.replace(
        empty_artefact("binance", "BTCUSDT"), known_ts=KNOWN, event_quantity=3.0, kap={"long": 0.5, "short": 0.25},
        bootstrap=rng.dirichlet(200.0 * np.array(PRIOR), 20).tolist(), bootstrap_kap=[[0.5, 0.25]] * 20, tiers=tiers,
        fit=Fitted(None, 0, [], 0.3, None, None),
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


@pytest.fixture(scope="module")
def calibrated(crash_source: MemorySource) -> Report:
    mix = calibrated_mix(artefact(), crash_source.instrument, AT)
    return build_report(crash_source, AT, "1h", 3 * DAY, mix=mix)


def test_the_report_names_the_calibration_and_gives_bands_around_every_heap(calibrated: Report, crash: Report) -> None:
    leverage, prior = calibrated.document.leverage, crash.document.leverage
    assert leverage is not None
    assert prior is not None
    assert (leverage.mix.name, leverage.mix.learned) == ("mix-binance-BTCUSDT-2024-08-05", True)
    clusters = [*leverage.above, *leverage.below]
    assert clusters
    for c in clusters:
        assert c.usd_p10 is not None
        assert c.usd_p90 is not None
        assert c.usd_p10 < c.usd < c.usd_p90
    assert all(c.usd_p10 is None for c in (*prior.above, *prior.below))
    assert leverage.longs_usd == pytest.approx(0.5 * prior.longs_usd, rel=1e-3)
    assert leverage.shorts_usd == pytest.approx(0.25 * prior.shorts_usd, rel=1e-3)


def test_the_tables_say_which_mix_it_was_and_how_sure(calibrated: Report, crash: Report) -> None:
    told = leverage_sheet(calibrated.document)
    words = " ".join(told.notes)
    assert "mix-binance-BTCUSDT-2024-08-05, dated 2024-08-05, learned on this instrument" in words
    assert "bootstrap of the mix" in words
    assert "replayed with this mix" in words
    assert "The mix is a prior" in " ".join(leverage_sheet(crash.document).notes)


@pytest.mark.parametrize("kind", list(ContractKind))
def test_the_dollars_of_a_heap_scatter_as_simulated(kind: ContractKind) -> None:
    rng = np.random.default_rng(8)
    known = artefact()
    mix = calibrated_mix(known, BTC, AT)
    assert mix.bands is not None
    units, price, usd = rng.uniform(0.0, 900.0, TIERS), 50_000.0, 4e6
    weights = 0.5 * np.array(PRIOR[1:])
    low, high = mix.bands.dollars(units, weights, usd, price, PositionSide.LONG, kind)
    drawn = 0.5 * np.array(known.bootstrap)[:, 1:] @ units
    mean = np.repeat(usd / (weights @ units) * drawn, 20_000)
    variance = 3.0 * price * mean + 0.3 * mean**2
    amounts = rng.gamma(mean**2 / variance, variance / mean)
    assert [low, high] == pytest.approx(np.quantile(amounts, [0.1, 0.9]), rel=0.04)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"instrument": "ETHUSDT"}, "learned on binance ETHUSDT"),
        ({"known_ts": AT + HOUR}, "after the moment of the report"),
    ],
)
def test_a_calibration_of_another_market_or_of_the_future_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words):
        calibrated_mix(artefact(**changes), BTC, AT)
