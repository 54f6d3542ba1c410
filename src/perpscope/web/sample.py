"""One real snapshot frame as a file, for the front end's tests: `python -m perpscope.web.sample --lake DIR --out FILE`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from perpscope.core.errors import UserError
from perpscope.core.time import parse_ts
from perpscope.web.history import Ask, History
from perpscope.web.picture.frame import layer_names, snapshot


def sample(lake: Path, ask: Ask | None = None, layers: list[str] | None = None) -> bytes:
    """The frame of what is asked for; None: the first instrument at its middle time frame.

    Raises:
        UserError: if the lake is empty or has nothing of the kind.
    """
    history = History(lake)
    if ask is None:
        cards = history.instruments()
        if not cards:
            raise UserError("The lake is empty. Import data first: perpscope import list.")
        frame = "1h" if "1h" in cards[0].frames else cards[0].frames[0]
        ask = Ask(cards[0].venue, cards[0].symbol, frame)
    return snapshot(history.picture(ask), layer_names(layers)).frame(id=1, epoch="sample")


def main(arguments: list[str]) -> int:
    """Write the frame and say how large it is."""
    parser = argparse.ArgumentParser(prog="python -m perpscope.web.sample", description=__doc__)
    parser.add_argument("--lake", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--venue")
    parser.add_argument("--symbol")
    parser.add_argument("--frame", default="1h")
    parser.add_argument("--bars", type=int, default=1000)
    parser.add_argument("--at")
    parser.add_argument("--layers", help="names, separated by commas")
    told = parser.parse_args(arguments)
    ask = None
    if told.venue and told.symbol:
        ask = Ask(told.venue, told.symbol, told.frame, told.bars, parse_ts(told.at) if told.at else None)
    frame = sample(told.lake, ask, told.layers.split(",") if told.layers else None)
    told.out.write_bytes(frame)
    print(f"wrote {told.out}, {len(frame)} bytes")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except UserError as mistake:
        print(mistake, file=sys.stderr)
        sys.exit(2)
