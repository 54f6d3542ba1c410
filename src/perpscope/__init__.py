"""Where leverage breaks, who is pushing, and what it has been worth.

The public interface is small: `open_lake`, `run_features`, `make_report`, `run_backtest`, `check_feature`, loaded on first use.
"""

import importlib
from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "check_feature", "make_report", "open_lake", "run_backtest", "run_features"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module("perpscope.api"), name)
    raise AttributeError(f"module 'perpscope' has no attribute '{name}'")
