"""The demo, as a stranger runs it: short, offline, and honest about being simulated."""

from __future__ import annotations

import json
from pathlib import Path

from e2e.conftest import Run


def test_the_demo_says_it_is_simulated_and_shows_truth_beside_the_estimate(perpscope: Run, tmp_path: Path) -> None:
    out = tmp_path / "demo"
    done = perpscope("demo", "--out", out, "--days", "6")
    assert done.stdout.splitlines()[0].startswith("THIS DATA IS SIMULATED")
    assert {"report.json", "report.png", "report.html", "true-levels.png", "lake"} <= {p.name for p in out.iterdir()}
    assert "True against estimated levels" in done.stdout
    assert json.loads((out / "report.json").read_text())["meta"]["venue"] == "synthetic"


def test_the_demo_will_not_overwrite_a_folder_that_is_not_its_own(perpscope: Run, tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    done = perpscope("demo", "--out", tmp_path, ok=False)
    assert done.returncode == 2
    assert "is not empty and holds no demo" in done.stderr
    assert (tmp_path / "precious.txt").read_text() == "mine"
