"""Rules of the house that no other tool checks."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "perpscope"
FILES = sorted(SOURCE.rglob("*.py"))
REAL_TIME = {"cli", "live", "web", "replay", "alerts", "transport"}
"""Floors that exist to meet the clock on the wall; everything below is a function of its data."""
CLOCKS = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "date.today", "os.environ", "os.getenv"}


def dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


@pytest.mark.parametrize(
    "path", [p for p in FILES if not REAL_TIME & set(p.relative_to(SOURCE).parts)], ids=lambda p: str(p.relative_to(SOURCE))
)
def test_no_clock_environment_or_pickle_below_the_command_line(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Attribute, ast.Name)):
            assert dotted(node) not in CLOCKS, f"line {node.lineno} reads {dotted(node)}"
        if isinstance(node, ast.Import):
            assert all(alias.name not in ("pickle", "shelve", "marshal") for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_no_kitchen_drawers(path: Path) -> None:
    assert path.stem not in {"utils", "util", "helpers", "helper", "misc", "common", "manager"}


def test_help_does_not_load_what_it_does_not_need() -> None:
    import subprocess
    import sys

    code = "import sys; from perpscope.cli.app import run; run(['--help']); print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not loaded & {"numpy", "numba", "polars", "duckdb", "matplotlib", "scipy"}
