"""The files of an evidence run: a page, a picture and a JSON per factor, an index, the verdicts, the table as text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

import msgspec

from perpscope.research.evidence.page import page_html, wrapped
from perpscope.research.evidence.picture import COLOURS, draw_page
from perpscope.research.evidence.record import EvidencePage, Table
from perpscope.research.evidence.summary import summary
from perpscope.research.evidence.verdicts import VerdictFile, write_verdicts

Progress = Callable[[str, float, float], None]


def write_evidence(
    pages: Sequence[EvidencePage],
    verdicts: VerdictFile,
    folder: Path,
    progress: Progress | None = None,
    baselines: Table | None = None,
) -> list[Path]:
    """Write everything into a folder, made when missing; a file that would not change is left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for done, page in enumerate(pages, 1):
        raw = msgspec.json.format(msgspec.json.encode(page), indent=1) + b"\n"
        path = folder / f"{page.name}.json"
        files = [folder / f"{page.name}.{kind}" for kind in ("json", "png", "html")]
        if not (path.is_file() and path.read_bytes() == raw and all(f.is_file() for f in files)):
            picture = draw_page(page)
            (folder / f"{page.name}.png").write_bytes(picture)
            (folder / f"{page.name}.html").write_text(page_html(page, picture), encoding="utf-8")
            path.write_bytes(raw)
        paths += files
        if progress:
            progress(f"page {page.name}", done, len(pages))
    (folder / "index.html").write_text(_index(pages), encoding="utf-8")
    (folder / "evidence.md").write_text(summary(pages, verdicts, baselines), encoding="utf-8")
    return [*paths, folder / "index.html", folder / "evidence.md", write_verdicts(folder, verdicts)]


def _index(pages: Sequence[EvidencePage]) -> str:
    rows = "".join(
        f"<tr><td class='n'><a href='{escape(p.name)}.html'>{escape(p.title)}</a></td>"
        f"<td class='n' style='color:{COLOURS[p.verdict]}'>{escape(p.verdict)}</td>"
        f"<td class='n'>{escape(str(p.bps))}</td><td class='n'>{p.n}</td><td>{escape(p.sentence)}</td></tr>"
        for p in pages
    )
    head = "".join(f"<th scope='col'>{h}</th>" for h in ("factor", "verdict", "effect, bps", "matched", "in words"))
    table = f"<div class='wide' tabindex='0'><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    where = f"{', '.join(pages[0].symbols)} on {pages[0].venue}, {pages[0].timeframe}, {pages[0].start} .. {pages[0].end} UTC"
    return wrapped("Evidence", f"<h1>Evidence</h1><p class='sub'>{escape(where)}</p>{table}")
