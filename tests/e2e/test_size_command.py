"""`perpscope size` as a user runs it; figures worked out by hand beside each test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2e.conftest import WINDOW_END, Run

TRADE = ("size", "--entry", 60_000, "--stop", 59_000, "--target", 63_000, "--equity", 10_000, "--at", "2024-11-01")


def test_a_size_is_the_risk_over_the_loss_of_one_unit(perpscope: Run) -> None:
    made = json.loads(perpscope(*TRADE, "--json").stdout)
    # one unit loses 60,006 - 58,994.1 and fees of 0.05% on both: 1,071.40; 50 / 1,071.40 = 0.0466
    assert made["quantity"] == 0.046
    assert made["loss_at_stop"] == pytest.approx(0.046 * 1_071.40005, abs=1e-6)
    # 20x, margin 138: (60,000 x 0.046 - 138) / (0.046 x 0.996)
    assert made["liquidation_price"] == pytest.approx(57_228.9157, abs=1e-3)


def test_a_mistake_is_one_sentence_and_exit_code_2(perpscope: Run) -> None:
    for arguments, word in (
        (("--entry", 60_000, "--stop", 61_000, "--side", "long", "--equity", 10_000), "stop of a long"),
        (("--entry", 60_000, "--stop", 59_000, "--equity", 0), "Equity"),
        (("--entry", 60_000, "--stop", 59_000, "--equity", 100, "--side", "lnog"), "Did you mean 'long'"),
        (("--entry", 60_000, "--stop", 59_000, "--equity", 10), "less than one lot"),
    ):
        done = perpscope("size", *arguments, ok=False)
        assert done.returncode == 2
        assert word in done.stderr
        assert done.stderr.count("\n") == 1


def test_with_a_lake_it_names_the_clusters_and_the_last_funding(perpscope: Run, window_lake: Path) -> None:
    told = perpscope(*TRADE[:-2], "--lake", window_lake, "--at", WINDOW_END).stdout
    assert "liquidation clusters" in told
    assert "funding over 3 intervals" in told
