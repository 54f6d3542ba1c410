"""The commands, wired together."""

from __future__ import annotations

import gc
import os
import sys

import typer

from perpscope.cli import (
    alerts,
    backtest,
    check,
    demo,
    doctor,
    drift,
    evidence,
    features,
    fetch,
    flow,
    imports,
    lake,
    liquidations,
    live,
    metrics,
    monitor,
    mtf,
    record,
    replay,
    report,
    serve,
    sessions,
    size,
    structure,
    sweep,
    weights,
)
from perpscope.core.errors import DataError, UserError

app = typer.Typer(
    name="perpscope",
    help="Where leverage breaks, who is pushing, and what it has been worth. Perpetual-futures analysis without look-ahead.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("import")(imports.import_)
app.command("fetch")(fetch.fetch)
app.command("catalog")(imports.catalog)
app.add_typer(lake.app, name="lake")
app.command("report")(report.report)
app.command("flow")(flow.flow)
app.command("mtf")(mtf.mtf)
app.command("metrics")(metrics.metrics)
app.command("sessions")(sessions.sessions)
app.command("structure")(structure.structure)
app.command("serve")(serve.serve)
app.command("size")(size.size)
app.add_typer(features.app, name="features")
app.add_typer(liquidations.app, name="liquidations")
app.add_typer(alerts.app, name="alerts")
app.command("backtest")(backtest.backtest)
app.command("sweep")(sweep.sweep)
app.add_typer(weights.app, name="weights")
app.command("evidence")(evidence.evidence)
app.command("drift")(drift.drift)
app.command("monitor")(monitor.monitor)
app.command("check")(check.check)
app.command("doctor")(doctor.doctor)
app.command("record")(record.record)
app.command("live")(live.live)
app.command("replay")(replay.replay)


def run(arguments: list[str]) -> int:
    """Run one command and return the exit code: 0 done, 1 a finding (check, doctor), 2 a mistake, 130 interrupted."""
    if os.environ.get("PERPSCOPE_JIT") == "0":
        from perpscope.numeric import jit

        jit.disable()
    # a command lives for seconds and holds arrays: collecting garbage at the usual pace costs 5 % of it
    gc.set_threshold(100_000, 20, 100)
    try:
        app(arguments)
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 0
    except (UserError, DataError) as mistake:
        print(f"perpscope: {mistake}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("perpscope: interrupted; what was finished is kept, run the same command again to go on.", file=sys.stderr)
        return 130
    return 0
