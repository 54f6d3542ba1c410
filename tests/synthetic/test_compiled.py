"""The compiled market against the same source run as plain Python, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import sys
from dataclasses import replace
from perpscope.numeric import jit
if sys.argv[1] == "plain":
    jit.disable()
from perpscope.synthetic import simulate, world
market = simulate(replace(world("W2", seed=3, days=0.003), open_interest=10.0))
trades, levels = market.tables["trade"], market.truth.levels_at(market.truth.end_ts)
print(len(trades), trades["price"].sum().hex(), trades["quantity"].sum().hex(), levels["liquidation_price"].sum().hex())
"""


def test_compiled_kernels_do_exactly_what_their_source_says() -> None:
    told = [
        subprocess.run([sys.executable, "-c", _PROGRAM, mode], capture_output=True, text=True, check=True).stdout
        for mode in ("plain", "compiled")
    ]
    assert told[0] == told[1]
    assert int(told[0].split()[0]) > 50
