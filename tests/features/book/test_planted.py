"""Answers: books whose icebergs and spoofs are known (`planted.py`); the tables of the page are these."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.book.planted import iceberg_table, planted, spoof_table

PAGE = (Path(__file__).resolve().parents[3] / "docs/definitions/hidden_liquidity.md").read_text(encoding="utf-8")
Row = tuple[float, int, int, int, int]


def shown(row: Row) -> str:
    least, told, true, worth, found = row
    precision = "-" if not told else f"{true / told:.2f}"
    return f"| {least:g} | {told} | {true} | {precision} | {found} of {worth} | {found / worth:.2f} |"


@pytest.fixture(scope="module")
def tables() -> dict[str, list[Row]]:
    crowded, alone = [planted(s, 6000) for s in (0, 1, 2)], [planted(s, 6000, returning=0.0) for s in (0, 1)]
    return {
        "iceberg": iceberg_table(crowded, (0.0, 0.25, 0.5, 0.75)),
        "iceberg alone": iceberg_table(alone, (0.0, 0.25, 0.5, 0.75)),
        "spoof": spoof_table(crowded, (0.1, 0.2, 0.3, 0.5)),
    }


@pytest.mark.parametrize("name", ["iceberg", "iceberg alone", "spoof"])
def test_the_page_shows_the_measured_precision_and_recall(name: str, tables: dict[str, list[Row]]) -> None:
    for row in tables[name]:
        assert shown(row) in PAGE


def test_scores_find_some_and_are_no_facts(tables: dict[str, list[Row]]) -> None:
    for name, rows in tables.items():
        _, told, true, worth, found = rows[0]
        assert 0 < true < told, name
        assert 0.15 < found / worth < 1.0, name
        assert true / told < 0.5, name
    first, last = tables["spoof"][0], tables["spoof"][2]
    assert last[2] / last[1] > 2 * first[2] / first[1]
