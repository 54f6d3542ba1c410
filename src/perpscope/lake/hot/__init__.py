"""The hot log: rows durable within a commit, before they are sealed into the lake. See docs/definitions/hot_log.md."""

from perpscope.lake.hot.fence import FencedOffError
from perpscope.lake.hot.log import HotLog
from perpscope.lake.hot.read import read_hot
from perpscope.lake.hot.records import RawFrame
from perpscope.lake.hot.reserve import DiskFullError, DiskState

__all__ = ["DiskFullError", "DiskState", "FencedOffError", "HotLog", "RawFrame", "read_hot"]
