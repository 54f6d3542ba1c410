"""The three files of a skill report."""

from __future__ import annotations

from pathlib import Path

import msgspec

from perpscope.research.skill.page import page
from perpscope.research.skill.picture import draw_skill
from perpscope.research.skill.run import SkillResult


def write_skill(result: SkillResult, folder: Path) -> list[Path]:
    """`skill.json`, `skill.png`, `skill.html` in a folder, which is made when missing; files there are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    picture = draw_skill(result)
    text = page(result.report, picture)
    json = msgspec.json.format(msgspec.json.encode(result.report), indent=1) + b"\n"
    files = {"skill.json": json, "skill.png": picture, "skill.html": text.encode()}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]
