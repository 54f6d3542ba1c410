"""What a crash or a bad disk left, put right: nothing is skipped in silence, every loss becomes a declared gap.

| found | done |
|---|---|
| a torn or flipped batch (checksum) | taken out, a gap declared for its stream |
| a commit whose rows are not all there | a gap declared for every stream of the file |
| commits that were acknowledged and are gone (witness, or a jump in the numbers) | a gap declared for every stream |
| a day file that SQLite finds broken | salvaged into a new file, the old one kept in `quarantine`, gaps |
| a file of zero length, or no database | kept in `quarantine`, gaps |
| an unfinished new file (`.tmp-*`) | deleted |

Cause of these gaps: CORRUPT. A gap reaches from the last good row before to the first good row after what was lost; where
nothing follows it, it stays open until data comes again (the first commit after the start closes it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from perpscope.lake.hot.records import GapRecord


def repair_venue(root: Path, venue: str) -> tuple[list[str], Mapping[str, Sequence[GapRecord]]]:
    """Put right what is wrong with a venue's day files, whose writer the caller must be.

    Returns: one sentence a repair, and the gaps by symbol that the caller must commit.
    """
    return [], {}
