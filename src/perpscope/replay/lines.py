"""Recordings of venues, line by line, whatever recorder wrote them.

Three layouts (all gzip or plain):

    1723161255088176367 {"stream":...}           own recorder: local ns, a blank, JSON
    1626992741.06217: {"stream":...}             capture: seconds, JSON; `<url> <-> ` and `<url> <- ` lines are the client's
    https://... -> 1626992741.3: {...}           capture of REST answers
    {"topic":...}                                JSON alone (a zip of a venue's own archive)
"""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from perpscope.core.errors import UserError


class Line(NamedTuple):
    """`url` is "" for what came by WebSocket, else the request that was answered. `received` is our clock, ns; -1: unknown."""

    url: str
    received: int
    body: bytes


def lines(paths: Sequence[Path]) -> Iterator[Line]:
    """The lines of recordings, REST answers of captures first, then in the order of the files' first stamps.

    Raises:
        UserError: if a file is missing or is no recording.
    """
    files = [(_parsed(path), path) for path in _with_siblings(paths)]
    rest = [[line for line in found if line.url] for found, _ in files]
    streamed = [[line for line in found if not line.url] for found, _ in files]
    for (found, path), named in zip(files, rest, strict=True):
        if not found and not named:
            raise UserError(f"{path.name} holds no line of a recording; give a .jsonl.gz, .ws, .http or .zip recording.")
    for group in rest:
        yield from group
    for group in sorted((g for g in streamed if g), key=lambda g: g[0].received):
        yield from group


def _with_siblings(paths: Sequence[Path]) -> list[Path]:
    """A capture `NAME.ws.1.0.gz` brings `NAME.http.0.0.gz` (REST books) and `NAME.0.gz` (instruments) along."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(p for p in path.iterdir() if p.is_file())
            continue
        if not path.is_file():
            raise UserError(f"There is no recording {path}; give an existing file or folder, a lake, or the word synthetic.")
        name, mark, _ = path.name.partition(".ws.")
        beside = [path.parent / f"{name}.{end}.gz" for end in ("http.0.0", "0")] if mark else []
        found += [path, *(p for p in beside if p.is_file())]
    return list(dict.fromkeys(found))


def _parsed(path: Path) -> list[Line]:
    out = []
    for raw in _read(path).splitlines():
        if raw.startswith((b"{", b"[")):
            out.append(Line("", -1, raw))
            continue
        stamp, blank, body = raw.partition(b" ")
        if blank and stamp.isdigit():
            out.append(Line("", int(stamp), body))
            continue
        head, colon, body = raw.partition(b": ")
        if not colon or b" <" in head or head.startswith(b"configuration") or not body.startswith((b"{", b"[")):
            continue
        url, arrow, stamp = head.rpartition(b" -> ")
        out.append(Line(url.decode() if arrow else "", int(float(stamp) * 1e9), body))
    return out


def _read(path: Path) -> bytes:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return b"\n".join(archive.read(name) for name in sorted(archive.namelist()))
    data = path.read_bytes()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
