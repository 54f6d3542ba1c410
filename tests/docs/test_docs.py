"""The docs fail the build when something exists that they do not mention, or they mention what does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from perpscope.cli.app import app
from perpscope.engine.catalogue import all_folds
from perpscope.lake import presets

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted((DOCS / "definitions").glob("*.md"))}
EVERYTHING = "\n".join(
    [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CHANGELOG.md")] + list(PAGES.values())
)


@pytest.mark.parametrize("name", sorted(all_folds()))
def test_every_fold_has_a_page_or_a_section(name: str) -> None:
    assert name in PAGES or any(f"`{name}`" in text for text in PAGES.values()), f"docs/definitions says nothing of {name}"


@pytest.mark.parametrize("name", sorted(presets()))
def test_every_import_format_is_in_the_page_of_the_lake(name: str) -> None:
    assert f"`{name}`" in PAGES["lake"]


def test_every_command_is_in_the_docs() -> None:
    names = [c.name for c in app.registered_commands] + [g.name for g in app.registered_groups]
    assert len(names) >= 7
    for name in names:
        assert f"perpscope {name}" in EVERYTHING, name


@pytest.mark.parametrize("path", sorted(ROOT.glob("*.md")) + sorted(DOCS.rglob("*.md")), ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#\s]+)[^)]*\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), f"{path.name} links to {target}"


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.md")), ids=lambda p: p.name)
def test_pages_carry_no_path_of_one_machine(path: Path) -> None:
    assert not re.search(r"(?<![\w.])/(home|root|tmp|work|Users)/", path.read_text(encoding="utf-8"))
