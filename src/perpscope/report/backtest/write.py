"""A backtest as files: the result as JSON, the picture, and every row of the account as Parquet."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl

from perpscope.backtest.result import BacktestResult, to_json
from perpscope.report.files import write_files

ROWS = ("ledger", "fills", "order_ends", "round_trips", "equity")


def write_backtest(result: BacktestResult, out_dir: Path | str) -> list[Path]:
    """Write `backtest.json`, `backtest.png`, `decisions.parquet` and one Parquet file per kind of row; return the paths.

    Each file is complete or absent: it is written under another name and then renamed.

    Raises:
        UserError: if the folder cannot be made or written to.
    """
    from perpscope.report.backtest.picture import draw_backtest  # only who draws waits for matplotlib

    contents = {"backtest.json": to_json(result), "backtest.png": draw_backtest(result)}
    frames = {name: getattr(result.run.rows, name).to_polars() for name in ROWS}
    for name, frame in {**frames, "decisions": decisions_frame(result)}.items():
        buffer = io.BytesIO()
        frame.write_parquet(buffer)
        contents[f"{name}.parquet"] = buffer.getvalue()
    return write_files(out_dir, contents, "The backtest")


def decisions_frame(result: BacktestResult) -> pl.DataFrame:
    """Every proposal that reached the desk: approved with its numbers, or refused with the reason."""
    symbols = [h.instrument.symbol for h in result.run.histories]
    made = result.run.decisions
    return pl.DataFrame(
        {
            "known_ts": pl.Series([d.known_ts for d in made], dtype=pl.Int64).cast(pl.Datetime("ns", "UTC")),
            "symbol": pl.Series([symbols[d.instrument] for d in made], dtype=pl.String),
            "setup": pl.Series([d.setup for d in made], dtype=pl.String),
            "signal_id": pl.Series([d.signal_id for d in made], dtype=pl.Int64),
            "approved": pl.Series([d.approved for d in made], dtype=pl.Boolean),
            "reason": pl.Series([d.reason for d in made], dtype=pl.String),
            **{
                name: pl.Series([getattr(d, name) for d in made], dtype=pl.Float64)
                for name in ("quantity", "leverage", "stop", "target")
            },
            "bracket_id": pl.Series([d.bracket_id for d in made], dtype=pl.Int64),
        }
    )
