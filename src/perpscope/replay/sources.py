"""From what the user names - recordings, a lake, the synthetic market - to a tape."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from perpscope.core.errors import UserError
from perpscope.replay.dialects import dialect_of
from perpscope.replay.frames import Tape
from perpscope.replay.lines import lines


def load(venue: str, sources: Sequence[str | Path], symbols: Sequence[str] = ()) -> Tape:
    """The tape of a venue.

    Inputs: `sources` are recordings (files or folders) of that venue's messages.

    Raises:
        UserError: if a source is missing, or holds nothing of the venue or the symbols.
        DataError: if a recording is damaged.
    """
    dialect_of(venue)
    paths = [Path(s) for s in sources]
    if not paths:
        raise UserError("Name at least one recording, a lake, or the word synthetic.")
    from perpscope.replay.binance.tape import tape_of

    return tape_of(lines(paths), symbols)
