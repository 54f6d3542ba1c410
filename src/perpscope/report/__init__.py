"""One analysis that a trader can read in a minute, from recorded data, as JSON, picture, page and terminal text."""

from perpscope.report.build import Report, build_report, history_start
from perpscope.report.document import Document, from_json, to_json
from perpscope.report.terminal import print_report
from perpscope.report.write import write_report

__all__ = [
    "Document",
    "Report",
    "build_report",
    "from_json",
    "history_start",
    "print_report",
    "to_json",
    "write_report",
]
