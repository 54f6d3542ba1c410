"""What can go wrong in Binance's own numbers and arrays."""

from __future__ import annotations

import re

from perpscope.replay.frames import Frame, Track

_IDS = re.compile(rb'"(U|u|pu)":(\d+)')
_SYMBOL = re.compile(rb'"s":"[A-Z0-9_]+"')
COIN_MARGINED = b'"s":"BTCUSD_PERP","ps":"BTCUSD"'


def jumped_back(frame: Frame, by: int) -> Frame:
    """A book update whose numbers are smaller.

    Example:
        >>> jumped_back(Frame(0, 0, b'{"U":104,"u":109,"pu":101}', 0, 104, 109), 100).data
        b'{"U":4,"u":9,"pu":1}'
    """
    data = _IDS.sub(lambda m: b'"%s":%d' % (m[1], int(m[2]) - by), frame.data)
    return frame._replace(data=data, first=frame.first - by, last=frame.last - by)


def merged_products(track: Track, frame: Frame) -> list[Frame]:
    """An all-market message since 2026-06-30: every row says its product in `st`, and rows of COIN-M (`st` 2) come along."""
    rows = frame.data if frame.data.startswith(b"[") else b"[" + frame.data + b"]"
    ours = _SYMBOL.sub(lambda m: m[0] + b',"st":1', rows)
    theirs = _SYMBOL.sub(COIN_MARGINED + b',"st":2', rows)
    if frame.data.startswith(b"["):
        return [frame._replace(data=ours[:-1] + b"," + theirs[1:])]
    return [frame._replace(data=ours[1:-1]), frame._replace(data=theirs[1:-1], events=-1)]
