"""The built page from the package's data, what a stranger sees, and what is shown where the page is not built."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

STATIC = Path(__file__).parent / "static"
BUILD = "make ui"

PAGE_CSS = """body{margin:0;background:#0d1117;color:#d7dde5;font:16px/1.5 system-ui,sans-serif}
main{max-width:34rem;margin:12vh auto;padding:0 1.5rem}
h1{font-size:1.4rem}
code{background:#161c24;padding:.15em .4em;border-radius:4px}
label{display:block;margin:1rem 0 .3rem}
input,button{font:inherit;color:inherit;background:#161c24;border:1px solid #556070;border-radius:4px;padding:.5em .7em}
input{width:100%;box-sizing:border-box}
button{margin-top:1rem;cursor:pointer}
#told{min-height:1.5em;color:#ffb454}
"""

LOGIN_HTML = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>perpscope: log in</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/page.css">
<script src="/login.js" defer></script>
</head><body><main><h1>perpscope</h1>
<p>This server is open to other machines, so it asks for its token. It is in the file that the server named at its start.</p>
<form id="form"><label for="token">Token</label>
<input id="token" type="password" autocomplete="current-password" required autofocus>
<button>Log in</button></form><p id="told" role="alert"></p>
<noscript><p>Logging in needs JavaScript, as the page itself does.</p></noscript></main></body></html>
"""

LOGIN_JS = """"use strict";
document.getElementById("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const told = document.getElementById("told");
  const body = JSON.stringify({ token: document.getElementById("token").value });
  try {
    const answer = await fetch("/login", { method: "POST", headers: { "content-type": "application/json" }, body });
    if (answer.ok) { location.replace("/"); return; }
    const error = await answer.json();
    told.textContent = error.sentence + " " + error.todo;
  } catch {
    told.textContent = "The server does not answer. Look whether it still runs.";
  }
});
"""

NOT_BUILT_HTML = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>perpscope: the page is not built</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/page.css"></head>
<body><main><h1>The page is not built</h1>
<p>The server runs, but the front end was not built into this installation. Build it once in the source folder, then reload:</p>
<p><code>{BUILD}</code></p>
<p>The data is there already: <a href="/api/instruments">/api/instruments</a>, <a href="/api/status">/api/status</a>.</p>
</main></body></html>
"""


@dataclass(frozen=True)
class Served:
    """A file as it is sent."""

    body: bytes
    kind: str
    tag: str
    lasting: bool

    @classmethod
    def of(cls, body: bytes, kind: str, lasting: bool = False) -> Served:
        return cls(body, kind, hashlib.sha256(body).hexdigest()[:32], lasting)


class StaticFiles:
    """The files of a folder by their path in it. Only what was there when the page was built is served: no path is ever made
    from a request. Files under `assets/` carry a hash in their name and may be kept for ever."""

    def __init__(self, folder: Path = STATIC) -> None:
        self.folder = folder
        self._stamp = -1
        self._files: dict[str, Served] = {}

    def get(self, path: str) -> Served | None:
        """The file at "/assets/x.js"; "/" is the page."""
        self._look()
        return self._files.get("index.html" if path in ("", "/") else path.lstrip("/"))

    @property
    def built(self) -> bool:
        self._look()
        return "index.html" in self._files

    def _look(self) -> None:
        index = self.folder / "index.html"
        stamp = index.stat().st_mtime_ns if index.is_file() else 0
        if stamp == self._stamp:
            return
        found = {}
        for path in sorted(self.folder.rglob("*")) if stamp else ():
            if path.is_file() and not path.is_symlink():
                name = path.relative_to(self.folder).as_posix()
                kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
                if kind.startswith("text/") or kind in ("application/javascript", "application/json"):
                    kind += "; charset=utf-8"
                found[name] = Served.of(path.read_bytes(), kind, name.startswith("assets/"))
        self._stamp, self._files = stamp, found
