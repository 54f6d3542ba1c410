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
    separately: Annotated[
        bool, typer.Option("--separately", help="Each setup on each symbol in a wallet of its own; writes a table.")
    ] = False,
    ledger: Annotated[
        Path | None, typer.Option("--ledger", help="Trial ledger; default: trials.jsonl beside the lake's catalogue.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Trade setups over history and say what it was worth, after every cost and beside doing nothing clever."""
    from rich.console import Console

    from perpscope import api

    if separately:
        _compare(config, lake, out, ledger, json)
        return
    import time

    from perpscope.report.backtest import print_backtest, write_backtest
    from perpscope.research.trials import Ledger
    from perpscope.research.trials.backtests import count

    with progress_bar(quiet=json) as progress:
        result = api.run_backtest(lake, read_config(config), progress=progress)
        written = write_backtest(result, out)
    count(Ledger(ledger or lake / "trials.jsonl"), [result], time.time_ns())
    if json:
        print((out / "backtest.json").read_text(encoding="utf-8"), end="")
        return
    console = Console()
    print_backtest(result, console)
    for path in written:
        console.print(f"wrote {path}", highlight=False)


def _compare(config: Path, lake: Path, out: Path, ledger: Path | None, json: bool) -> None:
    """Setups side by side: `setups.md`, `setups.json`, and the table on the terminal."""
    import time

    from perpscope.api import open_lake
    from perpscope.backtest.config import config_of
    from perpscope.backtest.separately import run_separately
    from perpscope.report.backtest.comparison import comparison_json, markdown
    from perpscope.report.files import write_files
    from perpscope.research.trials import Ledger
    from perpscope.research.trials.backtests import count

    with progress_bar(quiet=json) as progress:
        rows = list(run_separately(open_lake(lake), config_of(read_config(config)), progress))
    count(Ledger(ledger or lake / "trials.jsonl"), [row.result for row in rows if row.result is not None], time.time_ns())
    contents = {"setups.md": markdown(rows).encode("utf-8"), "setups.json": comparison_json(rows)}
    written = write_files(out, contents, "The comparison")
    if json:
        print((out / "setups.json").read_text(encoding="utf-8"), end="")
        return
    print(markdown(rows), end="")
    for path in written:
        print(f"wrote {path}")


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
