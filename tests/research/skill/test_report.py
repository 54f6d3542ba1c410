"""The skill report from end to end on recorded hours of BTC, and what the three files hold."""

from __future__ import annotations

import hashlib
import json
import re
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from perpscope.research.skill.protocol import Protocol, protocol, protocol_hash
from perpscope.research.skill.result import Measured, SkillReport, figure
from perpscope.research.skill.run import measure_lake
from perpscope.research.skill.write import write_skill

PROTOCOL = Path(__file__).resolve().parents[3] / "src" / "perpscope" / "research" / "skill" / "protocol.json"


@pytest.fixture(scope="module")
def written(recorded, tmp_path_factory):
    result = measure_lake(recorded, "binance", "BTCUSDT", created_ts=7, start=None, end=None, draws=25)
    folder = tmp_path_factory.mktemp("skill")
    write_skill(result, folder)
    return result, folder


def test_the_protocol_is_the_committed_file():
    assert protocol_hash() == hashlib.sha256(PROTOCOL.read_bytes()).hexdigest()
    assert msgspec.json.decode(PROTOCOL.read_bytes(), type=Protocol) == protocol()
    assert protocol().replications == 1000
    assert set(protocol().family) >= {"map on regression", "map on regression and geometry", "strata", "magnet"}


def test_every_test_is_answered_by_numbers_or_by_a_sentence(written):
    report = written[0].report
    assert {t.id for t in report.tables} >= {"T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8", "T9", "T10", "F", "mix", "zones"}
    for table in report.tables:
        assert table.rows or table.notes
    placing = next(t for t in report.tables if t.title == "Inside the swept path")
    assert placing.notes == ["Not measurable on this data: 0 single liquidations with prices on 0 days; it takes 50 on 5."]


def test_every_measured_number_carries_n_and_an_interval_or_the_reason_why_not(written):
    for table in written[0].report.tables:
        for row in table.rows:
            for name, cell in row.cells.items():
                assert name in dict(table.columns)
                assert cell.n > 0 or cell.note
                if cell.value is None or cell.low is None:
                    assert cell.note or cell.method
                else:
                    assert cell.low <= cell.value <= cell.high


def test_every_baseline_and_placebo_stands_in_the_same_table(written):
    alone = next(t for t in written[0].report.tables if t.title.startswith("Path-conditional"))
    labels = [row.label for row in alone.rows]
    for name in ("B0", "B1", "B2", "B3", "B4", "B5", "B6", "B8", "G geometry", "R regression", "map, learned mix"):
        assert any(label.startswith(name) for label in labels), name
    added = next(t for t in written[0].report.tables if t.title.startswith("Added"))
    labels = [row.label for row in added.rows]
    for name in ("map, mirrored about price", "map, random aggressor", "map of 1 d before", "map of 7 d before"):
        assert name in labels
    assert written[0].report.trials >= 30


def test_the_figures_of_the_pilot_are_met_on_the_same_window(written):
    """LIQUIDATION section 11: BTC, map on the regression .027 (.015 .. .038) robust nats per bar-side; learned level about
    right, the fixed ladder off by two orders of magnitude against the censored feed."""
    tables = {t.title: {row.label: row.cells for row in t.rows} for t in written[0].report.tables}
    added = tables["Added to the regression, 1h path"]["map, learned mix"]["added"]
    assert added.low > 0.0
    assert 0.015 < added.value < 0.038
    alone = tables["Path-conditional score, 1h path"]
    assert 0.5 < alone["map, learned mix"]["level"].value < 2.0
    assert alone["map, fixed ladder"]["level"].value > 100.0
    assert tables["Zones as public pages rank them"]["nearest tenth"]["met"].value > 0.7  # a hit rate that knows nothing
    assert alone["R regression"]["map"].high < 0.0  # told as plainly: alone, the hourly map loses to the regression


def test_a_look_with_fewer_draws_does_not_pass_for_the_protocol(written):
    assert written[0].report.protocol == "liquidation-skill/2, a look with 25 draws"


def test_the_json_is_the_report(written):
    result, folder = written
    assert msgspec.json.decode((folder / "skill.json").read_bytes(), type=SkillReport) == result.report
    plain = json.loads((folder / "skill.json").read_text())
    assert plain["schema"] == "perpscope.skill/1"
    assert plain["notes"][-1].startswith("These windows were looked at")


class _Tags(HTMLParser):
    VOID = frozenset({"meta", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict]] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_closed_safe_and_holds_every_table(written):
    result, folder = written
    text = (folder / "skill.html").read_text()
    tags = _Tags()
    tags.feed(text)
    assert tags.open == []
    assert not any(tag == "script" for tag, _ in tags.seen)
    assert all(attrs["src"].startswith("data:image/png;base64,") for tag, attrs in tags.seen if tag == "img")
    assert "default-src 'none'" in text
    for table in result.report.tables:
        assert escape(table.title) in text
    assert len(re.findall(r"<section>", text)) == len(result.report.tables)


def test_the_picture_has_its_size_and_is_the_same_twice(written):
    result, folder = written
    raw = (folder / "skill.png").read_bytes()
    assert raw[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(raw[16:20], "big") == 1600
    write_skill(result, folder / "again")
    assert (folder / "again" / "skill.png").read_bytes() == raw


def test_figures_are_short_and_say_when_there_is_no_interval():
    assert str(Measured(0.0249, 0.015, 0.0334, 0.95, 10, "x")) == ".0249 (.0150 .. .0334)"
    assert str(Measured(None, None, None, 0.95, 10, "x", "only 3 days")) == "none (only 3 days)"
    assert figure(302.4) == "302"


def test_a_venue_without_liquidations_is_judged_on_price_alone(recorded, shared_data, tmp_path):
    from perpscope.lake import Lake, import_files

    lake = Lake(tmp_path / "lake")
    bars = shared_data / "bars"
    for path in (bars / "binance_mark" / "1h", bars / "binance_perp" / "1h", bars / "binance_oi" / "5m"):
        import_files(lake, "bars-parquet", [path / "BTCUSDT.parquet"], venue="binance", symbol="BTCUSDT")
        lake.refresh()
    result = measure_lake(lake, "binance", "BTCUSDT", created_ts=0, draws=25)
    report = result.report
    assert report.rows == 0
    assert any("No liquidations of binance BTCUSDT are reported" in note for note in report.notes)
    said = {t.id: t for t in report.tables}
    assert "no liquidations of binance BTCUSDT are recorded" in said["T1"].notes[0]
    assert said["T7"].rows
    assert len(write_skill(result, tmp_path / "out")) == 3
