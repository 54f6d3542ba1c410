"""`perpscope size`: how much, at which leverage, and what it costs - before the order is sent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perpscope.cli.options import AsJson, VenueName

if TYPE_CHECKING:
    from perpscope.risk.plan import Plan
    from perpscope.risk.stops import Cluster
    from perpscope.risk.wish import RiskLimits


def size(
    entry: Annotated[float, typer.Option(help="Price you expect to get in at.", show_default=False)],
    stop: Annotated[float, typer.Option(help="Price you get out at when you are wrong.", show_default=False)],
    equity: Annotated[float, typer.Option(help="What the account is worth, in its coin.", show_default=False)],
    target: Annotated[float | None, typer.Option(help="Price you get out at when you are right.")] = None,
    side: Annotated[str | None, typer.Option(help="long or short; default: what the stop says.")] = None,
    symbol: Annotated[str, typer.Option(help="The venue's spelling; its risk tiers are used.")] = "BTCUSDT",
    venue: VenueName = "binance",
    risk: Annotated[float, typer.Option(help="Share of equity lost at the stop: 0.005 is 0.5%.")] = 0.005,
    max_leverage: Annotated[float, typer.Option("--max-leverage", help="Your own cap on leverage.")] = 20.0,
    hold: Annotated[str, typer.Option(help="Holding time for funding, such as 8h or 3d.")] = "1d",
    funding_rate: Annotated[
        float | None, typer.Option("--funding-rate", help="Per 8 h; default: the last settled in the lake, else 0.0001.")
    ] = None,
    taker_fee: Annotated[float, typer.Option("--taker-fee", help="Fraction: 0.0005 is 0.05%.")] = 0.0005,
    maker_fee: Annotated[float, typer.Option("--maker-fee", help="Fraction, for the target.")] = 0.0002,
    slippage_bps: Annotated[float, typer.Option("--slippage-bps", help="Slippage of a market order.")] = 1.0,
    tick: Annotated[float, typer.Option(help="Price step of the contract.")] = 0.1,
    lot: Annotated[float, typer.Option(help="Quantity step of the contract.")] = 0.001,
    at: Annotated[str | None, typer.Option(help="Date of tiers and lake; default: the end of the lake.")] = None,
    lake: Annotated[Path | None, typer.Option("--lake", help="Lake for estimated liquidation clusters and funding.")] = None,
    clusters: Annotated[bool, typer.Option("--avoid-clusters", help="Move stop and target by them (a hypothesis).")] = False,
    setup: Annotated[str | None, typer.Option("--setup", help="Setup whose verdict decides how much is allowed.")] = None,
    verdicts: Annotated[Path | None, typer.Option("--verdicts", help="Folder that perpscope evidence wrote.")] = None,
    json: AsJson = False,
) -> None:
    """Size a trade by its stop: quantity, leverage, liquidation price, fees, funding, R after costs - or why not."""
    import math
    import time

    from perpscope.account import Slippage, Terms
    from perpscope.core.errors import UserError, unknown_name
    from perpscope.core.instrument import Instrument
    from perpscope.core.time import parse_span, parse_ts
    from perpscope.core.units import PositionSide
    from perpscope.risk.plan import intervals, plan_trade, told
    from perpscope.risk.wish import Refused, RiskLimits, Wish

    if side is not None and side not in ("long", "short"):
        raise unknown_name("side", side, ("long", "short"))
    if not equity > 0.0 or math.isinf(equity):
        raise UserError("Equity must be above zero: give what the account is worth, such as --equity 10000.")
    chosen = PositionSide[(side or ("long" if stop < entry else "short")).upper()]
    if clusters and lake is None:
        raise UserError("Clusters come from data: give the lake with --lake.")
    if (setup is None) != (verdicts is None) or (setup is not None and lake is None):
        raise UserError("A size by evidence needs all three: --setup NAME, --verdicts DIR and --lake DIR.")
    seen: tuple[Cluster, ...] = ()
    moment = None if at is None else parse_ts(at)
    last_rate = math.nan
    if lake is not None:
        seen, last_rate, moment = _market(lake, venue, symbol, moment)
    rate = funding_rate if funding_rate is not None else last_rate if last_rate == last_rate else 0.0001
    instrument = Instrument(venue, symbol, tick_size=tick, lot_size=lot)
    terms = Terms(instrument, maker_fee=maker_fee, taker_fee=taker_fee, slippage=Slippage(bps=slippage_bps))
    wish = Wish(
        chosen,
        entry,
        stop,
        math.nan if target is None else target,
        decided_ts=moment if moment is not None else time.time_ns(),
        funding_rate=rate,
        funding_intervals=intervals(parse_span(hold)),
        clusters=seen,
    )
    limits = RiskLimits(risk_fraction=risk, combined_risk=max(risk, 0.02), max_leverage=max_leverage, clusters=clusters)
    words: tuple[str, ...] = ()
    if setup is not None and verdicts is not None and lake is not None and moment is not None:
        limits, words = _by_evidence(limits, verdicts, setup, lake, venue, symbol, moment)
    answer = plan_trade(wish, terms, equity, limits)
    if isinstance(answer, Refused):
        raise UserError(f"Refused ({answer.reason}): {answer.sentence}")
    if json:
        _print_json(answer)
        return
    coin = "USDT" if symbol.endswith("USDT") else "of the settlement coin"
    print("\n".join([*told(answer, terms, coin), *words]))


def _market(lake: Path, venue: str, symbol: str, at: int | None) -> tuple[tuple[Cluster, ...], float, int]:
    """What the lake knew at a moment: live clusters, the last settled funding rate, the moment itself."""
    from perpscope.core.errors import UserError
    from perpscope.core.time import DAY, format_ts
    from perpscope.engine.graph import Graph
    from perpscope.engine.loop import collect
    from perpscope.features.liquidation.tracking import OVER
    from perpscope.lake import Lake
    from perpscope.risk.plan import live_clusters

    opened = Lake(lake)
    last = max(opened.span(venue, symbol, stream)[1] for stream in opened.streams(venue, symbol))
    moment = last if at is None else at
    if moment > last:
        raise UserError(f"The data of {venue} {symbol} ends {format_ts(last)}; choose an earlier time with --at.")
    source = opened.source(venue, symbol, start=moment - 60 * DAY, end=moment)
    graph = Graph(source.instrument, ["liquidation_clusters"], source.offered, "1h")
    rows = collect(graph, source)[graph.require("liquidation_clusters")]
    found = live_clusters(list(rows.rows()), frozenset(event.name.lower() for event in OVER), moment)
    rate = float("nan")
    if "funding" in opened.streams(venue, symbol):
        for batch in opened.source(venue, symbol, ["funding"], start=moment - 3 * DAY, end=moment):
            if len(batch["funding"]):
                rate = float(batch["funding"]["funding_rate"][-1])
    return found, rate, moment


def _by_evidence(
    limits: RiskLimits, verdicts: Path, setup: str, lake: Path, venue: str, symbol: str, at: int
) -> tuple[RiskLimits, tuple[str, ...]]:
    """The limits that the setup's verdict leaves, and why.

    Raises:
        UserError: if the verdict allows no size.
    """
    from dataclasses import replace

    from perpscope.core.errors import UserError
    from perpscope.core.time import DAY
    from perpscope.lake import Lake
    from perpscope.research.evidence.acting import allowance

    source = Lake(lake).source(venue, symbol, start=at - 60 * DAY, end=at)
    allowed = allowance(verdicts, setup, source, at)
    if not allowed.exposure > 0.0:
        raise UserError(f"Refused (evidence): {allowed.words[0]} Leave --setup out to size it as an experiment of your own.")
    risk = limits.risk_fraction * allowed.shrink
    most = min(limits.max_leverage, max(1.0, allowed.exposure))
    return replace(limits, risk_fraction=risk, max_exposure=allowed.exposure, max_leverage=most), allowed.words


def _print_json(plan: Plan) -> None:
    import math

    import msgspec

    a = plan.approved
    shown = {
        "side": a.wish.side.name.lower(),
        "quantity": a.quantity,
        "notional": plan.notional,
        "limited_by": str(a.size.bound),
        "leverage": a.leverage,
        "margin": plan.margin,
        "liquidation_price": a.choice.liquidation_price,
        "stop": a.stop,
        "stop_to_liquidation": plan.stop_to_liquidation,
        "target": a.target,
        "loss_at_stop": a.risk,
        "fees": plan.fees,
        "slippage": plan.slippage,
        "funding": plan.funding,
        "gain_at_target": plan.gain,
        "risk_multiple": a.reward,
        "cluster_below": plan.cluster_below,
        "cluster_above": plan.cluster_above,
        "stop_in_cluster": plan.stop_in_cluster,
    }
    plain = {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in shown.items()}
    print(msgspec.json.format(msgspec.json.encode(plain), indent=2).decode())
