"""Verdict files. Answers by hand: dates before and after expiry and demotion, bytes damaged by the test."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from perpscope.core.errors import UserError
from perpscope.core.time import parse_ts
from perpscope.research.evidence import FactorVerdict, VerdictFile, read_verdict_file, read_verdicts
from perpscope.research.evidence.verdicts import expiry, write_verdicts
from perpscope.setups.base import Verdict


def file_of(one: FactorVerdict, **changes: object) -> VerdictFile:
    made = VerdictFile(
        venue="binance",
        symbols=["BTCUSDT"],
        timeframe="1h",
        start="2023-01-01",
        end="2026-03-01",
        date=one.date,
        seed=1,
        data_hash="d",
        gates_hash="g",
        ledger_hash="l",
        code_version="0",
        command="c",
        factors={one.name: one},
    )
    return msgspec.structs.replace(made, **changes)


def test_what_was_written_is_read_and_no_folder_means_nothing_is_known(tmp_path: Path, verdict: FactorVerdict) -> None:
    write_verdicts(tmp_path, file_of(verdict))
    assert read_verdicts(tmp_path) == {"flow": verdict}
    assert read_verdicts(None) == {}


def test_a_verdict_is_unknown_before_its_date_and_unproven_once_expired(tmp_path: Path, verdict: FactorVerdict) -> None:
    write_verdicts(tmp_path, file_of(verdict))
    assert read_verdicts(tmp_path, parse_ts("2026-02-28")) == {}
    assert read_verdicts(tmp_path, parse_ts("2026-08-27"))["flow"].verdict is Verdict.RISK_ONLY
    assert read_verdicts(tmp_path, parse_ts("2026-08-28"))["flow"].verdict is Verdict.UNPROVEN
    assert expiry("2026-03-01", 180) == "2026-08-28"


def test_a_demoted_factor_is_unproven_from_that_date(tmp_path: Path, verdict: FactorVerdict) -> None:
    lost = msgspec.structs.replace(verdict, demoted="2026-05-01: results fell short")
    assert lost.at(parse_ts("2026-04-30")) is Verdict.RISK_ONLY
    assert lost.at(parse_ts("2026-05-01")) is Verdict.UNPROVEN
    assert not lost.may_shrink_size


@pytest.mark.parametrize(
    ("name", "add", "shrink", "veto"),
    [
        (Verdict.PROVEN, True, True, True),
        (Verdict.RISK_ONLY, False, True, True),
        (Verdict.WEAK, False, False, True),
        (Verdict.UNPROVEN, False, False, False),
        (Verdict.REJECTED, False, False, False),
    ],
)
def test_only_what_is_proven_adds_size(verdict: FactorVerdict, name: Verdict, add: bool, shrink: bool, veto: bool) -> None:
    one = msgspec.structs.replace(verdict, verdict=name)
    assert (one.may_add_size, one.may_shrink_size, one.may_veto) == (add, shrink, veto)


def test_older_verdicts_are_kept_beside_newer_ones(tmp_path: Path, verdict: FactorVerdict) -> None:
    write_verdicts(tmp_path, file_of(verdict))
    write_verdicts(tmp_path, file_of(verdict))
    assert [p.name for p in tmp_path.iterdir()] == ["verdicts.json"]
    write_verdicts(tmp_path, file_of(verdict, date="2026-04-01"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["verdicts-2026-03-01-1.json", "verdicts.json"]
    assert read_verdict_file(tmp_path).date == "2026-04-01"


def test_missing_or_damaged_verdicts_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Make them first: perpscope evidence all"):
        read_verdicts(tmp_path)
    (tmp_path / "verdicts.json").write_text("{")
    with pytest.raises(UserError, match="Make it again"):
        read_verdicts(tmp_path)
