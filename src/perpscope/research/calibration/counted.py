"""What a calibration tried, as trials of the ledger: every value of every parameter, chosen or not."""

from __future__ import annotations

from perpscope.core.time import format_ts
from perpscope.research.calibration.artefact import Artefact
from perpscope.research.trials import Ledger, Trial, data_hash

FAMILY = "liquidation_map"
METRIC = "out-of-sample deviance per report"


def trials_of(artefact: Artefact) -> list[Trial]:
    """One trial for each point of each parameter's curve. Date and data are those of the artefact."""
    data = data_hash([one.sha256 for one in artefact.data])
    window = {
        "venue": artefact.venue,
        "symbol": artefact.instrument,
        "from": format_ts(artefact.search_from)[:10],
        "to": format_ts(artefact.train_to)[:10],
    }
    chosen = [({**window, "parameter": one.parameter, "value": one.value}, one.deviance) for one in artefact.profile]
    return [Trial(FAMILY, "calibrate", given, data, artefact.known_ts, "calibrate", METRIC, found) for given, found in chosen]


def count(ledger: Ledger, artefact: Artefact) -> int:
    """Enter what is not in the ledger yet; how many trials were new."""
    known = ledger.read().distinct(FAMILY)
    new = [trial for trial in trials_of(artefact) if trial.key not in known]
    ledger.append(new)
    return len(new)
