"""`perpscope features`: list, describe, run."""

from __future__ import annotations

import inspect
import json as json_
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from perpscope.cli.options import AsJson, FrameName, LakeDir, VenueName
from perpscope.core.errors import UserError

app = typer.Typer(
    help="The features: list them, describe one, run some over your data.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
def list_(json: AsJson = False) -> None:
    """Every feature with its inputs and the shape it is drawn in."""
    from perpscope.engine.catalogue import all_folds

    rows = [
        {"name": n, "title": c.spec.title, "inputs": list(c.spec.inputs), "shape": c.spec.shape, "pane": c.spec.pane}
        for n, c in all_folds().items()
    ]
    if json:
        print(json_.dumps(rows, indent=1))
        return
    for row in rows:
        print(f"{row['name']:26s} {row['shape']:10s} {row['title']}")


@app.command()
def describe(name: Annotated[str, typer.Argument(help="Feature name.")], json: AsJson = False) -> None:
    """Definition, parameters, inputs and columns of one feature."""
    from perpscope.engine.catalogue import fold_class

    cls = fold_class(name)
    params = {f.name: getattr(cls.Params(), f.name) for f in fields(cls.Params)}
    columns = [{"name": c.name, "unit": c.unit, "help": c.help} for c in cls.spec.output.columns]
    if json:
        shown = {"name": name, "inputs": list(cls.spec.inputs), "params": params, "columns": columns, "exempt": cls.exempt}
        print(
            json_.dumps({**shown, "source": cls.spec.source, "doc": inspect.cleandoc(cls.__doc__ or "")}, indent=1, default=str)
        )
        return
    print(f"{name}: {cls.spec.title}\n\n{inspect.cleandoc(cls.__doc__ or '')}\n")
    print(f"Inputs: {', '.join(cls.spec.inputs)}\nSource: {cls.spec.source}")
    print("Parameters: " + (", ".join(f"{k} = {v!r}" for k, v in params.items()) or "none"))
    print("Columns:")
    for column in columns:
        print(f"  {column['name']:24s} {column['unit']:10s} {column['help']}")
    for law, reason in cls.exempt.items():
        print(f"Exempt from the {law} law: {reason}")


@app.command()
def run(
    symbol: Annotated[str, typer.Argument(help="The venue's spelling, such as BTCUSDT.")],
    names: Annotated[list[str], typer.Argument(help="Features, each optionally at a frame: swings average_stack@4h.")],
    lake: LakeDir,
    venue: VenueName = "binance",
    timeframe: FrameName = "1h",
    start: Annotated[str | None, typer.Option("--from", help="First time; default: the beginning.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Last time; default: the end.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A parameter: swings.left=3.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for one Parquet file a feature.")] = None,
    json: AsJson = False,
) -> None:
    """Run features over the lake; print the last rows, or write all of them as Parquet."""
    from perpscope import api

    frames = api.run_features(
        lake, symbol, names, venue=venue, timeframe=timeframe, start=start, end=end, settings=_settings(set_ or [])
    )
    for key, frame in frames.items():
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            path = out / f"{key.replace('@', '-')}.parquet"
            frame.write_parquet(path)
            print(f"wrote {path} ({frame.height} rows)")
        elif json:
            print(frame.write_ndjson(), end="")
        else:
            print(f"{key}: {frame.height} rows\n{frame.tail(10)}")


def _settings(pairs: list[str]) -> dict[str, dict[str, Any]]:
    settings: dict[str, dict[str, Any]] = {}
    for pair in pairs:
        path, equals, value = pair.partition("=")
        name, dot, parameter = path.partition(".")
        if not equals or not dot:
            raise UserError(f"'{pair}' sets nothing. Write feature.parameter=value, such as --set swings.left=3.")
        try:
            settings.setdefault(name, {})[parameter] = json_.loads(value)
        except json_.JSONDecodeError:
            settings.setdefault(name, {})[parameter] = value
    return settings
