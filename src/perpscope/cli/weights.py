"""`perpscope weights`: learn the weights of the confluence walk-forward, and show what a file of them holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perpscope.cli.options import AsJson, FrameName, LakeDir, VenueName, progress_bar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perpscope.setups.weights import Weights

LEAST_SKILL = 0.01
"""Part of the base rate's Brier score that forecasts must save before anything is said in their favour."""

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="Dated weights of the confluence.")


@app.command("learn")
def learn(
    symbol: Annotated[str, typer.Argument(help="The venue's spelling, such as BTCUSDT.")],
    lake: LakeDir,
    out: Annotated[Path, typer.Option("--out", help="File to write the schedule to.", show_default=False)],
    start: Annotated[str, typer.Option("--start", help="First day that is learned from.", show_default=False)],
    end: Annotated[str, typer.Option("--end", help="When the last weights come into force.", show_default=False)],
    venue: VenueName = "binance",
    timeframe: FrameName = "1h",
    horizon: Annotated[int, typer.Option("--horizon", help="Bars ahead at which the close is judged.")] = 24,
    first: Annotated[str, typer.Option("--first", help="What is learned from before the first weights.")] = "180d",
    every: Annotated[str, typer.Option("--every", help="How often weights are estimated anew.")] = "30d",
    train: Annotated[str, typer.Option("--train", help="Learn from this span only, such as 365d; empty: from all.")] = "",
    method: Annotated[str, typer.Option("--method", help="ridge: a weight for each line; equal: one for their sum.")] = "ridge",
    ridge: Annotated[float, typer.Option("--ridge", help="How strongly weights are shrunk.")] = 10.0,
    json: AsJson = False,
) -> None:
    """Learn weights walk-forward: each from outcomes that were settled before it came into force, each stored with its date."""
    from perpscope.backtest.weights import Learning, learn_from
    from perpscope.lake import Lake
    from perpscope.setups.schedule import write_schedule

    wanted = Learning(
        venue, symbol, start, end, timeframe=timeframe, horizon=horizon, first=first, every=every, train=train, method=method,
        ridge=ridge,
    )  # fmt: skip
    with progress_bar(quiet=json) as progress:
        made = learn_from(Lake(lake), wanted, progress)
    written = write_schedule(made, out)
    _tell(made, json)
    if not json:
        print(f"wrote {written}")


@app.command("show")
def show(
    path: Annotated[Path, typer.Argument(help="A file of weights, or a folder of them.", show_default=False)],
    json: AsJson = False,
) -> None:
    """What a file of weights holds: since when each is in force, learned from what, and how its forecasts came true."""
    from perpscope.setups.schedule import read_schedule

    _tell(read_schedule(path), json)


def _tell(found: Sequence[Weights], json: bool) -> None:
    from perpscope.core.time import format_ts

    if json:
        import msgspec

        print(msgspec.json.format(msgspec.json.encode(found), indent=1).decode())
        return
    for one in found:
        parts = "  ".join(f"{name} {weight:+.2f}" for name, weight in zip(one.factors, one.weights, strict=True))
        print(f"{format_ts(one.effective_ts)}  base {one.base:+.2f}  {parts}")
        judged = "no forecasts were judged yet, so no probability is told"
        if (c := one.calibration) is not None:
            judged = f"{c.rows:,} forecasts judged: Brier score {c.brier:.4f} against {c.brier_base:.4f} for the base rate"
        print(f"    learned from {one.rows:,} bars ({one.independent:,} without overlap) by {one.method}; {judged}")
    last = found[-1].calibration
    if last is not None and last.brier < (1.0 - LEAST_SKILL) * last.brier_base:
        print("The forecasts beat the base rate over what they were calibrated on; that is no proof of profit after costs.")
    else:
        print("Nothing here beats the base rate by 1 %: equal weights, or none, are the honest choice.")
