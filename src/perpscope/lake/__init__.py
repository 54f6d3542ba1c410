"""Recorded markets on disk: import, catalogue, read.

    lake = Lake("lake")
    import_files(lake, "bars-parquet", ["BTCUSDT.parquet"], venue="binance", symbol="BTCUSDT")
    for batch in lake.source("binance", "BTCUSDT", ["bars@5m"]):
        ...

Layout, schemas, gaps and SQL are described in docs/definitions/lake.md.
"""

from perpscope.lake.catalogue import Catalogue, FileEntry, rebuild, save
from perpscope.lake.gather import Gathered, Hole
from perpscope.lake.imports import ImportReport, SourceReport, StreamReport, import_files
from perpscope.lake.reader import Lake
from perpscope.lake.source import Source
from perpscope.lake.sources import Preset, preset, presets
from perpscope.lake.store import store

__all__ = [
    "Catalogue",
    "FileEntry",
    "Gathered",
    "Hole",
    "ImportReport",
    "Lake",
    "Preset",
    "Source",
    "SourceReport",
    "StreamReport",
    "import_files",
    "preset",
    "presets",
    "rebuild",
    "save",
    "store",
]
