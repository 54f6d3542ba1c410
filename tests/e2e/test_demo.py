"""The demo, as a stranger runs it: short, offline, and honest about being simulated."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from e2e.conftest import Run


def test_the_demo_says_it_is_simulated_and_shows_truth_beside_the_estimate(perpscope: Run, tmp_path: Path) -> None:
    out = tmp_path / "demo"
    done = perpscope("demo", "--out", out, "--days", "6")
    assert done.stdout.splitlines()[0].startswith("THIS DATA IS SIMULATED")
    assert {"report.json", "report.png", "report.html", "true-levels.png", "lake"} <= {p.name for p in out.iterdir()}
    assert "True against estimated levels" in done.stdout
    assert json.loads((out / "report.json").read_text())["meta"]["venue"] == "synthetic"
    # it ends, and its last words are what to type and where to look
    command, address = done.stdout.splitlines()[-2:]
    words = shlex.split(command)
    assert words[:4] == ["perpscope", "serve", "--lake", str(out / "lake")]
    assert "--replay" in words
    url = re.fullmatch(r"and open (http://127\.0\.0\.1:(\d+)/)", address)
    assert url is not None
    with serving_demo(words[1:]) as said:
        assert url[1] in said
        card = httpx.get(f"{url[1]}api/instruments", timeout=60).json()["instruments"][0]
    assert (card["venue"], card["symbol"]) == ("synthetic", "SYNUSDT")


@contextmanager
def serving_demo(words: list[str]) -> Iterator[str]:
    """Runs what the demo said until the block ends; the line that names the address."""
    command = [sys.executable, "-c", "from perpscope.cli import main; main()", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1"}) as running:
        assert running.stdout is not None
        try:
            yield next(line for line in running.stdout if "http://" in line)
        finally:
            running.send_signal(signal.SIGINT)
            assert running.wait(60) in (0, 130, -signal.SIGINT)


def test_the_demo_will_not_overwrite_a_folder_that_is_not_its_own(perpscope: Run, tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    done = perpscope("demo", "--out", tmp_path, ok=False)
    assert done.returncode == 2
    assert "is not empty and holds no demo" in done.stderr
    assert (tmp_path / "precious.txt").read_text() == "mine"
