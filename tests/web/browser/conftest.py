"""One chromium and one server for all tests of the page. Where either cannot be had the tests are skipped, saying why."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from perpscope.web.files import STATIC
from perpscope.web.serve import Serving, serving

from ..conftest import running, until

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MISSING = (
    "The page is not built: make ui"
    if not (STATIC / "index.html").is_file()
    else "The tests of the page need chromium: apt-get install chromium"
    if CHROMIUM is None
    else ""
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if MISSING and item.path.parent == here and item.path.name != "test_units.py":
            item.add_marker(pytest.mark.skip(reason=MISSING))


@contextmanager
def on_port(lake: Path, port: int) -> Iterator[None]:
    """A server that comes back at the address of one that died."""
    ready = serving(lake, port=port)
    thread = threading.Thread(target=ready.run, daemon=True)
    thread.start()
    until(lambda: ready.uvicorn.started)
    yield
    ready.uvicorn.should_exit = True
    thread.join(10.0)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="package")
def site(lake_dir: Path) -> Iterator[Serving]:
    with running(lake_dir) as ready:
        yield ready


@pytest.fixture
def page(browser: Browser, site: Serving) -> Iterator[Page]:
    """A fresh profile at 1280x720; anything that the page complains about, such as a broken security policy, fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, base_url=site.url)
    context.set_default_timeout(15_000)
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda fault: complaints.append(str(fault)))
    opened.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    yield opened
    context.close()
    assert [c for c in complaints if "ERR_CONNECTION_REFUSED" not in c and "WebSocket" not in c and "404" not in c] == []
