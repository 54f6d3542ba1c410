"""Answers: by hand, and from what is known of planted and empty sweeps. A sweep without skill must not look skilled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from perpscope.core.errors import DataError, UserError
from perpscope.report.sweep.words import told
from perpscope.research.sweep.plan import Sweep, Variant, sweep_of
from perpscope.research.sweep.study import judge, run_sweep
from perpscope.research.sweep.work import Measured
from perpscope.research.trials import Ledger

DATA = {"venue": "binance", "symbols": ["BTCUSDT"], "start": "2024-01-01", "end": "2024-03-01"}


def plan(variants: int) -> Sweep:
    grid = {"account.deposit": [1e3 * (k + 1) for k in range(variants)]}
    return sweep_of({"data": DATA, "setup": [{"name": "session_open"}], "sweep": {"family": "f", "grid": grid}})


def found(variant: Variant, daily: np.ndarray) -> Measured:
    sharpe = float(daily.mean() / daily.std(ddof=1)) if daily.std() else None
    metrics = {"sharpe_per_day": sharpe, "growth": float(np.prod(1 + daily) - 1)}
    return Measured(variant.number, variant.parameters, variant.config.digest, "d" * 64, metrics, 100, daily.tolist())


def test_the_best_of_many_empty_variants_is_seen_to_be_luck() -> None:
    sweep = plan(40)
    rng = np.random.default_rng(0)
    result = judge(sweep, tuple(found(v, 0.01 * rng.standard_normal(640)) for v in sweep.variants), trials=40)
    assert result.best is not None
    assert result.deflated is not None
    assert result.overfitting is not None
    assert result.deflated.probability < 0.9
    assert result.overfitting.probability > 0.25
    assert any("less than the 95% asked for" in line for line in told(result))


def test_a_planted_edge_survives_the_count_of_trials() -> None:
    sweep = plan(40)
    rng = np.random.default_rng(1)
    edges = np.where(np.arange(40) == 17, 0.002, 0.0)
    result = judge(sweep, tuple(found(v, edges[v.number] + 0.01 * rng.standard_normal(640)) for v in sweep.variants), trials=40)
    assert result.best is not None
    assert result.deflated is not None
    assert result.overfitting is not None
    assert result.best.number == 17
    assert result.deflated.probability > 0.95
    assert result.overfitting.probability < 0.05


def test_more_trials_on_record_make_the_same_best_worth_less() -> None:
    sweep = plan(10)
    rng = np.random.default_rng(2)
    measured = tuple(found(v, 0.0005 * (v.number == 3) + 0.01 * rng.standard_normal(640)) for v in sweep.variants)
    few, many = judge(sweep, measured, trials=10), judge(sweep, measured, trials=1000)
    assert few.deflated is not None
    assert many.deflated is not None
    assert many.deflated.probability < few.deflated.probability


def test_a_short_history_says_that_it_is_too_short() -> None:
    sweep = plan(3)
    result = judge(sweep, tuple(found(v, np.array([0.01, -0.01, 0.02 * v.number])) for v in sweep.variants), trials=3)
    assert result.deflated is None
    assert any("too few" in line for line in told(result))


class Steps:
    """A runner that measures as many variants as it is told and then stops, as a killed program does."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.asked: list[int] = []

    def __call__(self, lake: Path, variants: Sequence[Variant], workers: int) -> Iterator[Measured]:
        rng = np.random.default_rng(3)
        daily = 0.01 * rng.standard_normal((10, 100))
        for k, variant in enumerate(variants):
            if k == self.most:
                raise KeyboardInterrupt
            self.asked.append(variant.number)
            yield found(variant, daily[variant.number])


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    folder = tmp_path / "lake"
    folder.mkdir()
    (folder / "catalogue.json").write_text("{}")
    return folder


def test_a_sweep_goes_on_where_it_was_stopped_and_counts_nothing_twice(tmp_path: Path, lake: Path) -> None:
    sweep, ledger, first, second = plan(6), Ledger(tmp_path / "trials.jsonl"), Steps(2), Steps(99)
    with pytest.raises(KeyboardInterrupt):
        run_sweep(lake, sweep, tmp_path / "out", ledger=ledger, run=first, workers=1, date=1)
    (results,) = (tmp_path / "out").glob("variants-*.jsonl")
    with results.open("ab") as file:
        file.write(b'{"number": 2, "para')  # the line a kill cut in half
    result = run_sweep(lake, sweep, tmp_path / "out", ledger=ledger, run=second, workers=1, date=2)
    assert (first.asked, second.asked) == ([0, 1], [2, 3, 4, 5])
    assert ledger.read().count("f") == result.trials == 6
    whole = run_sweep(lake, sweep, tmp_path / "other", ledger=Ledger(tmp_path / "t2.jsonl"), run=Steps(99), workers=1, date=3)
    assert whole.measured == result.measured


def test_a_new_import_measures_everything_anew(tmp_path: Path, lake: Path) -> None:
    sweep, ledger, again = plan(3), Ledger(tmp_path / "trials.jsonl"), Steps(99)
    run_sweep(lake, sweep, tmp_path / "out", ledger=ledger, run=Steps(99), workers=1, date=1)
    (lake / "catalogue.json").write_text('{"more": 1}')
    run_sweep(lake, sweep, tmp_path / "out", ledger=ledger, run=again, workers=1, date=2)
    assert again.asked == [0, 1, 2]


def test_the_folder_of_another_sweep_and_a_damaged_file_are_refused(tmp_path: Path, lake: Path) -> None:
    ledger = Ledger(tmp_path / "trials.jsonl")
    run_sweep(lake, plan(4), tmp_path / "out", ledger=ledger, run=Steps(99), workers=1, date=1)
    with pytest.raises(UserError, match="2 variants of another sweep"):
        run_sweep(lake, plan(2), tmp_path / "out", ledger=ledger, run=Steps(99), workers=1, date=2)
    (results,) = (tmp_path / "out").glob("variants-*.jsonl")
    results.write_bytes(b"nonsense\n" + results.read_bytes())
    with pytest.raises(DataError, match="Line 1 of"):
        run_sweep(lake, plan(4), tmp_path / "out", ledger=ledger, run=Steps(99), workers=1, date=3)


def test_a_variant_that_cannot_run_is_told_and_not_counted(tmp_path: Path, lake: Path) -> None:
    sweep, ledger = plan(2), Ledger(tmp_path / "trials.jsonl")

    def refusing(_: Path, variants: Sequence[Variant], __: int) -> Iterator[Measured]:
        for v in variants:
            yield Measured(v.number, v.parameters, v.config.digest, "none", {}, 0, [], error="No bars.")

    result = run_sweep(lake, sweep, tmp_path / "out", ledger=ledger, run=refusing, workers=1, date=1)
    assert result.best is None
    assert ledger.read().count("f") == 0
    assert sum("could not run: No bars." in line for line in told(result)) == 2
