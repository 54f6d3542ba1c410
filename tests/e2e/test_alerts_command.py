"""`perpscope alerts` as a user runs it; the sink is a server on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from e2e.conftest import Run
from perpscope.alerts.alert import Alert
from perpscope.alerts.store import AlertStore
from perpscope.lake import Lake, import_files

SECRET = "TOKEN7f3a9c"
RULES = """
[sink.log]
kind = "log"
[sink.hook]
kind = "webhook"
url = "http://127.0.0.1:{port}/{secret}"
allow = []
[rule.funding]
kind = "funding_extreme"
sinks = ["log", "hook"]
"""


class Taking(NamedTuple):
    """A server on this machine, and what was posted to it."""

    port: int
    taken: list[bytes]


@pytest.fixture
def server() -> Iterator[Taking]:
    taken: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return None

    made = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield Taking(made.server_port, taken)
    made.shutdown()
    made.server_close()
    thread.join()


def rules(folder: Path, port: int) -> Path:
    path = folder / "rules.toml"
    path.write_text(RULES.format(port=port, secret=SECRET))
    return path


def test_a_file_is_checked_a_sink_is_tried_and_no_secret_is_shown(perpscope: Run, server: Taking, tmp_path: Path) -> None:
    path = rules(tmp_path, server.port)
    refused = perpscope("alerts", "check", path, ok=False)
    assert (refused.returncode, "https://" in refused.stderr, refused.stderr.count("\n")) == (2, True, 1)
    checked = perpscope("alerts", "check", path, "--loopback", "--json")
    assert json.loads(checked.stdout)["rules"][0]["nodes"] == ["funding_state"]
    tried = perpscope("alerts", "test", path, "--sink", "hook", "--loopback")
    assert tried.stdout == "hook: delivered\n"
    assert json.loads(server.taken[0])["kind"] == "test"
    missing = perpscope("alerts", "test", path, "--sink", "hok", "--loopback", ok=False)
    assert (missing.returncode, "'hook'" in missing.stderr) == (2, True)
    for done in (refused, checked, tried, missing):
        assert SECRET not in done.stdout + done.stderr


def test_history_says_what_is_not_known_to_have_arrived(perpscope: Run, tmp_path: Path) -> None:
    store = AlertStore(tmp_path)
    store.add(Alert("a" * 32, "near", "k", "binance", "B\x1b[31m", 10**18, "price is near"), {"hook": "queued"}, 1)
    store.begin("a" * 32, "hook", 2)
    store.recover(3)
    store.close()
    done = perpscope("alerts", "history", tmp_path)
    assert "hook unknown (the process ended while it was being sent)  near: price is near" in done.stdout
    assert "hook: 1 unknown" in done.stdout
    assert "\x1b" not in done.stdout
    nothing = perpscope("alerts", "history", tmp_path / "none", ok=False)
    assert (nothing.returncode, "alerts.db" in nothing.stderr) == (2, True)


def test_rules_over_history_list_what_would_have_been_told(perpscope: Run, shared_data: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    funding = shared_data / "bars/binance_funding/BTCUSDT.parquet"
    import_files(Lake(lake), "bars-parquet", [funding], venue="binance", symbol="BTCUSDT")
    arguments = ("--rules", rules(tmp_path, 1), "--lake", lake, "--from", "2024-07-20", "--to", "2024-08-10")
    said = json.loads(perpscope("alerts", "backtest", "BTCUSDT", *arguments, "--json").stdout)
    assert said["counts"]["funding"] == len(said["alerts"]) > 0
    assert all("ranks at" in row["sentence"] for row in said["alerts"])
    wrong = perpscope("alerts", "backtest", "BTCUSD", *arguments, ok=False)
    assert (wrong.returncode, "BTCUSDT" in wrong.stderr) == (2, True)
