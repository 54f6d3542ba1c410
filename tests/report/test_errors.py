"""What cannot be done is said in a sentence that names what is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perpscope.core.errors import UserError
from perpscope.core.time import DAY, HOUR, parse_ts
from perpscope.report import Report, build_report
from report.conftest import AT
from report.recordings import MemorySource


@pytest.fixture
def bars_only(crash_source: MemorySource) -> MemorySource:
    """Ten days of bars and nothing else."""
    bars = crash_source.tables["bars@1h"]
    since = bars[(bars["ref_ts"] >= AT - 10 * DAY) & (bars["known_ts"] <= AT)]
    return replace(crash_source, tables={"bars@1h": since}, end=AT)


@pytest.mark.parametrize(
    ("at", "frame", "lookback", "sentence"),
    [
        ("2024-08-05T14:00Z", "1hr", DAY, "Did you mean '1h'"),
        ("2024-08-05T14:00Z", "7m", DAY, "does not divide"),
        ("2024-08-05T14:00Z", "30m", DAY, "30m bars can be made neither"),
        ("2024-08-05T14:00Z", "1h", HOUR, "shorter than two 1h bars"),
        ("2023-01-01", "1h", DAY, "no data of binance BTCUSDT in the time before 2023-01-01 00:00 UTC"),
        (
            "2024-08-07T00:00Z",
            "1h",
            DAY,
            r"end at 2024-08-05 14:00 UTC, before 2024-08-07 00:00 UTC.*--at 2024-08-05T14:00:00Z",
        ),
        ("2024-07-26T15:30Z", "1h", DAY, r"holds 1 closed 1h bar between .* begins at 2024-07-26 14:00 UTC"),
        ("2024-07-26T14:30Z", "1h", DAY, "no data of binance BTCUSDT"),
        ("2024-07-26T16:00Z", "1d", 30 * DAY, "Not one 1d bar had closed by 2024-07-26 16:00 UTC"),
    ],
)
def test_a_bad_request_is_answered_with_what_is_missing(
    bars_only: MemorySource, at: str, frame: str, lookback: int, sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        build_report(bars_only, parse_ts(at), frame, lookback)


def test_bars_alone_make_a_report_that_says_what_each_section_lacks(bars_only: MemorySource) -> None:
    made = build_report(bars_only, AT, "1h", 3 * DAY).document
    assert made.absent["leverage"] == "The data has no open interest."
    assert made.absent["derivatives"] == "The data has no open interest, no funding and no liquidations."
    assert made.structure is not None
    assert made.sessions is not None


def test_thin_history_is_said_with_what_was_wanted_and_what_is_there(bars_only: MemorySource) -> None:
    warnings = build_report(bars_only, AT, "1h", 3 * DAY).document.warnings
    assert "The 1d averages need 200 daily bars before the window; there are 7." in warnings
    assert any("No mark price in the data" in w for w in warnings)


def test_bars_without_taker_volume_say_that_nobody_knows_who_pushed(bars_only: MemorySource) -> None:
    bars = bars_only.tables["bars@1h"]
    blind = bars.with_columns(buy_volume=bars["buy_volume"] * float("nan"), sell_volume=bars["sell_volume"] * float("nan"))
    made = build_report(replace(bars_only, tables={"bars@1h": blind}), AT, "1h", 3 * DAY).document
    assert made.flow is None
    assert "no taker volume" in made.absent["flow"]
    assert any(line.startswith("Who is pushing: not known.") for line in made.summary)


def test_a_section_is_either_there_or_explained(bars_only: MemorySource, crash: Report) -> None:
    for document in (build_report(bars_only, AT, "1h", 3 * DAY).document, crash.document):
        for name in ("leverage", "flow", "frames", "sessions", "derivatives", "structure", "profile"):
            assert (getattr(document, name) is None) == (name in document.absent)
            assert document.absent.get(name, "x").strip()
