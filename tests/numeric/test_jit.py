"""The cache of compiled kernels, tried on a small package written by the test and run in fresh processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from perpscope.contract import kernels as contract_kernels
from perpscope.features.liquidation import advance
from perpscope.numeric.jit import Kernel, sources

CALLEE = "from perpscope.numeric.jit import njit\n@njit\ndef twice(x):\n    return {factor} * x\n"
CALLER = "from callee import twice\nfrom perpscope.numeric.jit import njit\n@njit\ndef run(x):\n    return twice(x) + 1.0\n"


def outcome(folder: Path, **environment: str) -> float:
    code = "import caller; print(caller.run(10.0))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), **environment},
    )
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def test_a_change_in_a_kernel_of_another_file_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "caller.py").write_text(CALLER)
    (tmp_path / "callee.py").write_text(CALLEE.format(factor="2.0"))
    assert outcome(tmp_path) == 21.0
    (tmp_path / "callee.py").write_text(CALLEE.format(factor="3.0"))
    assert outcome(tmp_path) == 31.0
    (tmp_path / "callee.py").write_text(CALLEE.format(factor="2.0"))
    assert outcome(tmp_path) == 21.0


def test_the_sources_of_a_kernel_reach_through_modules_and_kernels() -> None:
    found = {
        Path(path).name
        for name in dir(advance)
        if isinstance(kernel := getattr(advance, name), Kernel)
        for path in sources(kernel)
    }
    assert "advance.py" in found
    own = {Path(p).name for p in sources(contract_kernels.liquidation_price)}
    assert own == {"kernels.py"}


def test_kernels_run_as_plain_python_when_compilation_is_off(tmp_path: Path) -> None:
    (tmp_path / "caller.py").write_text(CALLER)
    (tmp_path / "callee.py").write_text(CALLEE.format(factor="2.0"))
    code = (
        "import sys\nfrom perpscope.numeric import jit\njit.disable()\nimport caller\n"
        "assert caller.run(10.0) == 21.0\nassert 'numba' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["liquidation_price", "bankruptcy_price"])
def test_a_kernel_keeps_its_name_and_its_python_form(name: str) -> None:
    kernel = getattr(contract_kernels, name)
    assert kernel.__name__ == name
    assert callable(kernel.python)
