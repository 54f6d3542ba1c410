"""Import presets: one file per format, found by the file. A preset turns files into tables and knows nothing of storage.

The seam to `venues/`: presets and venues are siblings and import nothing from each other. A preset reads files as
they lie on disks (columns, headers, compression, vendors' units); the wire format of a venue's *recorded messages* is
read here only for the archived line format of `binance_recording`. A live connector parses the same messages in its
own folder; that both give the same event is a law checked by a test, not by shared code.
"""

from perpscope.lake.sources.base import Parsed, Preset, Request, preset, presets

__all__ = ["Parsed", "Preset", "Request", "preset", "presets"]
