"""`perpscope replay` as a user runs it: a real process, a real socket, and the judge of what was heard.

Answers: VENUES section 11 (255 updates of SUSHIUSDT in the capture).
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from perpscope.cli.app import run

COMMAND = [sys.executable, "-c", "from perpscope.cli import main; main()", "replay"]


def test_a_recording_is_served_and_what_nobody_stored_is_undeclared_loss(shared_data: Path, tmp_path: Path) -> None:
    ledger = tmp_path / "sent.jsonl"
    capture = shared_data / "wire/captures/BINANCE_FUTURES.ws.1.0.gz"
    options = ["--port", "0", "--speed", "max", "--ledger", str(ledger), "--exit-at-end", "--json"]
    server = subprocess.Popen([*COMMAND, str(capture), *options], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    facts = json.loads(server.stdout.readline())

    async def listen() -> int:
        url = f"{facts['socket']}/public/stream?streams=sushiusdt@depth@100ms"
        async with aiohttp.ClientSession() as client, client.ws_connect(url) as socket:
            return sum([m.type is aiohttp.WSMsgType.TEXT async for m in socket])

    try:
        assert facts["mode"] == "REPLAY"
        assert facts["command"].startswith("perpscope replay ")
        assert asyncio.run(asyncio.wait_for(listen(), 20.0)) == 255
        assert server.wait(10) == 0
    finally:
        if server.poll() is None:
            os.kill(server.pid, signal.SIGKILL)
        server.stdout.close()
    judge = [*COMMAND, "--compare", str(ledger), "--lake", str(tmp_path / "empty"), "--json"]
    judged = subprocess.run(judge, capture_output=True, text=True, timeout=60, check=False)
    assert judged.returncode == 1, judged.stderr
    (loss,) = json.loads(judged.stdout)
    assert (loss["told"], loss["stored"], loss["undeclared"]) == (255, 0, 255)


def test_mistakes_are_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, words in (
        (["nothere", "--venue", "bybt"], "Did you mean 'bybit'"),
        (["nothere"], "There is no recording nothere"),
        ([], "Name at least one recording"),
        (["synthetic", "--speed", "0"], "from 0.1 to 1000, or max"),
        (["--compare", "x"], "name the lake"),
        (["--compare", "x", "--lake", "y"], "There is no ledger x"),
    ):
        assert run(["replay", *arguments]) == 2
        told = capsys.readouterr().err
        assert words in told
        assert told.count("\n") == 1
