"""`perpscope evidence` as a user runs it. Answers by hand: which files, equal bytes of two runs, sentences for mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2e.conftest import Run

WINDOW = ("--symbol", "BTCUSDT", "--start", "2024-06-20", "--end", "2024-08-19")
FACTORS = "displacements,liquidation_bursts,absorption"


@pytest.fixture(scope="module")
def first(perpscope: Run, window_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("evidence") / "out"
    done = perpscope("evidence", FACTORS, "--lake", window_lake, "--out", out, *WINDOW)
    return out, done.stdout


def test_a_run_leaves_a_page_a_picture_and_numbers_per_factor_and_the_verdicts(first: tuple[Path, str]) -> None:
    out, printed = first
    names = {path.name for path in out.iterdir() if path.is_file()}
    for factor in FACTORS.split(","):
        assert {f"{factor}.json", f"{factor}.png", f"{factor}.html"} <= names
    assert {"index.html", "evidence.md", "verdicts.json", "trials.jsonl"} <= names
    verdicts = json.loads((out / "verdicts.json").read_bytes())["factors"]
    assert list(verdicts) == FACTORS.split(",")
    assert verdicts["absorption"]["verdict"] == "UNPROVEN"
    assert "the data has no trade" in printed
    assert "PROVEN 0" in printed


def test_a_page_shows_what_its_numbers_say_and_needs_nothing_from_outside(first: tuple[Path, str]) -> None:
    out, _ = first
    page = json.loads((out / "displacements.json").read_bytes())
    text = (out / "displacements.html").read_text(encoding="utf-8")
    assert page["verdict"] in text
    assert page["data_hash"] in text
    assert [t["id"] for t in page["tables"]] == ["1", "2", "2b", "3", "4", "5", "6", "7", "8", "9"]
    assert "http" not in text.replace("http-equiv", "")
    assert "<script" not in text
    assert page["verdict"] == "UNPROVEN"
    assert page["needed"] > 0
    assert page["n"] < 200
    assert page["trials"] == 35  # five horizons, six outcomes and one strategy each


def test_two_processes_in_another_folder_write_the_same_bytes(
    perpscope: Run, window_lake: Path, first: tuple[Path, str], tmp_path: Path
) -> None:
    out, _ = first
    perpscope("evidence", FACTORS, "--lake", window_lake, "--out", tmp_path / "two", *WINDOW, "--processes", 2)
    for path in sorted(p for p in out.rglob("*") if p.is_file()):
        assert (tmp_path / "two" / path.relative_to(out)).read_bytes() == path.read_bytes(), path.name


def test_a_second_run_goes_on_from_what_is_there_and_changes_nothing(
    perpscope: Run, window_lake: Path, first: tuple[Path, str]
) -> None:
    out, printed = first
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (out / "measured").iterdir()}
    again = perpscope("evidence", FACTORS, "--lake", window_lake, "--out", out, *WINDOW)
    assert again.stdout == printed
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (out / "measured").iterdir()} == before


def test_the_monitor_takes_back_a_promise_that_was_not_kept(
    perpscope: Run, window_lake: Path, first: tuple[Path, str], tmp_path: Path
) -> None:
    """A page is made to promise 300 bps net of every displacement, judged on the first month; the second month breaks it."""
    folder = tmp_path / "promised"
    folder.mkdir()
    out, _ = first
    verdicts = json.loads((out / "verdicts.json").read_bytes()) | {"end": "2024-07-20", "date": "2024-07-20"}
    verdicts["factors"]["displacements"] |= {"verdict": "WEAK"}
    (folder / "verdicts.json").write_text(json.dumps(verdicts))
    for name in FACTORS.split(","):
        page = json.loads((out / f"{name}.json").read_bytes())
        if name == "displacements":
            page["verdict"] = "WEAK"
            page["facts"]["effect"] = {"value": 312.0, "low": 250.0, "high": 374.0, "n": 100, "note": ""}
        (folder / f"{name}.json").write_text(json.dumps(page))
    done = perpscope("monitor", "--verdicts", folder, "--lake", window_lake)
    assert "demoted on 2024-0" in done.stdout
    assert "1 followed, 1 demoted, 2 promised nothing" in done.stdout
    after = json.loads((folder / "verdicts.json").read_bytes())["factors"]["displacements"]["demoted"]
    assert "2024-07-20" <= after[:10] <= "2024-08-19"
    assert [p.name for p in folder.glob("verdicts-*.json")] == ["verdicts-2024-07-20-1.json"]
    again = perpscope("monitor", "--verdicts", folder, "--lake", window_lake, "--until", "2024-07-01", ok=False)
    assert again.returncode == 2
    assert "Choose --until after it" in again.stderr


def test_a_size_is_refused_without_proof_and_shrinks_by_the_risks_that_speak(
    perpscope: Run, window_lake: Path, first: tuple[Path, str], tmp_path: Path
) -> None:
    """By hand: equity 10,000, 0.5% at a stop 1,000 away; a verdict made PROVEN at 0.2 times equity binds before the risk."""
    out, _ = first
    asked = ("size", "--entry", 60000, "--stop", 59000, "--equity", 10000, "--lake", window_lake, "--at", "2024-08-05T14:00Z")
    judged = ("--setup", "displacements", "--verdicts")
    verdicts = json.loads((out / "verdicts.json").read_bytes()) | {"date": "2024-08-01"}
    for one in verdicts["factors"].values():
        one |= {"date": "2024-08-01", "expires": "2025-01-28"}
    for name in FACTORS.split(","):
        (tmp_path / f"{name}.json").write_bytes((out / f"{name}.json").read_bytes())
    (tmp_path / "verdicts.json").write_text(json.dumps(verdicts))
    refused = perpscope(*asked, *judged, tmp_path, ok=False)
    assert refused.returncode == 2
    assert "Refused (evidence): displacements is UNPROVEN (2024-08-01) and may not add size." in refused.stderr
    verdicts["factors"]["displacements"] |= {"verdict": "PROVEN", "leverage": 0.2}
    verdicts["factors"]["liquidation_bursts"] |= {"verdict": "RISK-ONLY"}
    (tmp_path / "verdicts.json").write_text(json.dumps(verdicts))
    page = json.loads((out / "liquidation_bursts.json").read_bytes())
    effect = {"value": 0.6931471806, "low": 0.5, "high": 0.9, "n": 99, "note": ""}
    page["facts"]["risks"] = [{"target": "volatility", "effect": effect, "p": 0.0, "steady": True}]
    (tmp_path / "liquidation_bursts.json").write_text(json.dumps(page))
    proven = perpscope(*asked, *judged, tmp_path)
    assert "up to 0.2 times equity, by its lower bound" in proven.stdout
    assert "liquidation_bursts (RISK-ONLY) has spoken within" in proven.stdout
    assert "50% of the size" in proven.stdout
    told = json.loads(perpscope(*asked, *judged, tmp_path, "--json").stdout)
    assert told["notional"] <= 2000.0
    assert told["loss_at_stop"] <= 25.0 + 1e-9


def test_mistakes_are_one_sentence_and_exit_code_2(perpscope: Run, window_lake: Path, tmp_path: Path) -> None:
    wrong = perpscope("evidence", "displacement", "--lake", window_lake, "--out", tmp_path, *WINDOW, ok=False)
    assert wrong.returncode == 2
    assert "There is no factor 'displacement'. Did you mean 'displacements'?" in wrong.stderr
    late = perpscope("evidence", "flow", "--lake", window_lake, "--out", tmp_path, "--end", "2022-01-01", ok=False)
    assert late.returncode == 2
    assert "before it begins" in late.stderr
