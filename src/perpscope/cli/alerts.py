"""`perpscope alerts`: check, test, history, backtest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from perpscope.cli.options import AsJson, FrameName, LakeDir, VenueName, progress_bar
from perpscope.core.errors import UserError

app = typer.Typer(
    help="Alerts: check a file of rules and sinks, test a sink, list what was told and what would have been.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

RulesFile = Annotated[Path, typer.Argument(help="TOML file of rules and sinks.", show_default=False)]
Loopback = Annotated[
    bool, typer.Option("--loopback", help="Let webhooks call this machine, by http too, and nothing else: for tests.")
]


@app.command()
def check(file: RulesFile, loopback: Loopback = False, json: AsJson = False) -> None:
    """Read the file to the last word: rules, parameters, sinks, addresses. Nothing is sent or resolved."""
    import json as json_

    from perpscope.alerts.center import build_sinks
    from perpscope.alerts.config import read_config

    config = read_config(file)
    sinks = build_sinks(config, set(config.sinks), loopback)
    problems = {name: problem for name, sink in sinks.items() if (problem := sink.problem())}
    if json:
        rules = [
            {"name": w.name, "kind": w.rule.kind, "sinks": list(w.sinks), "nodes": list(w.rule.nodes())} for w in config.rules
        ]
        shown = {name: {"kind": config.sinks[name].kind, "problem": problems.get(name, "")} for name in sinks}
        print(json_.dumps({"rules": rules, "sinks": shown}, indent=1))
    else:
        for w in config.rules:
            print(f"rule {w.name:20s} {w.rule.title}; cooldown {w.rule.cooldown}; tells {', '.join(w.sinks)}")
        for name in sinks:
            print(f"sink {name:20s} {config.sinks[name].kind}" + (f"; {problems[name]}" if name in problems else ""))
    if problems:
        raise typer.Exit(1)


@app.command("test")
def try_sink(
    file: RulesFile,
    sink: Annotated[str, typer.Option("--sink", help="Name of the sink in the file.", show_default=False)],
    loopback: Loopback = False,
) -> None:
    """Send one test message to one sink, and say how it ended."""
    import asyncio
    import logging
    import time

    from perpscope.alerts.alert import Alert, alert_id
    from perpscope.alerts.center import build_sinks
    from perpscope.alerts.config import read_config
    from perpscope.alerts.sinks.base import Ending
    from perpscope.core.errors import unknown_name

    config = read_config(file)
    if sink not in config.sinks:
        raise unknown_name("sink", sink, config.sinks)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    now = time.time_ns()
    words = "this is a test of an alert sink; nothing happened in any market"
    message = Alert(alert_id("test", "test", "test", str(now)), "test", "test", "test", "test", now, words, {}, (sink,))
    outcome = asyncio.run(build_sinks(config, {sink}, loopback)[sink].send(message))
    print(f"{sink}: {outcome.ending.name.lower()}" + (f" ({outcome.note})" if outcome.note else ""))
    if outcome.ending is not Ending.DELIVERED:
        raise typer.Exit(1)


@app.command()
def history(
    folder: Annotated[Path, typer.Argument(help="Folder with alerts.db, as given to the live loop.", show_default=False)],
    limit: Annotated[int, typer.Option("--limit", help="How many of the youngest alerts.")] = 50,
    json: AsJson = False,
) -> None:
    """What was told, to whom, and what is not known to have arrived."""
    import json as json_

    from perpscope.alerts.store import AlertStore
    from perpscope.alerts.text import plain
    from perpscope.core.time import format_ts

    if limit < 1:
        raise UserError("--limit is at least 1.")
    store = AlertStore(folder, read_only=True)
    told = store.history(limit)
    if json:
        rows: list[dict[str, Any]] = [
            {
                "id": t.alert.id, "time": format_ts(t.alert.ts), "rule": t.alert.rule, "venue": t.alert.venue,
                "symbol": t.alert.symbol, "sentence": t.alert.sentence, "facts": dict(t.alert.facts), "sink": t.sink,
                "state": t.state, "attempts": t.attempts, "note": t.note,
            }
            for t in told
        ]  # fmt: skip
        print(json_.dumps(rows, indent=1))
        return
    for t in told:
        note = f" ({t.note})" if t.note else ""
        print(f"{format_ts(t.alert.ts)}  {t.sink} {t.state}{note}  {plain(t.alert.rule)}: {plain(t.alert.sentence)}")
    for (sink, state), n in store.counts().items():
        print(f"{sink}: {n} {state}")


@app.command()
def backtest(
    symbol: Annotated[str, typer.Argument(help="The venue's spelling, such as BTCUSDT.")],
    rules: Annotated[Path, typer.Option("--rules", help="TOML file of rules and sinks; nothing is sent.", show_default=False)],
    lake: LakeDir,
    start: Annotated[str, typer.Option("--from", help="First moment, such as 2024-08-01.", show_default=False)],
    end: Annotated[str, typer.Option("--to", help="Last moment; nothing later is used.", show_default=False)],
    venue: VenueName = "binance",
    timeframe: FrameName = "1h",
    limit: Annotated[int, typer.Option("--limit", help="How many alerts to print, the youngest.")] = 20,
    json: AsJson = False,
) -> None:
    """Run the rules over recorded history and list what they would have told."""
    import json as json_
    from collections import Counter

    from perpscope import api
    from perpscope.alerts.config import read_config
    from perpscope.alerts.history import would_have_told
    from perpscope.core.time import format_ts, parse_ts

    config = read_config(rules)
    with progress_bar(quiet=json) as progress:
        would = would_have_told(api.open_lake(lake), config, venue, symbol, timeframe, parse_ts(start), parse_ts(end), progress)
    counts = Counter(alert.rule for alert in would.alerts)
    if json:
        rows = [
            {"time": format_ts(a.ts), "rule": a.rule, "kind": a.kind, "sentence": a.sentence, "facts": _known(a.facts)}
            for a in would.alerts
        ]
        print(json_.dumps({"alerts": rows, "counts": counts, "held_back": would.held_back, "refused": would.refused}, indent=1))
        return
    for alert in would.alerts[-limit:] if limit > 0 else ():
        print(f"{format_ts(alert.ts)}  {alert.rule}: {alert.sentence}")
    for watching in config.rules:
        name = watching.name
        if name in would.refused:
            print(f"{name}: could not look: {would.refused[name]}")
        else:
            print(f"{name}: {counts[name]} alerts, {would.held_back[name]} more held back by the cooldown")


def _known(facts: Any) -> dict[str, Any]:
    """Facts for JSON, which has no NaN."""
    return {key: None if value != value else value for key, value in facts.items()}
