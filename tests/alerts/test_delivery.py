"""Answers: docs/definitions/alerts.md, by what a listener on this machine received; processes are really killed."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from alerts.listeners import Listener, listening
from alerts.worlds import BTC, HOUR, T0, step, table
from perpscope.alerts.alert import Alert, alert_id
from perpscope.alerts.center import AlertCenter
from perpscope.alerts.config import AlertConfig, config_of
from perpscope.alerts.rule import Context
from perpscope.alerts.sinks.base import Ending, Outcome
from perpscope.alerts.store import AlertStore
from perpscope.core.errors import UserError
from perpscope.core.instrument import Instrument
from perpscope.core.units import Direction
from perpscope.features.structure.breaks import BreakKind

ROOT = Path(__file__).resolve().parents[2]


def config(sinks: dict[str, Any], **settings: Any) -> AlertConfig:
    rule = {"kind": "structure_break", "sinks": list(sinks), "cooldown": "0"}
    return config_of({"sink": sinks, "rule": {"breaks": rule}, "settings": {"backoff_s": 0.01, **settings}})


def hook(listener: Listener) -> dict[str, Any]:
    return {"kind": "webhook", "url": listener.url, "allow": [], "timeout_s": 1.0}


def center(folder: Path, made: AlertConfig, hour: float = 10.0, **more: Any) -> AlertCenter:
    return AlertCenter(made, folder, lambda: T0 + int(hour * HOUR), loopback=True, **more)


def breaks(*at: float) -> dict[str, Any]:
    rows = (
        {"at": t, "id": round(t * 10_000), "kind": BreakKind.CHANGE_OF_CHARACTER, "direction": Direction.UP, "level": 100.0}
        for t in at
    )
    return {"breaks@1h": table("breaks", *rows)}


def states(folder: Path) -> Counter[tuple[str, str]]:
    store = AlertStore(folder, read_only=True)
    held = Counter(store.counts())
    store.close()
    return held


def messages(listener: Listener) -> list[dict[str, Any]]:
    return [json.loads(request.partition(b"\r\n\r\n")[2]) for request in listener.requests]


def test_a_finding_becomes_one_message_with_its_facts(tmp_path: Path) -> None:
    async def run() -> list[dict[str, Any]]:
        async with listening() as server:
            one = center(tmp_path, config({"hook": hook(server)}))
            assert len(one.step(BTC, step(breaks(9.9)))) == 1
            await one.drain()
            one.close()
            return messages(server)

    (message,) = asyncio.run(run())
    assert (message["rule"], message["venue"], message["symbol"]) == ("breaks", "binance", "BTCUSDT")
    assert message["facts"]["level"] == 100.0
    assert "change of character up" in message["sentence"]
    assert states(tmp_path) == {("hook", "delivered"): 1}


def test_the_same_finding_in_another_run_is_not_told_again(tmp_path: Path) -> None:
    async def run() -> int:
        async with listening() as server:
            made = config({"hook": hook(server)})
            for _ in range(3):
                one = center(tmp_path, made)
                one.step(BTC, step(breaks(9.9)))
                await one.drain()
                one.close()
            return len(server.requests)

    assert asyncio.run(run()) == 1


def test_old_news_is_kept_and_not_told(tmp_path: Path) -> None:
    async def run() -> int:
        async with listening() as server:
            one = center(tmp_path, config({"hook": hook(server)}))
            assert one.step(BTC, step(breaks(2.0, 9.5))) == []  # older than a quarter of an hour at ten
            await one.drain()
            one.close()
            return server.hits

    assert asyncio.run(run()) == 0
    assert states(tmp_path) == {("hook", "late"): 2}


def test_what_certainly_did_not_arrive_is_tried_again_and_no_more_than_asked(tmp_path: Path) -> None:
    replies = [b"HTTP/1.1 429 X\r\n\r\n", b"HTTP/1.1 503 X\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"]

    async def run() -> int:
        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(replies.pop(0) if replies else b"HTTP/1.1 429 X\r\n\r\n")
            await writer.drain()

        async with listening(answer) as server:
            one = center(tmp_path, config({"hook": hook(server)}, attempts=3))
            one.step(BTC, step(breaks(9.9)))
            await one.drain()
            first = len(server.requests)
            one.step(BTC, step(breaks(9.95)))
            await one.drain()
            one.close()
            return first * 10 + len(server.requests)

    assert asyncio.run(run()) == 36
    assert states(tmp_path) == {("hook", "delivered"): 1, ("hook", "failed"): 1}


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        (b"HTTP/1.1 500 X\r\n\r\n", "unknown"), (b"HTTP/1.1 404 X\r\n\r\n", "failed"), (b"", "unknown"),
        (b"nonsense\r\n\r\n", "unknown"),
    ],
)  # fmt: skip
def test_what_may_have_arrived_is_never_sent_twice(reply: bytes, state: str, tmp_path: Path) -> None:
    async def run() -> int:
        async with listening(reply) as server:
            one = center(tmp_path, config({"hook": hook(server)}))
            one.step(BTC, step(breaks(9.9)))
            await one.drain()
            one.close()
            again = center(tmp_path, config({"hook": hook(server)}))
            await again.drain()
            again.close()
            return len(server.requests)

    assert asyncio.run(run()) == 1
    assert states(tmp_path) == {("hook", state): 1}


def test_a_server_that_is_down_is_tried_again_and_then_given_up(tmp_path: Path) -> None:
    async def run() -> None:
        async with listening() as server:
            made = config({"hook": hook(server)}, attempts=3)
        one = center(tmp_path, made)
        one.step(BTC, step(breaks(9.9)))
        await one.drain()
        one.close()

    asyncio.run(run())
    (told,) = AlertStore(tmp_path, read_only=True).history()
    assert (told.state, told.attempts, told.note) == ("failed", 3, "no connection, or a certificate of another name")


def test_a_stuck_sink_holds_up_nobody(tmp_path: Path) -> None:
    class Stuck:
        def problem(self) -> str:
            return ""

        async def send(self, alert: Alert) -> Outcome:
            await asyncio.Event().wait()
            return Outcome(Ending.DELIVERED)

    class Quick:
        def __init__(self) -> None:
            self.taken: list[str] = []
            self.three = asyncio.Event()

        def problem(self) -> str:
            return ""

        async def send(self, alert: Alert) -> Outcome:
            self.taken.append(alert.id)
            if len(self.taken) == 3:
                self.three.set()
            return Outcome(Ending.DELIVERED)

    async def run() -> list[str]:
        quick = Quick()
        made = config({"a": {"kind": "log"}, "b": {"kind": "log"}})
        one = center(tmp_path, made, sinks={"a": Stuck(), "b": quick})
        task = asyncio.create_task(one.deliver())
        await asyncio.sleep(0)
        ids = [alert.id for at in (9.8, 9.85, 9.9) for alert in one.step(BTC, step(breaks(at)))]
        await asyncio.wait_for(quick.three.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        one.close()
        assert quick.taken == ids
        return ids

    assert len(asyncio.run(run())) == 3
    assert states(tmp_path) == {("a", "queued"): 2, ("a", "sending"): 1, ("b", "delivered"): 3}
    assert center(tmp_path, config({"a": {"kind": "log"}})).unknown_at_start == 1


def test_a_sink_that_breaks_ends_nothing_and_says_nothing_of_itself(tmp_path: Path) -> None:
    class Broken:
        def problem(self) -> str:
            return ""

        async def send(self, alert: Alert) -> Outcome:
            raise RuntimeError("https://secret.example.com/token")

    one = center(tmp_path, config({"a": {"kind": "log"}}), sinks={"a": Broken()})
    one.step(BTC, step(breaks(9.9)))
    asyncio.run(one.drain())
    (told,) = one.store.history()
    assert (told.state, told.note) == ("unknown", "the sink failed with a RuntimeError")


def test_a_full_queue_drops_its_oldest_and_lists_them(tmp_path: Path) -> None:
    one = center(tmp_path, config({"a": {"kind": "log"}}, queue_bytes=1_500))
    one.step(BTC, step(breaks(*(9.8 + k / 100 for k in range(12)))))
    held = one.store.counts()
    assert held["a", "queued"] + held["a", "dropped"] == 12
    assert 1 <= held["a", "queued"] <= 5
    order = [told.state for told in one.store.history()]
    assert order == sorted(order)  # dropped before queued: the oldest went


def test_old_alerts_leave_the_file(tmp_path: Path) -> None:
    store = AlertStore(tmp_path, kept=10)
    for k in range(40):
        assert store.add(Alert(f"{k:032x}", "r", "k", "v", "s", k, "words"), {"a": "late"}, k)
    assert [told.alert.ts for told in store.history(1000)] == list(range(30, 40))


def test_a_file_that_another_process_holds_is_written_later(tmp_path: Path) -> None:
    store = AlertStore(tmp_path)
    other = sqlite3.connect(tmp_path / "alerts.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert store.add(Alert("1" * 32, "r", "k", "v", "s", 1, "words"), {"a": "queued"}, 1)
    assert store.history() == []
    other.execute("ROLLBACK")
    assert store.add(Alert("2" * 32, "r", "k", "v", "s", 2, "words"), {"a": "queued"}, 2)
    assert [told.alert.id[0] for told in store.history()] == ["1", "2"]


def test_a_statement_waits_for_the_transaction_of_another_thread_and_a_finding_not_for_long(tmp_path: Path) -> None:
    store = AlertStore(tmp_path)
    store.add(Alert("1" * 32, "r", "k", "v", "s", 1, "words"), {"a": "queued"}, 1)
    beginning = threading.Thread(target=store.begin, args=("1" * 32, "a", 2))
    with store._lock:
        beginning.start()
        finding = threading.Thread(target=store.add, args=(Alert("2" * 32, "r", "k", "v", "s", 2, "words"), {"a": "queued"}, 2))
        finding.start()
        finding.join(10)
        assert not finding.is_alive()
        assert beginning.is_alive()
        assert store.counts() == {("a", "queued"): 1}
    beginning.join(10)
    store.flush()
    assert store.counts() == {("a", "queued"): 1, ("a", "sending"): 1}


CHILD = """
import asyncio, sys
from pathlib import Path
from alerts.test_delivery import ROOT, BTC, T0, breaks, center, config, hook, step
from alerts.listeners import Listener
folder, port, how = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
one = center(folder, config({"hook": hook(Listener(port=port)) | {"timeout_s": 5.0}}))
one.step(BTC, step(breaks(9.8, 9.9)))
print("stepped", flush=True)
if how == "queued":
    sys.stdin.read()
asyncio.run(one.drain())
print("drained", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("how", "wait_for", "received", "ended"),
    [
        ("queued", b"stepped", [2], {"delivered": 2}),
        ("sending", b"stepped", [1, 1], {"unknown": 1, "delivered": 1}),
        ("drained", b"drained", [2], {"delivered": 2}),
    ],
)
def test_kill_9_repeats_nothing_and_loses_nothing_in_silence(
    how: str, wait_for: bytes, received: list[int], ended: dict[str, int], tmp_path: Path
) -> None:
    """Killed when both are queued, when the first has been received but not answered, and when both are answered."""

    async def run() -> list[str]:
        arrived, answering = asyncio.Event(), how != "sending"

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            arrived.set()
            if not answering:
                await asyncio.sleep(5)
            writer.write(b"HTTP/1.1 204 X\r\n\r\n")

        async with listening(answer) as server:
            pipe = asyncio.subprocess.PIPE
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-c", CHILD, str(tmp_path), str(server.port), how, stdin=pipe, stdout=pipe, cwd=ROOT,
                env={"PYTHONPATH": str(ROOT / "tests"), "PATH": "/usr/bin:/bin"},
            )  # fmt: skip
            assert child.stdout is not None
            async with asyncio.timeout(60):
                while wait_for not in await child.stdout.readline():
                    assert child.returncode is None
                if how == "sending":
                    await arrived.wait()
            child.kill()
            await child.wait()
            answering = True
            made = config({"hook": hook(server)})
            one = center(tmp_path, made)
            assert one.unknown_at_start == ended.get("unknown", 0)
            one.step(BTC, step(breaks(9.8, 9.9)))  # the warm start sees the same rows again
            await one.drain()
            one.close()
            return [message["id"] for message in messages(server)]

    ids = asyncio.run(run())
    assert len(ids) == len(set(ids)) == sum(received)
    assert states(tmp_path) == {("hook", state): n for state, n in ended.items()}


def test_desktop_and_log_get_plain_words(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The escape corpus: terminal, HTML, template, log, spreadsheet and bidirectional tricks in a symbol."""
    corpus = [
        "\x1b[31mRED\x1b]0;title\x07", "\x9b2J", "<script>alert(1)</script>", "<img src=x onerror=y>", "{{7*7}}",
        "${jndi:ldap://x}",
        "%s%n%d", "{0.__class__}", "\u202eTDSU", "a\r\nforged line", "\u200bhidden", "=cmd|' /C calc'!A0", "--help",
        "@everyone",
        "\ud800",
    ]  # fmt: skip
    script = tmp_path / "notify"
    script.write_text('#!/bin/sh\nfor word in "$@"; do printf \'%s\\n\' "$word" >> "' + str(tmp_path) + '/said"; done\n')
    script.chmod(0o755)
    made = config({"desk": {"kind": "desktop", "command": str(script)}, "log": {"kind": "log"}})
    one = center(tmp_path, made)
    with caplog.at_level(logging.WARNING, logger="perpscope.alerts"):
        for k, word in enumerate(corpus):
            word = word.encode("utf-8", "replace").decode()
            one.tell(Alert(alert_id("r", "v", word, str(k)), "r", "k", "v", word, T0, f"words of {word}", {}, ("desk", "log")))
        asyncio.run(one.drain())
    one.close()
    said = (tmp_path / "said").read_text().splitlines()
    assert len(said) == 4 * len(corpus)  # four arguments each: no word became an argument or a line of its own
    assert {said[k] for k in range(1, len(said), 4)} == {"--"}
    lines = [record.getMessage() for record in caplog.records if record.name == "perpscope.alerts"]
    assert len(lines) == len(corpus)
    for text in [*said, *lines]:
        assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u202e\u200b" for c in text), text
    assert not any("<script" in text or "<img" in text for text in said)
    assert any("{{7*7}}" in text for text in lines)
    assert any("%s%n%d" in text for text in lines)
    assert not any("@everyone" in text for text in lines)


CANARY = "CANARYd41d8cd98f00b204"


def test_no_secret_shows_in_logs_files_errors_or_words(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shown: list[str] = []

    async def run() -> None:
        async with listening(b"HTTP/1.1 500 X\r\n\r\n") as bad, listening(b"") as silent:
            made = config(
                {
                    "a": {"kind": "webhook", "url": f"{bad.url}/{CANARY}?token={CANARY}", "allow": []},
                    "b": {"kind": "webhook", "url": f"{silent.url}/{CANARY}", "allow": []},
                    "c": {"kind": "apprise", "url": f"json://127.0.0.1:{bad.port}/{CANARY}"},
                },
                attempts=2,
            )
            one = center(tmp_path, made)
            one.step(BTC, step(breaks(9.9)))
            await one.drain()
            shown.extend((repr(made), str(made), repr(one.sinks), repr(vars(one)), repr([vars(s) for s in one.sinks.values()])))
            shown.extend(repr(told) for told in one.store.history())
            one.close()
            assert bad.hits == 2
            assert silent.hits == 1

    with caplog.at_level(logging.DEBUG):
        asyncio.run(run())
    bad_urls = (
        f"https://hooks.example.com:99999/{CANARY}", f"http://hooks.example.com/{CANARY}", f"https://10.0.0.1/{CANARY}",
        f"https://u:{CANARY}@x.example.com/", f"https://x.example.com/{CANARY} y", f"nothing {CANARY}", f"{CANARY}://x", f"ntfy://{CANARY}",
        f"gotify://host/{CANARY}", f"tgram://{CANARY}/1 2",
    )  # fmt: skip
    for url in bad_urls:
        for table_of in ({"kind": "webhook", "allow": []}, {"kind": "apprise"}):
            made = config({"a": {**table_of, "url": url}})
            with pytest.raises(UserError) as mistake:
                AlertCenter(made, tmp_path, lambda: T0)
            shown.append(str(mistake.value))
    shown.append(caplog.text)
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert CANARY.lower() not in " ".join(shown).lower()
    assert CANARY.encode() not in held


def test_apprise_delivers_and_takes_no_host_of_its_own(tmp_path: Path) -> None:
    from apprise.manager_plugins import NotificationManager

    from perpscope.alerts.secret import Secret
    from perpscope.alerts.sinks.service import SERVICES, ServiceSink

    for scheme in SERVICES:
        assert not any("{host" in pattern for pattern in NotificationManager()[scheme].templates), scheme
    for url in (
        "json://10.0.0.1/x",
        "ntfys://10.0.0.1/x",
        "mailto://u:p@host",
        "file:///etc/passwd",
        "syslog://",
        "dbus://",
        "tgram",
    ):
        with pytest.raises(UserError):
            ServiceSink(Secret(url))
    for url in ("json://10.0.0.1/x", "json://169.254.169.254/x", "json://u@10.0.0.1/"):
        with pytest.raises(UserError):
            ServiceSink(Secret(url), loopback=True)

    async def run() -> list[dict[str, Any]]:
        async with listening(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as server:
            made = config({"c": {"kind": "apprise", "url": f"json://127.0.0.1:{server.port}/"}})
            one = center(tmp_path, made)
            one.step(BTC, step(breaks(9.9)))
            await one.drain()
            one.close()
            return messages(server)

    (message,) = asyncio.run(run())
    assert "change of character up" in message["message"]
    assert states(tmp_path) == {("c", "delivered"): 1}


def test_rules_go_on_where_they_were_frozen(tmp_path: Path) -> None:
    rows = breaks(*(k / 4 for k in range(1, 20)))
    made = config_of(
        {"sink": {"l": {"kind": "log"}}, "rule": {"b": {"kind": "structure_break", "sinks": ["l"], "cooldown": "40m"}},
         "settings": {"max_age": "52w"}}
    )  # fmt: skip
    whole = center(tmp_path / "whole", made)
    expected = [alert.id for alert in whole.step(BTC, step(rows))]
    first, second = center(tmp_path / "a", made), center(tmp_path / "b", made)
    found = first.step(BTC, step(rows, until=2.0))
    second.thaw(first.freeze())
    found += second.step(BTC, step(rows, after=2.0))
    assert [alert.id for alert in found] == expected
    assert len(expected) == 7


def test_instruments_narrow_a_rule(tmp_path: Path) -> None:
    made = config_of(
        {"sink": {"l": {"kind": "log"}},
         "rule": {"b": {"kind": "structure_break", "sinks": ["l"], "instruments": ["okx:BTC-USDT-SWAP"]}}}
    )  # fmt: skip
    one = center(tmp_path, made)
    assert one.step(BTC, step(breaks(9.9)), Context()) == []
    assert len(one.step(Instrument("okx", "BTC-USDT-SWAP"), step(breaks(9.9)), Context())) == 1


def test_the_past_of_a_graph_teaches_the_rules_and_only_its_last_minutes_are_news(tmp_path: Path) -> None:
    """At ten: a break at two is no news, one at 9.9 is, unless it was told before the process went down."""
    made = config({"l": {"kind": "log"}})
    one = center(tmp_path, made)
    past = breaks(2.0, 9.9)
    assert [alert.ts for alert in one.catch_up(BTC, past, T0 + 10 * HOUR)] == [T0 + int(9.9 * HOUR)]
    assert one.store.counts() == {("l", "queued"): 1}
    one.close()
    again = center(tmp_path, made)
    assert again.catch_up(BTC, past, T0 + 10 * HOUR) == []
    again.close()


def test_two_graphs_of_one_instrument_are_not_mixed_up(tmp_path: Path) -> None:
    one = center(tmp_path, config({"l": {"kind": "log"}}))
    (rows,) = breaks(9.9).values()
    found = [alert for frame in ("1h", "5m", "1h") for alert in one.step(BTC, step({f"breaks@{frame}": rows}))]
    assert len(found) == 2  # one a frame; the third is the first again
    one.close()


def test_finding_and_delivering_from_two_threads_loses_and_repeats_nothing(tmp_path: Path) -> None:
    class Counting:
        def __init__(self) -> None:
            self.taken: list[str] = []
            self.all = asyncio.Event()

        def problem(self) -> str:
            return ""

        async def send(self, alert: Alert) -> Outcome:
            self.taken.append(alert.id)
            if len(self.taken) == 300:
                self.all.set()
            return Outcome(Ending.DELIVERED)

    async def run() -> list[str]:
        counting = Counting()
        one = center(tmp_path, config({"l": {"kind": "log"}}), sinks={"l": counting})
        task = asyncio.create_task(one.deliver())

        def find() -> None:
            for k in range(300):
                one.step(BTC, step(breaks(9.76 + k / 10_000)))

        await asyncio.to_thread(find)
        await asyncio.wait_for(counting.all.wait(), 30)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        one.close()
        return counting.taken

    taken = asyncio.run(run())
    assert len(taken) == len(set(taken)) == 300
    assert states(tmp_path) == {("l", "delivered"): 300}
