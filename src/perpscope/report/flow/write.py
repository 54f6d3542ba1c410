"""The order flow as files: `flow.json`, `flow.png` and one Parquet file of rows for each fold."""

from __future__ import annotations

import io
from pathlib import Path

from perpscope.report.files import write_files
from perpscope.report.flow.build import Flow
from perpscope.report.flow.document import to_json


def write_flow(flow: Flow, out_dir: Path | str) -> list[Path]:
    """Write everything into a folder (made if need be) and return the paths.

    Each file is complete or absent: it is written under another name and then renamed.

    Raises:
        UserError: if the folder cannot be made or written to.
    """
    from perpscope.report.flow.picture import draw_flow  # matplotlib takes a second to import: only who draws waits

    contents = {"flow.json": to_json(flow.document), "flow.png": draw_flow(flow)}
    for key, table in {"trade": flow.trades, **flow.rows}.items():
        buffer = io.BytesIO()
        table.to_polars().write_parquet(buffer)
        contents[f"{key.replace('@', '-')}.parquet"] = buffer.getvalue()
    return write_files(out_dir, contents, "The order flow")
