"""A sweep as files: what was found as JSON, every variant as a row of a Parquet file."""

from __future__ import annotations

from pathlib import Path

import msgspec
import polars as pl

from perpscope.core.errors import UserError
from perpscope.report.sweep.words import told
from perpscope.research.sweep.study import SweepResult, frame_rows

VERSION = 1


def write_sweep(result: SweepResult, out_dir: Path | str) -> list[Path]:
    """Write `sweep.json` and `sweep.parquet` and return their paths; the same sweep gives the same bytes of JSON.

    Raises:
        UserError: if the folder cannot be written to.
    """
    folder = Path(out_dir)
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
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = folder / ".sweep.json.part"
        unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(said, order="sorted"), indent=1))
        paths.append(unfinished.replace(folder / "sweep.json"))
        unfinished = folder / ".sweep.parquet.part"
        pl.DataFrame(rows, infer_schema_length=None).write_parquet(unfinished)
        paths.append(unfinished.replace(folder / "sweep.parquet"))
    except OSError as fault:
        raise UserError(f"The sweep cannot be written to {folder}: {fault.strerror or fault}. Choose another folder.") from None
    return paths
