"""One file over HTTP: whole and verified, or not there. What was received before a kill is not asked for again."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from perpscope.core.errors import DataError, UserError

Got = Callable[[int, int], None]
"""Called with the bytes received so far and the whole (0 if the server does not say)."""

_CHUNK = 1 << 18
_TRIES = 4
_MOST = 8 << 30
_LOST = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError, OSError)


@dataclass(frozen=True)
class Site:
    """An archive server. `base` is its address, `pause` waits between tries (seconds)."""

    base: str
    pause: Callable[[float], None]
    timeout: float = 60.0

    def __post_init__(self) -> None:
        if urllib.parse.urlsplit(self.base).scheme not in ("http", "https"):
            raise UserError(f"'{self.base}' is no address of an archive. Give one that begins with https://.")

    def checksum(self, path: str) -> str | None:
        """The SHA-256 that the archive states of a file, or None if it has no such file.

        Raises:
            UserError: if the server cannot be reached or refuses.
            DataError: if it answers something else than a checksum.
        """
        text = self._text(f"{path}.CHECKSUM")
        if text is None:
            return None
        words = text.split()
        if not words or len(words[0]) != 64 or any(c not in "0123456789abcdef" for c in words[0].lower()):
            raise DataError(f"{path}.CHECKSUM holds no SHA-256.", text[:100])
        return words[0].lower()

    def download(self, path: str, sha256: str, into: Path, got: Got = lambda done, total: None) -> Path:
        """The file in the folder `into`, its checksum compared. What an interrupted download left is continued.

        Raises:
            UserError: if the server cannot be reached or stays silent.
            DataError: if the file, fetched anew, still is not what its checksum says.
        """
        whole = into / path.rpartition("/")[2]
        part = whole.with_name(f"{whole.name}.{sha256[:16]}.part")
        into.mkdir(parents=True, exist_ok=True)
        if whole.is_file() and _sha256(whole) == sha256:
            return whole
        for _ in range(2):
            self._fetch(path, part, got)
            if _sha256(part) == sha256:
                part.replace(whole)
                return whole
            part.unlink()  # broken on the way, or replaced on the server between two parts
        raise DataError(f"{path} does not match its .CHECKSUM, twice. Try again later.", sha256)

    def _fetch(self, path: str, part: Path, got: Got) -> None:
        """Until the server says that all is there; a lost connection is taken up where it broke, a few times."""
        for attempt in range(_TRIES):
            before = part.stat().st_size if part.exists() else 0
            try:
                self._continue(path, part, before, got)
                return
            except urllib.error.HTTPError as refusal:
                if refusal.code == 416:  # nothing is left of it: complete, or longer than the file is now
                    return
                if refusal.code not in (429, 500, 502, 503, 504):
                    raise UserError(f"The archive refused {path}: HTTP {refusal.code}.") from None
                reason = f"HTTP {refusal.code}"
            except _LOST as lost:
                reason = str(lost)
            if attempt + 1 < _TRIES:
                self.pause(float(2**attempt))
        raise UserError(f"The connection to {self.base} broke while fetching {path} ({reason}). Run the same command again.")

    def _continue(self, path: str, part: Path, before: int, got: Got) -> None:
        with self._open(path, {"Range": f"bytes={before}-"} if before else {}) as answer:
            if before and answer.status != 206:
                before = 0
            length = int(answer.headers.get("Content-Length") or 0)
            if before + length > _MOST:
                raise UserError(f"{path} is larger than {_MOST >> 30} GiB. Fetch a shorter stretch of time.")
            with open(part, "ab" if before else "wb") as file:
                done = before
                while chunk := answer.read1(_CHUNK):
                    file.write(chunk)
                    file.flush()
                    done += len(chunk)
                    got(done, before + length)
            if length and done < before + length:
                raise ConnectionError("the server closed early")

    def _text(self, path: str) -> str | None:
        for attempt in range(_TRIES):
            try:
                with self._open(path, {}) as answer:
                    return str(answer.read(4_096).decode("ascii", "replace"))
            except urllib.error.HTTPError as refusal:
                if refusal.code in (403, 404):  # the archive's storage says 403 or 404 of what it does not have
                    return None
                reason = f"HTTP {refusal.code}"
            except _LOST as lost:
                reason = str(getattr(lost, "reason", lost))
            if attempt + 1 < _TRIES:
                self.pause(float(2**attempt))
        raise UserError(f"{self.base} cannot be reached ({reason}). Check the connection, or name another with --base-url.")

    def _open(self, path: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        address = f"{self.base.rstrip('/')}/{urllib.parse.quote(path)}"
        request = urllib.request.Request(address, headers={"User-Agent": "perpscope", **headers})
        answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=self.timeout)
        return answer


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
