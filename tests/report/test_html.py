"""The page: read with the standard library's parser, which is not the one that wrote it."""

from __future__ import annotations

import base64
import html
import re
from html.parser import HTMLParser

import pytest

from perpscope.report import Report
from perpscope.report.html import page
from perpscope.report.sheets import sheets
from report.handmade import document

NASTY = "<script>alert('x')</script>\" onload=\"x"
VOID = {"meta", "img", "br", "hr", "link"}


class Reader(HTMLParser):
    """Collects tags, attributes and text, and notices tags that do not close in order."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.rows: list[int] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append(0)
        if tag in ("td", "th"):
            self.rows[-1] += 1
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader


@pytest.fixture(scope="module")
def real_page(crash: Report, crash_png: bytes) -> str:
    return page(crash.document, crash_png)


def test_the_page_refers_to_nothing_outside_itself(real_page: str) -> None:
    reader = read(real_page)
    for tag, attributes in reader.tags:
        assert tag not in ("script", "link", "iframe", "object", "embed", "form", "base")
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href", "action", "srcset", "poster", "data"):
                assert str(value).startswith(("data:image/png;base64,", "#"))
    style = re.search(r"<style>(.*?)</style>", real_page, re.S)
    assert style
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    assert not re.search(r"https?://|//\w", re.sub(r"base64,[^']*", "", real_page))


def test_the_policy_forbids_scripts_and_connections(real_page: str) -> None:
    policy = next(a["content"] for t, a in read(real_page).tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy


def test_the_page_is_well_formed_and_its_anchors_exist(real_page: str) -> None:
    reader = read(real_page)
    assert reader.wrong == []
    assert reader.open == []
    ids = [a["id"] for _, a in reader.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {str(a["href"])[1:] for t, a in reader.tags if t == "a"} <= set(ids)


def test_text_from_data_is_escaped_everywhere() -> None:
    text = page(document(symbol=NASTY, warnings=[NASTY]), b"png")
    assert "<script" not in text
    reader = read(text)
    assert not any(name.startswith("on") for _, attributes in reader.tags for name in attributes)
    assert "".join(reader.text).count(NASTY) >= 3  # the title, the heading and the warning show it as text
    assert NASTY in str(next(a["alt"] for t, a in reader.tags if t == "img"))


def test_every_cell_and_sentence_of_every_sheet_is_on_the_page(crash: Report, real_page: str) -> None:
    shown = set(read(real_page).text)
    for sheet in sheets(crash.document):
        assert {sheet.title, *sheet.notes} <= shown
        for grid in sheet.grids:
            for row in grid.rows:
                assert len(row) == len(grid.headings)
                assert {cell for cell in row if cell} <= shown
    assert {*crash.document.summary, *crash.document.warnings} <= shown


def test_every_line_of_evidence_is_there_with_its_verdict(crash: Report, real_page: str) -> None:
    reasons = [r for s in crash.document.setups for r in s.reasons]
    assert len(reasons) >= 7
    assert {r.verdict for r in reasons} == {"unproven"}
    assert real_page.count(">unproven<") == len(reasons)
    for reason in reasons:
        assert reason.title in real_page
        assert html.escape(reason.detail) in real_page


def test_the_estimate_never_stands_without_what_must_stand_beside_it(real_page: str) -> None:
    shown = " ".join(read(real_page).text)
    for needed in ("Estimated, and conditional", "Coverage of open interest", "unplaced", "Leverage mix: ", "not measured",
                   "Colour scale of the picture: sqrt, fixed from $0 to $30M", "faded"):  # fmt: skip
        assert needed in shown


def test_the_picture_is_embedded_whole(crash_png: bytes, real_page: str) -> None:
    source = next(str(a["src"]) for t, a in read(real_page).tags if t == "img")
    assert base64.b64decode(source.split(",", 1)[1]) == crash_png


def test_tables_have_headings_and_equal_rows() -> None:
    text = page(document(), b"png")
    for table in re.findall(r"<table>(.*?)</table>", text, re.S):
        widths = set(read(table).rows)
        assert len(widths) == 1
    assert text.count("<th ") == text.count("scope='col'")
