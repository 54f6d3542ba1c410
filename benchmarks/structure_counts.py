"""How many swings, breaks, gaps and blocks: ours and smartmoneyconcepts 0.0.27 on the same recorded bars, and why they differ.

    python benchmarks/structure_counts.py BARS.parquet --peer PYTHON

BARS: `binance_perp/1h/BTCUSDT.parquet` of the recorded data; its 8,784 bars of 2024 are used. PYTHON: an interpreter that has
smartmoneyconcepts 0.0.27 (in an environment of its own). Each difference in counts is taken apart by a rule that is applied to
our rows until the peer's count is reached; what a rule does not explain is printed as unexplained. Last, both are replayed: the
bars are appended one by one to the first thousand (a thousand to ours, 60 to the slow peer), and cells or rows of the past that
change are counted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parent))
from structure import STRUCTURE

from perpscope.core.batch import Batch
from perpscope.core.events import BARS
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import HOUR, parse_ts
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect

WING = 5
REPLAY_FROM, REPLAY_BARS = 1000, 1000
PEER_REPLAY_BARS = 60
"""The peer takes about a third of a second a prefix."""

PEER = """
import json, sys
import numpy as np, pandas as pd
from smartmoneyconcepts import smc
bars = pd.DataFrame(np.load(sys.argv[1]), columns=["open", "high", "low", "close", "volume"])
def run(bars, wing):
    swings = smc.swing_highs_lows(bars, swing_length=wing)
    return {"fvg": smc.fvg(bars), "swings": swings, "breaks": smc.bos_choch(bars, swings), "ob": smc.ob(bars, swings),
            "liquidity": smc.liquidity(bars, swings)}
def cells(frames):
    return {k: f.to_numpy(float) for k, f in frames.items()}
whole = cells(run(bars, int(sys.argv[3])))
np.savez(sys.argv[2], **whole)
first, count = int(sys.argv[4]), int(sys.argv[5])
part = bars.iloc[: first + count]
before, changed, shown = None, dict.fromkeys(whole, 0), {k: set() for k in whole}
for n in range(first, first + count + 1):
    now = cells(run(part.iloc[:n].reset_index(drop=True), int(sys.argv[3])))
    for k, f in now.items():
        shown[k] |= set(np.flatnonzero(~np.isnan(f[:, 0])).tolist())
        if before is not None:
            old = before[k]
            differs = ~((f[: len(old)] == old) | (np.isnan(f[: len(old)]) & np.isnan(old)))
            changed[k] += int(differs[:, 0].sum())
    before = now
kept = {k: len(shown[k] & set(np.flatnonzero(~np.isnan(before[k][:, 0])).tolist())) for k in shown}
print(json.dumps({"rewritten": changed, "shown": {k: len(v) for k, v in shown.items()}, "kept": kept}))
"""


def rows_of(bars: Table, settings: dict | None = None, names: tuple[str, ...] = STRUCTURE) -> dict[str, Table]:
    graph = Graph(Instrument("binance", "BTCUSDT", tick_size=0.1), list(names), {"bars@1h"}, "1h", settings)
    made = collect(graph, [Batch(int(bars["known_ts"][-1]), {"bars@1h": bars})])
    return {key.partition("@")[0]: rows for key, rows in made.items()}


def opened(table: Table) -> Table:
    return table[table["event"] == 1]


def alternating(high: np.ndarray, low: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """The peer's second step on marks (1 high, -1 low, 0 none): of neighbours of one kind only the farthest stays."""
    marks = marks.copy()
    while True:
        at = np.flatnonzero(marks)
        drop = np.zeros(len(at), bool)
        for kind, value in ((1, high), (-1, -low)):
            twice = (marks[at[:-1]] == kind) & (marks[at[1:]] == kind)
            rises = value[at[:-1]] < value[at[1:]]
            drop[:-1] |= twice & rises
            drop[1:] |= twice & ~rises
        if not drop.any():
            return marks
        marks[at[drop]] = 0


def swings(bars: Table, theirs: np.ndarray, ours: Table) -> None:
    high, low = bars["high"], bars["low"]
    mine = opened(ours)
    print(f"\nSwings, {WING} bars on either side: ours {len(mine)}, theirs {int((~np.isnan(theirs[:, 0])).sum())}")
    marks = np.zeros(len(bars))
    n = 2 * WING
    for i in range(n - 1, len(bars) - WING):  # their rolling window begins to speak at its own length
        span = slice(i + WING - n + 1, i + WING + 1)
        if low[i] == low[span].min():
            marks[i] = -1
        if high[i] == high[span].max():
            marks[i] = 1
    at = (mine["ref_ts"] - bars["ref_ts"][0]) // HOUR
    own = np.zeros(len(bars))
    own[at] = np.where(mine["side"] == 1, 1, -1)
    both = int(((own == 1) & (own == -1)).sum()) + len(at) - len(np.unique(at))
    print(
        f"  their window: {n} bars, {WING - 1} before, {WING} after, ties count: {int((marks != 0).sum())} before alternation"
    )
    print(f"    of ours among them {int((marks[np.unique(at)] != 0).sum())}; bars both a high and a low in ours: {both}")
    forced = alternating(high, low, marks)
    print(f"  forced to alternate (which edits the past): {int((forced != 0).sum())}")
    ends = forced[np.flatnonzero(forced)[[0, -1]]]
    phantom = forced.copy()
    phantom[0], phantom[-1] = -ends[0], -ends[1]
    print(f"  with a phantom on the first and the newest bar: {int((phantom != 0).sum())}")
    same = np.array_equal(np.nan_to_num(theirs[:, 0]) != 0, phantom != 0)
    print(f"  equal to theirs bar by bar: {'yes' if same else 'NO'}")


def breaks(theirs: np.ndarray, ours: Table) -> None:
    bos, choch = (int((~np.isnan(theirs[:, c])).sum()) for c in (0, 1))
    kinds = {
        k: int((ours["kind"] == c).sum()) for c, k in ((1, "initial"), (2, "break of structure"), (3, "change of character"))
    }
    print(f"\nBreaks: ours {len(ours)} ({', '.join(f'{v} {k}' for k, v in kinds.items())}); theirs {bos} BOS, {choch} CHoCH")
    print("  theirs needs four alternating swings in a pattern, stamps the swing that is broken, and")
    print(
        "  drops patterns never broken; ours is the first close beyond the last swing: every one of them, known at that close."
    )


def gaps(bars: Table, theirs: np.ndarray) -> None:
    made = rows_of(bars, {"fair_value_gaps": {"filter": "middle_colour", "max_live": 20_000, "max_age_bars": 10_000}},
                   ("fair_value_gaps",))["fair_value_gaps"]  # fmt: skip
    mine = opened(made)
    at = np.flatnonzero(~np.isnan(theirs[:, 0]))
    ours = np.sort((mine["ref_ts"] - bars["ref_ts"][0]) // HOUR)
    free = opened(rows_of(bars, None, ("fair_value_gaps",))["fair_value_gaps"])
    print(f"\nFair value gaps: ours {len(free)}, {len(mine)} with their filter on the middle bar's colour; theirs {len(at)}")
    print(
        f"  the same bars: {'yes' if np.array_equal(ours, at) else 'NO'}; theirs stamped on the middle bar, ours known 1 later"
    )


def blocks(theirs: np.ndarray, ours: Table, found: Table) -> None:
    mine = opened(ours)
    print(f"\nOrder blocks: ours {len(mine)} ever, theirs {int((~np.isnan(theirs[:, 0])).sum())} at the end of the data")
    print(
        f"  ours is born at each break with a gap or displacement and an opposite bar ({len(found)} breaks): "
        f"{len(found) - len(mine)} breaks gave none"
    )
    ended = np.unique(ours["id"][ours["event"] == 5])
    print(f"  {len(ended)} of ours were broken, and say so; theirs erases a breaker that is closed through (see the replay)")


def pools(theirs: np.ndarray, ours: Table) -> None:
    pools = ours[ours["event"] == 2]
    equal = len(np.unique(ours["id"][ours["members"] >= 2]))
    print(f"\nLiquidity: ours {equal} pools of two or more swings; theirs {int((~np.isnan(theirs[:, 0])).sum())}")
    print(
        f"  their tolerance is 1 % of the whole sample's range, known at its end; ours 0.1 ATR of the time ({len(pools)} grew)"
    )


def replay(bars: Table) -> dict[str, int]:
    """Rows known by n that are not the same when n bars are there, over REPLAY_BARS prefixes."""
    whole = rows_of(bars[: REPLAY_FROM + REPLAY_BARS])
    wrong = dict.fromkeys(whole, 0)
    graph = Graph(Instrument("binance", "BTCUSDT", tick_size=0.1), list(STRUCTURE), {"bars@1h"}, "1h")
    for n in range(REPLAY_FROM, REPLAY_FROM + REPLAY_BARS + 1):
        now = rows_of(bars[:n])
        end = int(bars["known_ts"][n - 1])
        for name, table in now.items():
            seen = whole[name][whole[name].clock <= end]
            wrong[name] += 0 if table.same_as(seen) else abs(len(table) - len(seen)) + 1
    assert len(graph.nodes) >= len(STRUCTURE)
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bars", type=Path)
    parser.add_argument("--peer", type=Path, required=True)
    options = parser.parse_args()
    frame = pl.read_parquet(options.bars).filter(
        pl.col("ts").is_between(parse_ts("2024-01-01") // 10**6, parse_ts("2025-01-01") // 10**6 - 1)
    )
    ref = frame["ts"].to_numpy() * 1_000_000
    prices = {c: frame[c].to_numpy().astype(float) for c in ("open", "high", "low", "close", "volume")}
    bars = Table.filled(BARS, ref_ts=ref, known_ts=ref + HOUR, complete=np.ones(len(ref), bool), **prices)
    with tempfile.TemporaryDirectory() as where:
        folder = Path(where)
        np.save(folder / "bars.npy", np.column_stack(list(prices.values())))
        (folder / "peer.py").write_text(PEER)
        arguments = [
            options.peer,
            folder / "peer.py",
            folder / "bars.npy",
            folder / "out.npz",
            str(WING),
            str(REPLAY_FROM),
            str(PEER_REPLAY_BARS),
        ]
        done = subprocess.run(arguments, check=True, capture_output=True, text=True)
        theirs = dict(np.load(folder / "out.npz"))
    ours = rows_of(bars)
    print(f"{len(bars):,} one-hour bars of BTCUSDT, 2024; swing length {WING}")
    swings(bars, theirs["swings"], ours["swings"])
    breaks(theirs["breaks"], ours["breaks"])
    gaps(bars, theirs["fvg"])
    blocks(theirs["ob"], ours["order_blocks"], ours["breaks"])
    pools(theirs["liquidity"], ours["pools"])
    told = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"\nPrefix replay from bar {REPLAY_FROM} on: {PEER_REPLAY_BARS} bars appended for the peer, {REPLAY_BARS} for ours")
    for name in told["rewritten"]:
        print(
            f"  theirs, {name:<10} past cells rewritten {told['rewritten'][name]:>5}, shown {told['shown'][name]:>5}, "
            f"still there {told['kept'][name]:>5}"
        )
    wrong = replay(bars)
    print(f"  ours: {sum(wrong.values())} rows rewritten over {len(wrong)} features")
    if sum(wrong.values()):
        raise SystemExit(f"rows were rewritten: {wrong}")


if __name__ == "__main__":
    main()
