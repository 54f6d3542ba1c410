"""The page about the lake names what there is: every preset, every stored rule, and queries that run."""

from __future__ import annotations

import re
from pathlib import Path

from perpscope.lake import presets
from perpscope.lake.merge import VENDORS

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "definitions" / "lake.md"


def test_the_page_lists_every_preset_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \|", _PAGE.read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(presets())


def test_the_page_names_the_order_of_origins() -> None:
    text = _PAGE.read_text()
    places = [text.index(f"`{name}`") for name in VENDORS if not name.endswith("-raw")]
    assert places == sorted(places)


def test_every_preset_has_a_title_and_says_its_source() -> None:
    for name, preset in presets().items():
        module = __import__(preset.read.__module__, fromlist=["x"])
        assert preset.title, name
        assert "Source:" in (module.__doc__ or ""), name
        assert f"`{name}`" in (module.__doc__ or ""), name
