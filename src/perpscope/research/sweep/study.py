"""A sweep from start to end: what is done stays done, every variant is counted, and the best is judged by their number."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from perpscope.core.errors import DataError, UserError
from perpscope.research.sweep.plan import Sweep, Variant
from perpscope.research.sweep.runners import Runner
from perpscope.research.sweep.work import Measured
from perpscope.research.trials import Ledger, Trial
from perpscope.stats.deflation import DeflatedSharpe, SharpeMoments, deflated_sharpe, effective_trials, sharpe_moments
from perpscope.stats.overfitting import Overfitting, probability_of_overfitting

METRIC = "sharpe_ratio per day"
FEWEST_DAYS = 64
SLICES = 16
"""Blocks of the combinatorial test of overfitting (EVIDENCE, gate 6)."""


@dataclass(frozen=True)
class SweepResult:
    """What a sweep found: its variants in order, how many trials of the question there are, and what the best is worth.

    `deflated` is the chance that the best variant's true Sharpe ratio is above what the best of so many would show by luck;
    `overfitting` the chance that the best in one half of the days is below the median in the other. Either None, with
    the reason in `notes`, where the data is too short.
    """

    sweep: Sweep
    measured: tuple[Measured, ...]
    trials: int
    effective: float
    best: Measured | None
    deflated: DeflatedSharpe | None
    overfitting: Overfitting | None
    notes: tuple[str, ...]


def run_sweep(
    lake: Path,
    sweep: Sweep,
    out: Path,
    *,
    ledger: Ledger,
    run: Runner,
    workers: int,
    date: int,
    progress: Callable[[str, float, float], None] | None = None,
) -> SweepResult:
    """Measure every variant that is not measured yet, count it, and judge the best.

    Definition: each finished variant is one line of a results file, written and synced before the next is taken; a sweep
    that was killed goes on where it stopped, because a line is found again by its config's hash. The file is named by the
    lake's catalogue: after an import everything is measured anew. Each variant is a trial of the sweep's family in the
    ledger. Nothing depends on the order in which workers finish.
    Inputs: `date` ns UTC, for the ledger.
    Raises: UserError if the folder holds the results of another sweep; DataError if a results file was damaged.
    """
    out.mkdir(parents=True, exist_ok=True)
    results = out / f"variants-{_catalogue_digest(lake)}.jsonl"
    done = _read(results, sweep)
    waiting = [v for v in sweep.variants if v.config.digest not in done]
    with results.open("ab") as file:
        for found in run(lake, waiting, workers):
            file.write(msgspec.json.encode(found) + b"\n")
            file.flush()
            os.fsync(file.fileno())
            done[found.config_hash] = found
            if not found.error:
                ledger.append([_trial(sweep, found, date)])
            if progress is not None:
                progress("variants", len(done), len(sweep.variants))
    measured = tuple(_numbered(done[v.config.digest], v) for v in sweep.variants)
    ledger.append(_uncounted(ledger, sweep, measured, date))
    return judge(sweep, measured, ledger.read().count(sweep.family))


def judge(sweep: Sweep, measured: tuple[Measured, ...], trials: int) -> SweepResult:
    """The best variant by Sharpe ratio, and how much of it is the luck of having tried so many."""
    notes = [f"variant {m.number} could not run: {m.error}" for m in measured if m.error]
    able = [m for m in measured if m.metrics.get("sharpe_per_day") is not None]
    if not able:
        return SweepResult(sweep, measured, trials, float("nan"), None, None, None, (*notes, "No variant has a Sharpe ratio."))
    best = max(able, key=lambda m: (m.metrics["sharpe_per_day"] or 0.0, -m.number))
    returns = _aligned(able)
    effective, deflated, overfitting = float(trials), None, None
    if len(able) >= 2 and len(returns) >= FEWEST_DAYS:
        effective = effective_trials(trials, _mean_correlation(returns))
        moments: SharpeMoments = sharpe_moments(np.array(best.daily))
        spread = float(np.var([m.metrics["sharpe_per_day"] or 0.0 for m in able], ddof=1))
        deflated = deflated_sharpe(moments, trials, spread)
        overfitting = probability_of_overfitting(returns, SLICES)
    else:
        notes.append(f"{len(able)} variants over {len(returns)} common days are too few to say how much of the best is luck.")
    return SweepResult(sweep, measured, trials, effective, best, deflated, overfitting, tuple(notes))


def _catalogue_digest(lake: Path) -> str:
    return hashlib.sha256((lake / "catalogue.json").read_bytes()).hexdigest()[:12]


def _trial(sweep: Sweep, found: Measured, date: int) -> Trial:
    parameters = {**found.parameters, "config": found.config_hash[:16]}
    result = found.metrics.get("sharpe_per_day")
    return Trial(sweep.family, f"sweep {sweep.setups}", parameters, found.data_hash, date, "sweep", METRIC, result)


def _uncounted(ledger: Ledger, sweep: Sweep, measured: Iterable[Measured], date: int) -> list[Trial]:
    """Variants whose line was written but whose trial was not: the program stopped in between."""
    known = ledger.read().distinct(sweep.family)
    trials = [_trial(sweep, m, date) for m in measured if not m.error]
    return [trial for trial in trials if trial.key not in known]


def _read(path: Path, sweep: Sweep) -> dict[str, Measured]:
    """Finished variants by config hash; a half line at the end, left by a kill, is cut off."""
    if not path.exists():
        return {}
    whole, _, rest = path.read_bytes().rpartition(b"\n")
    if rest:
        path.write_bytes(whole + b"\n" if whole else b"")
    found: dict[str, Measured] = {}
    for number, line in enumerate(whole.split(b"\n") if whole else [], 1):
        try:
            one = msgspec.json.decode(line, type=Measured)
        except msgspec.DecodeError:
            raise DataError(f"Line {number} of {path} is damaged. Delete it to measure that variant again.", line) from None
        found[one.config_hash] = one
    strange = found.keys() - {v.config.digest for v in sweep.variants}
    if strange:
        raise UserError(f"{path.parent} holds {len(strange)} variants of another sweep. Choose another --out, or delete it.")
    return found


def _numbered(found: Measured, variant: Variant) -> Measured:
    return msgspec.structs.replace(found, number=variant.number, parameters=variant.parameters, seconds=0.0)


def _aligned(able: list[Measured]) -> np.ndarray:
    """Daily returns, (days, variants), over the days that all have."""
    first = max(m.first_day for m in able)
    last = min(m.first_day + len(m.daily) for m in able)
    if last <= first:
        return np.empty((0, len(able)))
    return np.column_stack([np.array(m.daily[first - m.first_day : last - m.first_day]) for m in able])


def _mean_correlation(returns: np.ndarray) -> float:
    """Mean correlation between the variants that moved at all; 0 where fewer than two did."""
    moving = returns[:, returns.std(axis=0) > 0.0]
    count = moving.shape[1]
    if count < 2:
        return 0.0
    total = float(np.corrcoef(moving, rowvar=False).sum())
    return float(np.clip((total - count) / (count * (count - 1)), 0.0, 1.0))


def frame_rows(result: SweepResult) -> list[dict[str, Any]]:
    """One flat row per variant: its parameters, then its metrics."""
    return [{"number": m.number, **m.parameters, **m.metrics, "error": m.error} for m in result.measured]
