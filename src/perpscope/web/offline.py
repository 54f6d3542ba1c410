"""The page in one file: the built bundle with a frame inlined, for reports that need no server and no network."""

from __future__ import annotations

import base64
import hashlib
import html
import mimetypes
import re
from pathlib import Path

from perpscope.core.errors import UserError
from perpscope.core.time import format_ts
from perpscope.web.files import BUILD, STATIC
from perpscope.web.frames import decode_frame

_SCRIPT = re.compile(r'<script\b[^>]*\bsrc="([^"]+)"[^>]*>\s*</script>')
_LINK = re.compile(r'<link\b[^>]*\bhref="([^"]+)"[^>]*>')
_TITLE = re.compile(r"<title>.*?</title>", re.DOTALL)
_ENDS_A_SCRIPT = re.compile(r"<(?=/script|script|!--)", re.IGNORECASE)

DATA = '<script id="snapshot" type="application/octet-stream+base64">'
"""Where the page looks for a frame: a block of data, which no browser executes."""


def offline_html(frame: bytes, static: Path = STATIC) -> bytes:
    """One self-contained HTML file that draws the frame.

    Definition: every script and style sheet of the built page is put in its place, the icon as a data URL, the frame as base64
    in a block of data. The policy allows exactly these texts, by their SHA-256, and no connection to anywhere. The same frame
    and bundle give the same bytes.

    Raises:
        UserError: if the page is not built, or its index names a file that is not there.
        DataError: if the frame is none.
    """
    header, _ = decode_frame(frame)
    index = static / "index.html"
    if not index.is_file():
        raise UserError(f"The page is not built into this installation. Build it once: {BUILD}.")
    page = index.read_text(encoding="utf-8")
    scripts: list[str] = []
    styles: list[str] = []

    def script(found: re.Match[str]) -> str:
        text = _ENDS_A_SCRIPT.sub(r"\\x3c", _text(static, found[1]))
        scripts.append(_fingerprint(text))
        return f'<script type="module">{text}</script>'

    def link(found: re.Match[str]) -> str:
        if 'rel="stylesheet"' in found[0]:
            text = _text(static, found[1])
            styles.append(_fingerprint(text))
            return f"<style>{text}</style>"
        if 'rel="icon"' in found[0]:
            return found[0].replace(found[1], _data_url(static, found[1]))
        return ""

    page = _LINK.sub(link, _SCRIPT.sub(script, page))
    moment = format_ts(int(header.watermark_ms * 1e6))
    title = f"<title>{html.escape(f'{header.venue} {header.symbol} {header.frame}, {moment}')}</title>"
    policy = (
        f"default-src 'none'; script-src {' '.join(scripts)}; style-src {' '.join(styles)}; img-src data: blob:; "
        "connect-src 'none'; base-uri 'none'; form-action 'none'"
    )
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    data = f"{DATA}{base64.b64encode(frame).decode()}</script>"
    page = _TITLE.sub(lambda _: title, page, count=1)
    page = re.sub(r"<head>", lambda _: f"<head>{meta}", page, count=1)
    page = re.sub(r"<body>", lambda _: f"<body>{data}", page, count=1)
    if meta not in page or data not in page:
        raise UserError(f"The built page has no head or body of its own. Build it again: {BUILD}.")
    return page.encode()


def _text(static: Path, name: str) -> str:
    return _read(static, name).decode("utf-8")


def _data_url(static: Path, name: str) -> str:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(_read(static, name)).decode()}"


def _read(static: Path, name: str) -> bytes:
    path = (static / name).resolve()
    if not path.is_relative_to(static.resolve()) or not path.is_file():
        raise UserError(f"The built page names {name}, which is not there. Build it again: {BUILD}.")
    return path.read_bytes()


def _fingerprint(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
