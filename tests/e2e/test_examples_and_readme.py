"""The README's commands and the programs in examples/ are run, so that they cannot rot."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.conftest import Run

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line]
OURS = [line for line in COMMANDS if line.startswith("perpscope ")]


@pytest.fixture(scope="module")
def workplace(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder laid out as the README assumes: recordings/ with the user's files."""
    place = tmp_path_factory.mktemp("readme")
    recordings = place / "recordings"
    (recordings / "coinalyze").mkdir(parents=True)
    bars = shared_data / "bars"
    (recordings / "BTCUSDT-1h.parquet").symlink_to(bars / "binance_perp" / "1h" / "BTCUSDT.parquet")
    (recordings / "BTCUSDT-funding.parquet").symlink_to(bars / "binance_funding" / "BTCUSDT.parquet")
    (place / "examples").symlink_to(ROOT / "examples")
    for path in sorted((bars / "coinalyze" / "1h").glob("BTCUSDT_*.parquet")):
        (recordings / "coinalyze" / path.name).symlink_to(path)
    return place


def test_the_commands_of_the_readme_work_in_order(perpscope: Run, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace)
    assert len(OURS) >= 9
    for line in OURS:
        perpscope(*shlex.split(line)[1:])
    assert (workplace / "out" / "report" / "report.png").stat().st_size > 100_000
    for program in sorted((ROOT / "examples").glob("*.py")):
        done = subprocess.run(
            [sys.executable, program, "lake", "BTCUSDT"],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            cwd=workplace,
        )
        assert done.returncode == 0, f"{program.name}: {done.stderr}"
        assert len(done.stdout.splitlines()) >= 2


def test_the_python_of_the_readme_works(perpscope: Run, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace)
    perpscope(*shlex.split(OURS[0])[1:])
    for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr


def test_the_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in COMMANDS:
        if line.startswith("make "):
            assert re.search(rf"^{line.split()[1]}:", makefile, re.MULTILINE), line


def test_every_link_in_the_readme_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", README):
        assert (ROOT / target).exists(), target
