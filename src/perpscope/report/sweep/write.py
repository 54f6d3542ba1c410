"""A sweep as files: what was found as JSON, every variant as a row of a Parquet file."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import polars as pl

from perpscope.report.files import write_files
from perpscope.report.sweep.words import told
from perpscope.research.sweep.study import SweepResult, frame_rows

VERSION = 1


def write_sweep(result: SweepResult, out_dir: Path | str) -> list[Path]:
    """Write `sweep.json` and `sweep.parquet` and return their paths; the same sweep gives the same bytes of JSON.

    Raises:
        UserError: if the folder cannot be written to.
    """
    rows = frame_rows(result)
    said = {
        "version": VERSION,
        "family": result.sweep.family,
        "config": result.sweep.base.plain(),
        "told": told(result),
        "trials": result.trials,
        "effective_trials": result.effective if result.best is not None else None,
        "best": None if result.best is None else result.best.number,
        "deflated_sharpe": None if result.deflated is None else result.deflated.probability,
        "luck_sharpe_per_day": None if result.deflated is None else result.deflated.threshold,
        "overfitting_probability": None if result.overfitting is None else result.overfitting.probability,
        "variants": rows,
    }
    rows_file = io.BytesIO()
    pl.DataFrame(rows, infer_schema_length=None).write_parquet(rows_file)
    told_file = msgspec.json.format(msgspec.json.encode(said, order="sorted"), indent=1)
    return write_files(out_dir, {"sweep.json": told_file, "sweep.parquet": rows_file.getvalue()}, "The sweep")
