"""`perpscope serve` as a user runs it: the address it prints answers, and mistakes are sentences."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx

from perpscope.web.frames import decode_frame

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_the_printed_address_shows_the_lake(window_lake: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "from perpscope.cli import main; main()",
        "serve",
        "--lake",
        str(window_lake),
        "--port",
        "0",
    ]
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as running:
        assert running.stdout is not None
        try:
            url = next(found[0] for line in running.stdout if (found := re.search(r"http://127\.0\.0\.1:\d+/", line)))
            asked = {"venue": "binance", "symbol": "BTCUSDT", "frame": "1h", "bars": 200, "at_ms": 1722866400000}
            answer = httpx.get(url + "api/view", params=asked, timeout=120)
            header, _ = decode_frame(answer.content)
            assert (header.symbol, header.watermark_ms) == ("BTCUSDT", 1722866400000)
            assert header.heats[0].name == "liquidation_heatmap"
            assert httpx.get(url).status_code == 200
        finally:
            running.send_signal(signal.SIGINT)
            assert running.wait(20) in (0, 130, -signal.SIGINT)


def test_a_lake_that_is_not_there_is_a_sentence(perpscope: Run, tmp_path: Path) -> None:
    gone = perpscope("serve", "--lake", tmp_path / "none", ok=False)
    assert (gone.returncode, gone.stderr.startswith("perpscope: There is no lake at")) == (2, True)
