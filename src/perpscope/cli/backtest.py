"""`perpscope backtest`: setups over history, through risk and a simulated account, beside their yardsticks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perpscope.cli.options import AsJson, LakeDir, OutDir, progress_bar


def backtest(
    config: Annotated[Path, typer.Argument(help="TOML file; see docs/definitions/backtest.md.", show_default=False)],
    lake: LakeDir,
    out: OutDir = Path("out/backtest"),
    json: AsJson = False,
) -> None:
    """Trade setups over history and say what it was worth, after every cost and beside doing nothing clever."""
    from rich.console import Console

    from perpscope import api
    from perpscope.report.backtest import print_backtest, write_backtest

    with progress_bar(quiet=json) as progress:
        result = api.run_backtest(lake, read_config(config), progress=progress)
        written = write_backtest(result, out)
    if json:
        print((out / "backtest.json").read_text(encoding="utf-8"), end="")
        return
    console = Console()
    print_backtest(result, console)
    for path in written:
        console.print(f"wrote {path}", highlight=False)


def read_config(path: Path) -> dict[str, object]:
    """The tables of a TOML file.

    Raises:
        UserError: if there is no such file, or it is no TOML.
    """
    import tomllib

    from perpscope.core.errors import UserError

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"There is no file {path}. Write one as shown in docs/definitions/backtest.md.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise UserError(f"{path} is no TOML file: {fault}.") from None
