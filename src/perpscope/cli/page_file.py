"""The page with a report's picture inside, as one file beside the report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perpscope.report import Report

PAGE = "page.html"


def page_file(report: Report, out: Path, static: Path | None = None) -> tuple[list[Path], str]:
    """Write `page.html` into the folder: what was written, and a sentence where it could not be.

    An installation without the built page has everything else of the report, so that is told and is no failure; the page of an
    earlier report is then taken away, for it would show another moment.
    """
    from perpscope import api
    from perpscope.core.errors import UserError
    from perpscope.report.files import write_files

    try:
        page = api.make_page(report, static)
    except UserError as missing:
        (out / PAGE).unlink(missing_ok=True)
        return [], f"No {PAGE}: {missing}"
    return write_files(out, {PAGE: page}, "The page"), ""
