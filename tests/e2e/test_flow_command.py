"""`perpscope flow` as a user runs it, on six recorded minutes with their order book."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2e.conftest import Run
from perpscope.lake import Lake, import_files

WINDOW = ("--from", "2024-08-08T23:54Z", "--to", "2024-08-09T00:00Z")


@pytest.fixture(scope="module")
def flow_lake(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    lake = tmp_path_factory.mktemp("flow")
    path = shared_data / "wire" / "binance_usdm" / "BTCUSDT-2024-08-08.jsonl.gz"
    import_files(Lake(lake), "binance-recording", [path], venue="binance", symbol="BTCUSDT")
    return lake


def test_six_minutes_with_their_book_are_drawn_counted_and_written(perpscope: Run, flow_lake: Path, tmp_path: Path) -> None:
    done = perpscope("flow", "BTCUSDT", "--lake", flow_lake, *WINDOW, "--out", tmp_path, "--json")
    said = json.loads(done.stdout)
    assert said == json.loads((tmp_path / "flow.json").read_text())
    assert said["tape"]["trades"] == 21313
    assert (said["book"]["bid"], said["book"]["ask"]) == (61659.7, 61659.8)  # the catalogue's final quotes
    assert said["book"]["readable_fraction"] > 0.99
    for name in said["rows"]:
        assert (tmp_path / f"{name.replace('@', '-')}.parquet").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("BTCUSD", *WINDOW), "BTCUSDT"),
        (("BTCUSDT", "--from", "2024-08-09T00:00Z", "--to", "2024-08-08T23:54Z"), "before it begins"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_two(
    perpscope: Run, flow_lake: Path, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = perpscope("flow", *arguments, "--lake", flow_lake, "--out", tmp_path, ok=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
