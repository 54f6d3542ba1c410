"""The report as one page: no script, no network, no font or file of its own; every text escaped.

The page carries a content security policy that forbids everything but its own styles and the embedded picture, so
that a reader need not trust the data it was made from.
"""

from __future__ import annotations

import base64
from html import escape

from perpscope.report import palette
from perpscope.report.document import Document
from perpscope.report.grids import Grid, Sheet
from perpscope.report.sheets import sheets
from perpscope.report.words import at_text

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

_STYLE = f"""
:root {{ color-scheme: dark; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: {palette.GROUND}; color: {palette.TEXT};
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }}
main {{ max-width: 1280px; margin: 0 auto; padding: 20px 24px 48px; }}
h1 {{ font-size: 26px; margin: 0 0 4px; }}
h2 {{ font-size: 19px; margin: 36px 0 8px; border-bottom: 1px solid {palette.EDGE}; padding-bottom: 4px; }}
h3 {{ font-size: 15px; margin: 18px 0 6px; color: {palette.MUTED}; font-weight: 600; }}
p {{ margin: 4px 0; max-width: 96ch; }}
.sub, .note {{ color: {palette.MUTED}; }}
.short {{ margin: 16px 0; padding: 12px 16px 12px 34px; background: {palette.PANEL}; border: 1px solid {palette.EDGE}; }}
.short li {{ margin: 5px 0; }}
.warn {{ margin: 12px 0; padding: 10px 16px 10px 34px; background: #231a0c; border: 1px solid {palette.WARNING};
  color: {palette.WARNING}; }}
.wide {{ overflow-x: auto; }}
.wide:focus {{ outline: 2px solid {palette.LINE_INTEREST}; }}
table {{ border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }}
th, td {{ text-align: left; vertical-align: top; padding: 4px 14px 4px 0; border-bottom: 1px solid {palette.GRID}; }}
th {{ color: {palette.MUTED}; font-weight: 600; }}
td.n, th.n {{ text-align: right; }}
td {{ overflow-wrap: break-word; }}
td.n {{ white-space: nowrap; }}
img {{ display: block; width: 100%; height: auto; margin: 18px 0; border: 1px solid {palette.EDGE}; }}
nav a {{ color: {palette.LINE_INTEREST}; margin-right: 14px; }}
@media (max-width: 760px) {{
  main {{ padding: 14px 12px 40px; }}
  .picture img {{ width: 1100px; max-width: none; }}
}}
"""


def page(document: Document, picture: bytes) -> str:
    """The whole page as text, the picture inside it as a data URI."""
    meta = document.meta
    title = f"{meta.symbol} {meta.venue} {meta.timeframe}, {at_text(meta.at)}"
    body = [
        f"<h1>{escape(meta.symbol)} <small class='sub'>{escape(meta.venue)}, {escape(meta.timeframe)}</small></h1>",
        f"<p class='sub'>Known at {escape(at_text(meta.at))}. Window from {escape(at_text(meta.window_start))}, "
        f"{meta.bars} of {meta.bars_expected} bars. Last price {document.price.last:,}.</p>",
        _list(document.summary, "short", "In short"),
        _list(document.warnings, "warn", "Warnings"),
        "<nav aria-label='Sections'>" + "".join(_link(s) for s in sheets(document)) + "</nav>",
        f"<div class='wide picture' tabindex='0'><img alt='{escape(_alt(document), quote=True)}' "
        f"src='data:image/png;base64,{base64.b64encode(picture).decode('ascii')}'></div>",
        *(_section(sheet) for sheet in sheets(document)),
    ]
    return (
        "<!doctype html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n" + "\n".join(filter(None, body))
        + "\n</main>\n</body>\n</html>\n"
    )  # fmt: skip


def _alt(document: Document) -> str:
    """The picture in words, for whoever cannot see it."""
    meta = document.meta
    return (
        f"Price of {meta.symbol} on {meta.venue} with estimated liquidations beneath, sessions, structure, volume profile, "
        f"volume, delta, CVD, open interest, funding and reported liquidations up to {at_text(meta.at)}. "
        "The tables below say the same."
    )


def _anchor(title: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in title.lower())


def _link(sheet: Sheet) -> str:
    return f"<a href='#{escape(_anchor(sheet.title), quote=True)}'>{escape(sheet.title)}</a>"


def _list(lines: list[str], kind: str, label: str) -> str:
    if not lines:
        return ""
    return f"<ul class='{kind}' aria-label='{label}'>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _section(sheet: Sheet) -> str:
    parts = [f"<h2 id='{escape(_anchor(sheet.title), quote=True)}'>{escape(sheet.title)}</h2>"]
    parts += [f"<p class='note'>{escape(note)}</p>" for note in sheet.notes]
    parts += [_table(grid) for grid in sheet.grids]
    return "<section>" + "".join(parts) + "</section>"


def _table(grid: Grid) -> str:
    def cell(tag: str, i: int, text: str) -> str:
        scope = " scope='col'" if tag == "th" else ""
        return f"<{tag}{scope}{' class=' + chr(39) + 'n' + chr(39) if i in grid.numeric else ''}>{escape(text)}</{tag}>"

    head = "".join(cell("th", i, text) for i, text in enumerate(grid.headings))
    rows = "".join("<tr>" + "".join(cell("td", i, t) for i, t in enumerate(row)) + "</tr>" for row in grid.rows)
    title = f"<h3>{escape(grid.title)}</h3>" if grid.title else ""
    return f"{title}<div class='wide' tabindex='0'><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
