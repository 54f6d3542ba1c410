"""A view as files: `<name>.json` and `<name>.png`, each complete or absent."""

from __future__ import annotations

from pathlib import Path

import msgspec

from perpscope.report.files import write_files


class View(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every view: what it is, of which version, about whom and when. Times are ISO 8601 UTC, null is not known.

    `schema_version` rises when a field changes its meaning or goes away, not when one is added.
    """

    schema: str
    schema_version: int = 1
    code_version: str
    venue: str
    symbol: str
    at: str
    absent: dict[str, str] = {}


def to_json(view: View) -> bytes:
    """Indented JSON with sorted keys and a final line break."""
    return msgspec.json.format(msgspec.json.encode(view, order="sorted"), indent=2) + b"\n"


def write_view(view: View, picture: bytes, name: str, folder: Path | str) -> list[Path]:
    """Write both files into a folder (made if need be) and return their paths.

    Raises:
        UserError: if the folder cannot be made or written to.
    """
    return write_files(folder, {f"{name}.json": to_json(view), f"{name}.png": picture}, name)
