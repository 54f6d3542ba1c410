"""A simulated exchange on loopback that speaks the venues' own protocols, with faults and its own ledger.

    async with ReplayServer(Settings(venue="binance"), load("binance", ["BTCUSDT-2024-08-08.jsonl.gz"])) as server:
        ...  # ws://127.0.0.1:{server.port}/public/ws, http://127.0.0.1:{server.port}/fapi/v1/depth

Nothing here imports `perpscope.venues`: each protocol is written down a second time, on its own reading, so that parser
and server can contradict each other. Definitions: docs/definitions/replay.md.
"""

from perpscope.replay.server import ReplayServer, Settings
from perpscope.replay.sources import load

__all__ = ["ReplayServer", "Settings", "load"]
