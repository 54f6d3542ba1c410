"""The report as files: `report.json`, `report.png`, `report.html`."""

from __future__ import annotations

from pathlib import Path

from perpscope.report.build import Report
from perpscope.report.document import to_json
from perpscope.report.files import write_files
from perpscope.report.html import page


def write_report(report: Report, out_dir: Path | str) -> list[Path]:
    """Write the three files into a folder (made if need be) and return their paths.

    Each file is complete or absent: it is written under another name and then renamed.

    Raises:
        UserError: if the folder cannot be made or written to.
    """
    from perpscope.report.picture import draw_picture  # matplotlib takes a second to import: only who draws waits

    picture = draw_picture(report)
    contents = {
        "report.json": to_json(report.document),
        "report.png": picture,
        "report.html": page(report.document, picture).encode("utf-8"),
    }
    return write_files(out_dir, contents, "The report")
