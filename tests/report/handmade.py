"""A report document written by hand, for pages and terminals: every section has something, and nothing was computed."""

from __future__ import annotations

from datetime import UTC, datetime

from perpscope.report import document as doc

AT = datetime(2024, 8, 5, 14, tzinfo=UTC)
EARLIER = datetime(2024, 8, 5, 12, tzinfo=UTC)
START = datetime(2024, 8, 4, 14, tzinfo=UTC)


def cluster(side: str, peak: float, usd: float, distance: float, supported: bool) -> doc.Cluster:
    return doc.Cluster(
        id=7, side=side, state="grown", low=peak - 50, high=peak + 50, peak=peak, usd=usd, usd_p10=None, usd_p90=None,
        distance_fraction=distance, distance_sigma=abs(distance) / 0.03, first_seen=EARLIER, age_s=7200, young_fraction=0.75,
        supported=supported, tiers=[doc.TierShare("10x", 0.6), doc.TierShare("25x", 0.4)],
    )  # fmt: skip


def document(symbol: str = "BTCUSDT", warnings: list[str] | None = None) -> doc.Document:
    """A quiet hour of an invented market."""
    return doc.Document(
        meta=doc.Meta(
            schema="perpscope.report", schema_version=doc.VERSION, code_version="0.1.0", venue="demo", symbol=symbol,
            contract="linear", base="BTC", tick_size=0.1, timeframe="1h", at=AT, window_start=START, history_start=START,
            bars=23, bars_expected=24,
            streams=[doc.Stream("bars@1h", 23, START, AT, "ab" * 32, {"archive": 1.0})],
            folds={"delta@1h": {}, "swings@1h": {"left": 5}},
            holes=[doc.Hole("bars@1h", START, EARLIER, "missing")],
        ),
        summary=["Leverage (estimated): $1M of longs below.", "Session now: london."],
        warnings=["No bars@1h for a while."] if warnings is None else warnings,
        price=doc.Price(
            last=54000.0, last_bar=AT, mark=54001.0, mark_source="mark", window_high=58000.0, window_high_at=START,
            window_low=49000.0, window_low_at=EARLIER, moves=[doc.Move("24h", -0.0714, 58000.0, 49000.0)],
            daily_sigma_fraction=0.03,
        ),
        leverage=doc.Leverage(
            skill="not measured", mark=54001.0, mark_source="mark", longs_usd=1.2e9, shorts_usd=8.4e8,
            supported_fraction=0.625, coverage_longs=0.54, coverage_shorts=0.57, unplaced_longs=0.46, unplaced_shorts=0.43,
            warm=False, flags=["LAST"], mix=doc.Mix("prior", EARLIER, False), scale=doc.Scale("sqrt", 0.0, 3e7), bin_bps=10.0,
            reach=[doc.Reach("1%", 1.5e6, 2.5e6), doc.Reach("5%", 1.5e7, 6.5e7)],
            expected=[doc.Expected("24h", 2.5e6, 1.2e7)],
            imbalance_1_sigma=0.25,
            imbalance_2_sigma=None,
            above=[cluster("short", 56000.0, 8.41e7, 0.037, True)], below=[cluster("long", 52500.0, 9.5e5, -0.0278, False)],
            sweeps=doc.Sweeps(22, 1.4e9, 3.3e8, 1.6e8, 0.0),
        ),
        flow=doc.Flow(
            [doc.FlowSpan("24h", -39487.9, 1.17e6, -0.0337)], -24457.3, True, -24457.3, "short_cover", {"absorbed": True}
        ),
        frames=doc.Frames(
            [
                doc.FrameLean("1d", {"price": -1.0, "slope": 0.1}, -0.23, "mixed", EARLIER, False),
                doc.FrameLean("1h", {}, None, None, None, None),
            ],
            -0.61, 0.83, "short",
        ),
        sessions=doc.Sessions(
            [doc.Window("london", EARLIER, AT)], [doc.Window("asia", datetime(2024, 8, 6, tzinfo=UTC), AT)],
            [doc.SessionRange("asia", START, EARLIER, 58000.0, 49000.0, 57000.0, False, True)],
        ),
        derivatives=doc.Derivatives(
            77706.6, 4.04e9, AT, [doc.InterestChange("24h", -11400.0, -0.128)],
            doc.Funding(4.429e-5, EARLIER, 28800, 4.429e-5, 0.0485, 0.207, "longs"),
            [doc.Forced("24h", 1056.5, 363.2, 23, "totals_censored")], {"all_accounts": 0.7037},
        ),
        structure=doc.Structure(
            "down", 61064.6, 48888.0, 0.25, "discount",
            [doc.Break("down", "break_of_structure", 57040.0, START, EARLIER)],
            [doc.Zone(1, "fair_value_gap", "down", 54686.6, 55650.0, EARLIER, "touched", 0.0531)],
            [doc.Level(2, "equal_highs", 58100.0, 2, EARLIER, 0.076)],
        ),
        profile=doc.Profile(
            53000.0, 55000.0, 51000.0, 0.71, 60787.2, 61055.9, 58572.8, "below", True, True,
            [doc.Average("day", 52711.2, 900.0, True)],
        ),
        setups=[
            doc.Setup(
                "confluence", "Confluence", AT, "short", -1.0, 2.0, 1,
                [
                    doc.Reason("trend", "Moving averages", -1.0, "the averages are stacked downward", "unproven"),
                    doc.Reason("flow", "Aggressor flow", None, "not known here", "unproven"),
                ],
            )
        ],
        readings=[doc.Reading("delta@1h", "Delta", EARLIER, AT, {"delta": 1.5, "valid": True})],
        absent={},
    )  # fmt: skip
