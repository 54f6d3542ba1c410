"""The order flow of a stretch of time: one document, one picture, every row."""

from perpscope.report.flow.build import Flow, build_flow, history_start
from perpscope.report.flow.document import FlowDocument
from perpscope.report.flow.terminal import print_flow
from perpscope.report.flow.write import write_flow

__all__ = ["Flow", "FlowDocument", "build_flow", "history_start", "print_flow", "write_flow"]
