"""`perpscope demo`: a simulated market, end to end, offline, and the page that plays it."""

from __future__ import annotations

import shlex
import shutil
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from perpscope.cli.options import OutDir, progress_bar

HOST, PORT, PORTS = "127.0.0.1", 8600, 20
"""Where the page is: the first port from `PORT` on that nothing uses."""


def demo(
    out: OutDir = Path("out/demo"),
    seed: Annotated[int, typer.Option(help="Another seed, another market.")] = 7,
    days: Annotated[int, typer.Option(min=3, max=60, help="Length of the simulated market.")] = 21,
    serve: Annotated[
        bool | None,
        typer.Option("--serve/--no-serve", help="Serve the page until Ctrl+C; default: if in a terminal.", show_default=False),
    ] = None,
) -> None:
    """Simulate a market whose every position is known, import it, analyse it, draw truth beside estimate, and replay it."""
    from rich.console import Console

    from perpscope.cli.page_file import page_file
    from perpscope.demo import run_demo, summary
    from perpscope.report import print_report

    console = Console()
    console.print(
        "THIS DATA IS SIMULATED: an invented market, made to show the tool. It says nothing about real markets.",
        style="bold yellow",
    )
    with progress_bar(quiet=False) as progress:
        result = run_demo(out, seed=seed, days=days, progress=progress)
        page, note = page_file(result.report, out)
    print_report(result.report, console)
    for line in summary(result):
        console.print(line, highlight=False)
    for path in [*result.written, *page]:
        console.print(f"wrote {path}", highlight=False)
    if note:
        console.print(note, highlight=False, soft_wrap=True)
    port = _free_port()
    if serve or (serve is None and sys.stdin.isatty() and sys.stdout.isatty()):
        _serve(out, port)
    else:
        told = [_program(), "serve", "--lake", str(out / "lake"), "--backtests", str(out / "backtest"), "--replay"]
        if port != PORT:
            told += ["--port", str(port)]
        console.print("See the simulated market live in replay:", highlight=False)
        console.print(f"  {shlex.join(told)}", highlight=False, soft_wrap=True)
        console.print(f"and open http://{HOST}:{port}/", highlight=False, soft_wrap=True)


def _serve(out: Path, port: int) -> None:
    from perpscope.web.serve import serving

    ready = serving(out / "lake", HOST, port, backtests=out / "backtest", mode="replay")
    for note in ready.notes:
        print(note)
    print(f"The simulated market, live in replay: {ready.url} (Ctrl+C ends it)", flush=True)
    ready.desk.executor.submit(ready.desk.warm)
    with suppress(KeyboardInterrupt):  # the demo was done before; ending the page is no failure
        ready.run()


def _program() -> str:
    """How this command was called, where its name alone would not be found."""
    called = sys.argv[0]
    return called if shutil.which("perpscope") is None and Path(called).name == "perpscope" else "perpscope"


def _free_port() -> int:
    """The first port that nothing uses; `PORT` itself where all are taken, so that binding it says so."""
    for port in range(PORT, PORT + PORTS):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((HOST, port))
                trial.listen()
            except OSError:
                continue
            return port
    return PORT
