"""A loopback server in the layouts of data.binance.vision: zips with checksums, byte ranges, 404 for what is not there.

The market in it is plain arithmetic: hour i since 2026-01-01 opens at 60000 + 10 (i mod 7); trade n has 0.001 x (1 + n mod 9).
"""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from perpscope.core.time import DAY, HOUR, MINUTE, parse_ts, to_datetime

MS = 1_000_000
ZERO = parse_ts("2026-01-01")
UM = "data/futures/um"
KLINES = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
METRICS = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,"
    "sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio"
)


def bar(ts: int, symbol_volume: bool = True) -> list[str]:
    """The hour that opens at `ts`, as the archive and the REST interface write it."""
    o = 60_000 + 10 * ((ts - ZERO) // HOUR % 7)
    v, q, n, b, bq = ("12.500", "750000", 42, "5.250", "315000") if symbol_volume else ("0", "0", 3600, "0", "0")
    cells = (ts // MS, f"{o}.0", f"{o + 9}.5", f"{o - 4}.5", f"{o + 3}.0", v, (ts + HOUR) // MS - 1, q, n, b, bq, 0)
    return [str(c) for c in cells]


def trade(n: int) -> tuple[int, str, str, int, bool]:
    """Aggregate trade n: one every minute."""
    return (ZERO + n * MINUTE) // MS, f"{60_000 + n % 50}.1", f"0.00{1 + n % 9}", n, n % 2 == 0


def zipped(name: str, rows: list[str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(f"{name}.csv", (2026, 1, 1, 0, 0, 0)), "\n".join(rows) + "\n")
    return out.getvalue()


def kline_file(folder: str, start: int, end: int, name: str, header: bool = True) -> tuple[str, bytes]:
    rows = [",".join(bar(ts, folder == "klines")) for ts in range(start, end, HOUR)]
    period = "monthly" if name.count("-") == 1 else "daily"
    stem = f"BTCUSDT-1h-{name}"
    # rows of one file come interleaved, with or without a header
    return f"{UM}/{period}/{folder}/BTCUSDT/1h/{stem}.zip", zipped(stem, [KLINES] * header + rows[::2] + rows[1::2])


def trade_file(day: int) -> tuple[str, bytes]:
    first = (day - ZERO) // MINUTE
    rows = []
    for n in range(first, first + DAY // MINUTE):
        ts, price, quantity, ident, maker = trade(n)
        rows.append(f"{ident},{price},{quantity},{ident},{ident},{ts},{str(maker).lower()}")
    stem = f"BTCUSDT-aggTrades-{to_datetime(day):%Y-%m-%d}"
    return f"{UM}/daily/aggTrades/BTCUSDT/{stem}.zip", zipped(stem, rows)


def metrics_file(day: int) -> tuple[str, bytes]:
    rows = [METRICS]
    for ts in range(day + 5 * MINUTE, day + DAY + 5 * MINUTE, 5 * MINUTE):
        rows.append(f"{to_datetime(ts):%Y-%m-%d %H:%M:%S},BTCUSDT,{1000 + (ts - ZERO) // HOUR},60000000,1,1,1,1")
    stem = f"BTCUSDT-metrics-{to_datetime(day):%Y-%m-%d}"
    return f"{UM}/daily/metrics/BTCUSDT/{stem}.zip", zipped(stem, rows)


def funding_file(start: int, end: int) -> tuple[str, bytes]:
    rows = ["calc_time,funding_interval_hours,last_funding_rate"]
    rows += [f"{ts // MS + 3},8,0.0001" for ts in range(start, end, 8 * HOUR)]
    stem = f"BTCUSDT-fundingRate-{to_datetime(start):%Y-%m}"
    return f"{UM}/monthly/fundingRate/BTCUSDT/{stem}.zip", zipped(stem, rows)


class Asked(NamedTuple):
    path: str
    range: str
    status: int


class Vision(ThreadingHTTPServer):
    """`files` by path; `asked` is the log; after `hold_after` bytes of the path `hold` the server waits, `held` tells."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = dict(files)
        self.asked: list[Asked] = []
        self.hold, self.hold_after = "", 0
        self.held, self.release = threading.Event(), threading.Event()
        self.refuse: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def zips(self) -> list[str]:
        """The zips that were asked for, in order."""
        return [a.path.rpartition("/")[2] for a in self.asked if a.path.endswith(".zip")]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: Vision

    def do_GET(self) -> None:
        site, path = self.server, self.path.lstrip("/")
        wanted = self.headers.get("Range", "")
        if site.refuse:
            self._answer(path, wanted, site.refuse.pop(0), b"", {})
            return
        body = site.files.get(path)
        if body is None and path.endswith(".CHECKSUM") and (of := site.files.get(path.removesuffix(".CHECKSUM"))) is not None:
            name = path.rpartition("/")[2].removesuffix(".CHECKSUM")
            body = f"{hashlib.sha256(of).hexdigest()}  {name}\n".encode()
        if body is None:
            self._answer(path, wanted, 404, b"", {})
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if wanted and start >= len(body):
            self._answer(path, wanted, 416, b"", {})
            return
        more = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} if wanted else {}
        self._answer(path, wanted, 206 if wanted else 200, body[start:], more)

    def _answer(self, path: str, wanted: str, status: int, body: bytes, more: dict[str, str]) -> None:
        site = self.server
        site.asked.append(Asked(path, wanted, status))
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **more}.items():
            self.send_header(name, value)
        self.end_headers()
        if path == site.hold and not wanted:
            self.wfile.write(body[: site.hold_after])
            self.wfile.flush()
            site.held.set()
            site.release.wait(60)
            body = body[site.hold_after :]
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Vision]:
    site = Vision(files)
    thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.release.set()
        site.shutdown()
        site.server_close()
        thread.join(10)
