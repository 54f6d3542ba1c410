"""A sweep as files and words."""

from perpscope.report.sweep.terminal import print_sweep
from perpscope.report.sweep.write import write_sweep

__all__ = ["print_sweep", "write_sweep"]
