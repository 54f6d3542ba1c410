"""What earlier commands wrote, for the pages about evidence and backtests. Names come from lists, never from a request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from perpscope.core.errors import UserError, unknown_name
from perpscope.research.evidence.verdicts import VerdictFile, read_verdict_file

MOST_POINTS = 5_000
MOST_TRIPS = 20_000

NO_EVIDENCE = "No folder of evidence was given. Start the server with --evidence DIR, made by perpscope evidence all."
NO_BACKTESTS = "No folder of backtests was given. Start the server with --backtests DIR, made by perpscope backtest."


def evidence(folder: Path | None) -> VerdictFile:
    """Every verdict.

    Raises:
        UserError: if no folder was given or it holds none.
    """
    if folder is None:
        raise UserError(NO_EVIDENCE)
    return read_verdict_file(folder)


def evidence_page(folder: Path | None, factor: str) -> tuple[bytes, bytes | None]:
    """The page of a factor as JSON, and its picture where there is one.

    Raises:
        UserError: if there is no such factor, or no page of it.
    """
    known = evidence(folder).factors
    if factor not in known or folder is None:
        raise unknown_name("factor with evidence", factor, known)
    page, picture = folder / f"{factor}.json", folder / f"{factor}.png"
    if not page.is_file():
        raise UserError(f"{factor} has a verdict but no page. Make it again: perpscope evidence {factor}.")
    return page.read_bytes(), picture.read_bytes() if picture.is_file() else None


def backtests(folder: Path | None) -> dict[str, Path]:
    """The backtests of a folder by name: itself where it is one, else the folders in it that are.

    Raises:
        UserError: if no folder was given or there is none.
    """
    if folder is None:
        raise UserError(NO_BACKTESTS)
    if (folder / "backtest.json").is_file():
        return {folder.resolve().name: folder}
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}. Run a backtest first: perpscope backtest.")
    return {path.name: path for path in sorted(folder.iterdir()) if (path / "backtest.json").is_file()}


def backtest_page(folder: Path | None, name: str) -> bytes:
    """A backtest as JSON: `result` as it was written, `equity` over time (thinned), and `round_trips`.

    Raises:
        UserError: if there is none of that name, or a file of it is damaged.
    """
    known = backtests(folder)
    if name not in known:
        raise unknown_name("backtest", name, known)
    at = known[name]
    told = {
        "result": msgspec.Raw((at / "backtest.json").read_bytes()),
        "equity": _columns(at / "equity.parquet", MOST_POINTS, thin=True),
        "round_trips": _columns(at / "round_trips.parquet", MOST_TRIPS, thin=False),
    }
    return msgspec.json.encode(told)


def _columns(path: Path, most: int, thin: bool) -> dict[str, Any] | None:
    """Columns of a file as lists, times in ms; None where it is not there."""
    if not path.is_file():
        return None
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as fault:
        raise UserError(f"{path} cannot be read ({fault}). Run the backtest again.") from None
    if len(frame) > most:
        kept = (
            np.unique(np.linspace(0, len(frame) - 1, most).astype(np.int64))
            if thin
            else np.arange(len(frame) - most, len(frame))
        )
        frame = frame[kept]
    times = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Datetime)]
    frame = frame.with_columns([pl.col(name).dt.epoch("ms").alias(name) for name in times])
    return {name: frame[name].to_list() for name in frame.columns}
