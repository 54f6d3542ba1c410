"""Preset `binance-vision`: files of data.binance.vision, zip or CSV, told by their names; header present or not.

| set (in the file name) | stream |
|---|---|
| klines, such as `BTCUSDT-5m-2024-08` | bars@frame |
| the same below a folder `markPriceKlines`, or with the option kind=mark | mark_bars@frame |
| `aggTrades` (futures 7 columns, spot 8), `trades` | trade |
| `fundingRate` | funding |
| `metrics` | open_interest, long_short_ratio@5m (three kinds) |

Columns are listed in `_COLUMNS`, in the order of files without a header.

Times are milliseconds; spot files are in microseconds since 2025-01-01; the unit is told by magnitude. A mark price
file outside its folder looks like bars without any volume and is refused, with the option named. Coin-margined klines
count contracts in `volume` and coins in the quote column: coins are taken. Rows come interleaved and are sorted;
aggregate trade ids are consecutive, so a missing one is a hole. Ratios r become fractions r / (1 + r); rows without a
ratio are left out of that stream.

A `.CHECKSUM` file beside a zip is compared with it.

The label of `metrics` was the END of its five minutes in files until that of 2026-06-24, and is the START in files since that
of 2026-06-25 (coin-margined: always the start); either way a value is known at the end. The last row of the 24th and the
first of the 25th are both labelled 00:00 of the 25th, and are five minutes apart. Coin-margined open interest is stated in
contracts, and its `value` in coins: coins are taken, contracts x face are the notional. Source:
github.com/binance/binance-public-data, README and issues 177, 211, 246, 267, 339, 386, 491; headers as printed in the
files.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from perpscope.core.errors import DataError, UserError
from perpscope.core.events import RatioKind
from perpscope.core.table import Table
from perpscope.core.time import HOUR, Timeframe, parse_ts
from perpscope.core.units import ContractKind
from perpscope.lake import stamps
from perpscope.lake.coverage import Continuity, framed
from perpscope.lake.instruments import contract_of
from perpscope.lake.sources.base import Floats, Parsed, Preset, Request, Times
from perpscope.lake.sources.files import floats, integers, need, read_csv, read_members
from perpscope.lake.sources.rows import bars, fundings, mark_bars, ratios, snapshots, trades
from perpscope.lake.sources.words import truths

ORIGIN = "binance-vision"
_FIVE = Timeframe.parse("5m")
_LABEL_MOVED = parse_ts("2026-06-25")

_COLUMNS = {
    "klines": ("open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count",
               "taker_buy_volume", "taker_buy_quote_volume", "ignore"),
    "aggTrades": ("agg_trade_id", "price", "quantity", "first_trade_id", "last_trade_id", "transact_time", "is_buyer_maker",
                  "is_best_match"),
    "trades": ("id", "price", "qty", "quote_qty", "time", "is_buyer_maker", "is_best_match"),
    "fundingRate": ("calc_time", "funding_interval_hours", "last_funding_rate"),
    "metrics": ("create_time", "symbol", "sum_open_interest", "sum_open_interest_value", "count_toptrader_long_short_ratio",
                "sum_toptrader_long_short_ratio", "count_long_short_ratio", "sum_taker_long_short_vol_ratio"),
}  # fmt: skip

_RATIOS = {
    "count_long_short_ratio": RatioKind.ALL_ACCOUNTS,
    "count_toptrader_long_short_ratio": RatioKind.TOP_ACCOUNTS,
    "sum_toptrader_long_short_ratio": RatioKind.TOP_POSITIONS,
}


def read(request: Request) -> Iterator[Parsed]:
    for path in request.paths:
        if path.suffix == ".CHECKSUM":
            continue
        _verify(path)
        for member, data in read_members(path):
            if member.endswith(".csv"):
                yield from parse(data, Path(member).name, path, request)


def _verify(path: Path) -> None:
    """Compare a file with the checksum that the archive publishes beside it, where that was fetched too.

    Raises:
        DataError: if they differ.
    """
    beside = path.with_name(f"{path.name}.CHECKSUM")
    if beside.is_file():
        stated = beside.read_text(errors="replace").split()[:1]
        if stated != [hashlib.sha256(path.read_bytes()).hexdigest()]:
            raise DataError(f"{path.name} does not match {beside.name}. Fetch both again.", stated)


def parse(data: bytes, member: str, path: Path, request: Request) -> Iterator[Parsed]:
    """One CSV as the streams that its name tells."""
    found = re.search(r"-(aggTrades|trades|fundingRate|metrics|\d+(?:s|m|h|d|w))-20\d\d-\d\d", member)
    if found is None:
        raise UserError(
            f"{member} is not named like a file of data.binance.vision, such as BTCUSDT-5m-2024-08.csv. Rename it or use csv."
        )
    what = found[1] if found[1] in _COLUMNS else "klines"
    rows = _table(data, what, member)
    inverse = contract_of(request.venue, request.symbol)
    if what == "klines":
        yield _klines(rows, Timeframe.parse(found[1]), member, path, request, inverse[0] is ContractKind.INVERSE)
    elif what in ("aggTrades", "trades"):
        yield _tape(rows, what, member, path, inverse)
    elif what == "fundingRate":
        interval = np.rint(floats(rows, "funding_interval_hours", member) * HOUR).astype(np.int64)
        table = fundings(stamps.to_ns(rows["calc_time"], member), floats(rows, "last_funding_rate", member), interval)
        yield Parsed(path, "funding", table, ORIGIN)
    else:
        yield from _metrics(rows, member, path, inverse[1] if inverse[0] is ContractKind.INVERSE else None)


def _table(data: bytes, what: str, member: str) -> pl.DataFrame:
    """The rows with our names for the columns; a header is recognised by its first letter."""
    names = _COLUMNS[what]
    header = data[:1].isalpha() and not data[:1].isdigit()
    width = data.partition(b"\n")[0].count(b",") + 1
    if header:
        rows = read_csv(data, member)
        # spot and futures spell the header of klines alike, older trades as 'quote_qty' or 'quoteQty'
        rows = rows.rename({c: re.sub(r"(?<!^)(?=[A-Z])", "_", c).lower() for c in rows.columns})
    else:
        rows = read_csv(data, member, header=False, columns=names[:width] if width < len(names) else names)
    need(rows, [n for n in names if n not in ("ignore", "is_best_match", "close_time", "quote_qty")], member)
    return rows


def _klines(rows: pl.DataFrame, frame: Timeframe, member: str, path: Path, request: Request, inverse: bool) -> Parsed:
    ts = stamps.to_ns(rows["open_time"], member)
    column: dict[str, Floats] = {c: floats(rows, c, member) for c in ("open", "high", "low", "close", "volume")}
    kind = request.options.get("kind") or ("mark" if "markPriceKlines" in path.parts else "bars")
    if kind == "mark":
        stream = f"mark_bars@{frame}"
        return Parsed(path, stream, mark_bars(ts, frame, column), ORIGIN, framed(stream))
    if len(ts) > 1 and not column["volume"].any():
        raise UserError(f"{member} has no volume at all. If it holds mark prices, add the option kind=mark.")
    buys = floats(rows, "taker_buy_quote_volume" if inverse else "taker_buy_volume", member)
    if inverse:
        column["volume"] = floats(rows, "quote_volume", member)
    stream = f"bars@{frame}"
    return Parsed(path, stream, bars(ts, frame, column, buys, floats(rows, "count", member)), ORIGIN, framed(stream))


def _tape(rows: pl.DataFrame, what: str, member: str, path: Path, contract: tuple[ContractKind, float]) -> Parsed:
    ident, quantity, time = ("agg_trade_id", "quantity", "transact_time") if what == "aggTrades" else ("id", "qty", "time")
    price, size = floats(rows, "price", member), floats(rows, quantity, member)
    if contract[0] is ContractKind.INVERSE:
        size = size * contract[1] / price
    table = trades(
        stamps.to_ns(rows[time], member), price, size, ~truths(rows["is_buyer_maker"], member), integers(rows, ident, member)
    )
    return Parsed(path, "trade", table, ORIGIN if what == "aggTrades" else f"{ORIGIN}-raw", Continuity("ids"))


def _metrics(rows: pl.DataFrame, member: str, path: Path, face: float | None) -> Iterator[Parsed]:
    label = stamps.to_ns(rows["create_time"], member)
    dated = re.search(r"-metrics-(\d{4}-\d\d-\d\d)", member)
    old_file = dated is not None and parse_ts(dated[1]) < _LABEL_MOVED
    starts = np.full(len(label), face is not None or not old_file) & ((label >= _LABEL_MOVED) | (face is not None))
    end = np.where(starts, label + _FIVE.ns, label)
    interest = floats(rows, "sum_open_interest", member)
    notional = floats(rows, "sum_open_interest_value", member)
    if face is not None:
        interest, notional = notional, interest * face
    table = snapshots(end, interest, notional)
    seam = bool((label[~starts] == _LABEL_MOVED).any())
    note = (f"{member}: its last label, 2026-06-25 00:00, is the end of five minutes; in the next file it is the start.",)
    yield Parsed(
        path, "open_interest", table, ORIGIN, Continuity("silence", _FIVE.ns * 3 // 2), notes=note if seam else ()
    )  # fmt: skip
    parts: list[Table] = []
    absent = 0
    for column, kind in _RATIOS.items():
        ratio = floats(rows, column, member)
        known = np.isfinite(ratio)
        absent += int((~known).sum())
        parts.append(_fractions(end[known] - _FIVE.ns, ratio[known], kind))
    stream = f"long_short_ratio@{_FIVE}"
    counts = {"ratios that the file leaves empty": absent}
    yield Parsed(path, stream, Table.concat(parts), ORIGIN, framed(stream), counts=counts)


def _fractions(ref: Times, ratio: Floats, kind: RatioKind) -> Table:
    return ratios(ref, _FIVE, kind, ratio / (1 + ratio), 1 / (1 + ratio))


PRESET = Preset(
    "binance-vision",
    "data.binance.vision: klines, mark klines, aggTrades, trades, fundingRate, metrics",
    read,
    {"kind": "'mark' for mark price klines outside their folder"},
)
