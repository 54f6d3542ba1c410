"""Fault F2 for real: the server's process is stopped. The answer is the clock of this machine."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time

import pytest

from faults.numbers import record as record_number
from perpscope.venues.transport.network import AiohttpNetwork, NetworkError

_TICKER = """
import asyncio, sys
from aiohttp import web
async def handler(request):
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    while True:
        await ws.send_str("tick")
        await asyncio.sleep(0.1)
async def main():
    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.sleep(3600)
asyncio.run(main())
"""


@pytest.mark.slow
def test_f2_a_stopped_peer_is_noticed_within_ten_seconds_on_a_real_socket() -> None:
    """The server process is stopped with SIGSTOP: its kernel still holds the connection, nothing comes, no pong either."""
    server = subprocess.Popen([sys.executable, "-c", _TICKER], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    port = int(server.stdout.readline())

    async def script() -> float:
        async with AiohttpNetwork() as network:
            socket = await network.connect(f"ws://127.0.0.1:{port}/")
            asyncio.get_running_loop().call_later(0.5, os.kill, server.pid, signal.SIGSTOP)
            with pytest.raises(NetworkError):
                await socket.pump(lambda payload: None)
            return time.monotonic()

    began = time.monotonic() + 0.5
    try:
        took = asyncio.run(script()) - began
    finally:
        server.kill()
        server.wait()
    record_number("F2", "a stopped peer is noticed after, s", took, "10", met=took <= 10.0)
    assert took <= 10.0
