"""The sections of the report, one file each: the rows of the graph in, a record of the document out.

A section that has nothing to stand on returns the sentence that says why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perpscope.report.document import Price
from perpscope.report.results import Results
from perpscope.report.sections.derivatives import read_derivatives
from perpscope.report.sections.flow import read_flow
from perpscope.report.sections.frames import read_frames
from perpscope.report.sections.level_map import read_level_map
from perpscope.report.sections.leverage import read_leverage
from perpscope.report.sections.profile import read_profile
from perpscope.report.sections.sessions import read_sessions
from perpscope.report.sections.structure import read_structure

SECTIONS: dict[str, Callable[[Results, Price], Any]] = {
    "leverage": read_leverage,
    "flow": read_flow,
    "frames": read_frames,
    "sessions": read_sessions,
    "derivatives": read_derivatives,
    "structure": read_structure,
    "profile": read_profile,
    "level_map": read_level_map,
}
