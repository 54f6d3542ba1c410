"""Answers: the browser's rules for inlined scripts: a text ends at "</script", a policy names the SHA-256 of the text between
the tags; both worked out here anew. The built page is a small one made by hand."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from perpscope.core.errors import DataError, UserError
from perpscope.web.offline import offline_html
from perpscope.web.sample import sample

SCRIPT = 'const a = "</script><script>alert(1)</script><!--"; const b = `</SCRIPT>`; document.title = a + b;\n'
STYLE = "body { color: red }\n"
INDEX = """<!doctype html>
<html lang="en"><head><meta charset="utf-8" /><title>perpscope</title>
<link rel="icon" href="./favicon.svg" type="image/svg+xml" />
<script type="module" crossorigin src="./assets/page-x.js"></script>
<link rel="stylesheet" crossorigin href="./assets/page-x.css">
</head><body><div id="page"></div></body></html>
"""


class Parts(HTMLParser):
    """Start tags with their attributes, and the text within scripts and styles, as a browser's parser cuts them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag
        if tag in ("script", "style"):
            self.texts.append((tag, ""))

    def handle_data(self, data: str) -> None:
        if self._open in ("script", "style"):
            self.texts[-1] = (self._open, self.texts[-1][1] + data)

    def handle_endtag(self, tag: str) -> None:
        self._open = ""


@pytest.fixture
def static(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text(INDEX)
    (tmp_path / "assets" / "page-x.js").write_text(SCRIPT)
    (tmp_path / "assets" / "page-x.css").write_text(STYLE)
    (tmp_path / "favicon.svg").write_text("<svg/>")
    return tmp_path


@pytest.fixture(scope="module")
def frame(lake_dir: Path) -> bytes:
    return sample(lake_dir, layers=["cvd"])


def parsed(page: bytes) -> Parts:
    parts = Parts()
    parts.feed(page.decode())
    return parts


def test_the_frame_is_in_the_page_and_comes_out_whole(frame: bytes, static: Path) -> None:
    parts = parsed(offline_html(frame, static))
    _, data = (text for tag, text in parts.texts if tag == "script")
    assert base64.b64decode(data) == frame
    assert ("script", {"id": "snapshot", "type": "application/octet-stream+base64"}) in parts.tags


def test_nothing_in_the_page_points_outside(frame: bytes, static: Path) -> None:
    parts = parsed(offline_html(frame, static))
    for tag, attributes in parts.tags:
        assert "src" not in attributes, tag
        assert (attributes.get("href") or "data:").startswith("data:"), tag
    assert not re.search(rb"https?://", offline_html(frame, static))


def test_the_policy_names_exactly_what_is_inlined(frame: bytes, static: Path) -> None:
    parts = parsed(offline_html(frame, static))
    policy = next(a["content"] or "" for t, a in parts.tags if t == "meta" and a.get("http-equiv") == "Content-Security-Policy")
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "connect-src 'none'" in policy
    code, _ = (text for tag, text in parts.texts if tag == "script")
    style = next(text for tag, text in parts.texts if tag == "style")
    for text in (code, style):
        assert f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" in policy
    assert policy.count("sha256-") == 2


def test_a_script_cannot_end_early(frame: bytes, static: Path) -> None:
    parts = parsed(offline_html(frame, static))
    assert [t for t, _ in parts.tags].count("script") == 2
    code, _ = (text for tag, text in parts.texts if tag == "script")
    assert code.replace("\\x3c", "<") == SCRIPT


def test_the_title_says_what_and_when(frame: bytes, static: Path) -> None:
    assert b"<title>demo BTCUSDT 1h, 2024-02-03 08:00 UTC</title>" in offline_html(frame, static)


def test_the_same_frame_gives_the_same_page(frame: bytes, static: Path) -> None:
    assert offline_html(frame, static) == offline_html(frame, static)


def test_a_page_that_is_not_built_is_told(frame: bytes, tmp_path: Path, static: Path) -> None:
    with pytest.raises(UserError, match="make ui"):
        offline_html(frame, tmp_path / "none")
    (static / "assets" / "page-x.css").unlink()
    with pytest.raises(UserError, match="not there"):
        offline_html(frame, static)


def test_a_frame_that_is_none_is_refused(static: Path) -> None:
    with pytest.raises(DataError):
        offline_html(b"nothing", static)
