"""A backtest as files and words: the picture, the tables, every row as Parquet."""

from perpscope.report.backtest.terminal import print_backtest
from perpscope.report.backtest.write import write_backtest

__all__ = ["print_backtest", "write_backtest"]
