"""`perpscope lake` as a user runs it, on a lake recorded by hand; answers counted on paper."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2e.conftest import Run
from lake.hot.test_repair import five_commits
from perpscope.cli.app import run


def test_a_lake_is_checked_sealed_repaired_and_exported(perpscope: Run, tmp_path: Path) -> None:
    root = tmp_path / "lake"
    five_commits(root)
    (sealed,) = json.loads(perpscope("lake", "seal", "--lake", root, "--json").stdout)
    assert (sealed["until"], sealed["rows"], sealed["kept"]) == (5, 80, 80)
    victim = min(root.glob("binance/trade/**/*.parquet"))
    victim.write_bytes(b"")
    done = perpscope("lake", "check", "--lake", root, "--json", ok=False)
    found = json.loads(done.stdout)
    assert (done.returncode, len(found["faults"])) == (1, 1)
    assert {row["stream"]: row["rows"] for row in found["streams"]} == {"book_delta": 40, "trade": 40}
    assert "the same bytes" in perpscope("lake", "repair", "--lake", root).stdout


def test_mistakes_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    five_commits(tmp_path)
    for arguments, words in (
        (["seal", "--lake", str(tmp_path), "--venue", "binanec"], "Did you mean 'binance'"),
        (["seal", "--lake", str(tmp_path / "none")], "Nothing has been recorded"),
        (["check", "--lake", str(tmp_path / "none")], "There is no lake"),
        (["export", "--lake", str(tmp_path), "--to", str(tmp_path / "d"), "--option", "x"], "is no option"),
    ):
        assert run(["lake", *arguments]) == 2
        assert words in capsys.readouterr().err
