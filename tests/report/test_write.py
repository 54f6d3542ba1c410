"""Files: whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from perpscope.core.errors import UserError
from perpscope.report import Report, from_json, write_report


def test_three_files_are_written_and_nothing_else_stays(crash: Report, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "er"
    paths = write_report(crash, folder)
    assert [p.name for p in paths] == ["report.json", "report.png", "report.html"]
    assert sorted(p.name for p in folder.iterdir()) == sorted(p.name for p in paths)
    assert from_json(paths[0].read_bytes()) == crash.document


def test_a_folder_that_cannot_be_made_is_a_sentence(crash: Report, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="cannot be written"):
        write_report(crash, tmp_path / "file")
