"""Lists of accounts by price bin or by second: constant work to enter and to leave, whatever their number.

Liquidation, stop and target prices sit in price bins, so that a move of the mark visits only the bins it crosses;
wishes to leave and expiries of orders sit in the second at which they fall due.
"""

from __future__ import annotations

from perpscope.numeric.jit import njit
from perpscope.synthetic.records import World


@njit
def link(lists: World, member: int, bucket: int) -> None:
    """Put a member at the head of a bucket, leaving the one it was in."""
    if lists.where[member] >= 0:
        unlink(lists, member)
    first = lists.head[bucket]
    lists.next[member] = first
    lists.prev[member] = -1
    if first >= 0:
        lists.prev[first] = member
    lists.head[bucket] = member
    lists.where[member] = bucket


@njit
def unlink(lists: World, member: int) -> None:
    """Take a member out of its bucket; nothing happens when it is in none."""
    bucket = lists.where[member]
    if bucket < 0:
        return
    before, after = lists.prev[member], lists.next[member]
    if before >= 0:
        lists.next[before] = after
    else:
        lists.head[bucket] = after
    if after >= 0:
        lists.prev[after] = before
    lists.where[member] = -1
