"""Tables of text: the form in which a section reaches the page and the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perpscope.report.document import Document


@dataclass(frozen=True)
class Grid:
    """A table: headings, rows of text, and the columns that hold numbers (set to the right)."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    brief: bool = True


@dataclass(frozen=True)
class Sheet:
    """A section: its title, sentences, tables. A grid that is not `brief` is for the page only."""

    title: str
    notes: tuple[str, ...]
    grids: tuple[Grid, ...]


def grid_of(title: str, headings: str, rows: Sequence[tuple[str, ...]], numeric: str = "", brief: bool = True) -> Grid:
    names = tuple(headings.split("|"))
    return Grid(title, names, tuple(rows), frozenset(i for i, n in enumerate(names) if n in numeric.split("|")), brief)


def missing(document: Document, title: str, section: str) -> Sheet:
    return Sheet(title, (document.absent.get(section, "Not known."),), ())
