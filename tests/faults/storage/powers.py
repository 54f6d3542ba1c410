"""The disk as a power loss may leave it: every call that changes files is written down, and the states that a file system may
keep are made from it.

The model, stricter than ext4's: a file's bytes are certain once the file was forced; before that it is empty, half there, or
whole. The changes of one folder's names (a rename, a removal, a new name) are certain once the folder was forced; before that
any number of the first ones may have happened, in each folder independently. Only what `lake.catalogue` and `lake.writer` do is
modelled, not what SQLite does inside its own files: for that its own tests stand.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from perpscope.lake import catalogue


@dataclass
class Step:
    """One change: `write` (a whole new file), `force` (file or folder), `rename`, `unlink`."""

    what: str
    path: Path
    target: Path | None = None
    data: bytes = b""


@dataclass
class Tape:
    """What was done to a folder, in order."""

    root: Path
    steps: list[Step] = field(default_factory=list)

    def within(self, path: Any) -> Path | None:
        absolute = Path(path).absolute()
        return absolute.relative_to(self.root) if absolute.is_relative_to(self.root) else None


class _Noted:
    """A file opened for writing whose content is noted when it is forced."""

    def __init__(self, tape: Tape, path: Path, file: Any) -> None:
        self._tape, self._path, self._file, self._data = tape, path, file, b""

    def write(self, data: bytes) -> int:
        self._data += data
        return int(self._file.write(data))

    def flush(self) -> None:
        self._file.flush()

    def fileno(self) -> int:
        self._tape.steps.append(Step("write", self._path, data=self._data))
        return int(self._file.fileno())

    def __enter__(self) -> _Noted:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def noting(patch: pytest.MonkeyPatch, root: Path) -> Tape:
    """From now on every change below `root` is noted."""
    tape = Tape(root.absolute())
    force, rename, unlink = os.fsync, os.replace, os.unlink

    def opened(path: Any, mode: str) -> Any:
        inside = tape.within(path)
        file = os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644), mode)
        return file if inside is None else _Noted(tape, inside, file)

    def forced(descriptor: int) -> None:
        inside = tape.within(os.readlink(f"/proc/self/fd/{descriptor}"))
        force(descriptor)
        if inside is not None:
            tape.steps.append(Step("force", inside))

    def renamed(old: Any, new: Any) -> None:
        source, target = tape.within(old), tape.within(new)
        rename(old, new)
        if source is not None and target is not None:
            tape.steps.append(Step("rename", source, target))

    def removed(path: Any, *args: Any, **kwargs: Any) -> None:
        inside = tape.within(path)
        unlink(path, *args, **kwargs)
        if inside is not None:
            tape.steps.append(Step("unlink", inside))

    patch.setattr(catalogue, "open", opened, raising=False)
    patch.setattr(os, "fsync", forced)
    patch.setattr(os, "replace", renamed)
    patch.setattr(os, "unlink", removed)
    return tape


def states(tape: Tape, before: dict[Path, bytes]) -> Iterator[dict[Path, bytes]]:
    """Every state that the model allows after a power loss at any point, each once.

    At each point the certain changes have happened; of the uncertain ones none, all, only those of one folder, or all but
    those of one folder, and of each folder's own each number of first ones; unforced files are empty, half or whole.
    """
    seen: set[int] = set()
    for end in range(len(tape.steps) + 1):
        for state in _after(tape.steps[:end], before):
            mark = hash(tuple(sorted((str(path), hash(data)) for path, data in state.items())))
            if mark not in seen:
                seen.add(mark)
                yield state


def _after(steps: list[Step], before: dict[Path, bytes]) -> Iterator[dict[Path, bytes]]:
    names: dict[Path, list[Step]] = {}
    certain: list[Step] = []
    forced: set[Path] = set()
    for step in steps:
        if step.what == "force":
            if step.path in names or step.path.suffix == "":
                certain += names.pop(step.path, [])
            forced.add(step.path)
            continue
        folder = (step.target or step.path).parent
        names.setdefault(folder, []).append(step)
        if step.what == "write":
            forced.discard(step.path)
    choices: list[dict[Path, int]] = [{}, {folder: len(some) for folder, some in names.items()}]
    for folder, some in names.items():
        others = {f: len(s) for f, s in names.items() if f != folder}
        for count in range(len(some) + 1):
            choices += [{folder: count}, {**others, folder: count}]
    for choice in choices:
        for part in (0.0, 0.5, 1.0):
            yield _made(certain, names, choice, forced, before, part)


def _made(
    certain: list[Step],
    names: dict[Path, list[Step]],
    choice: dict[Path, int],
    forced: set[Path],
    before: dict[Path, bytes],
    part: float,
) -> dict[Path, bytes]:
    state = dict(before)
    happened = certain + [step for folder, count in choice.items() for step in names[folder][:count]]
    for step in happened:
        if step.what == "write":
            whole = step.path in forced
            state[step.path] = step.data if whole else step.data[: int(len(step.data) * part)]
        elif step.what == "rename" and step.path in state and step.target is not None:
            state[step.target] = state.pop(step.path)
        elif step.what == "unlink":
            state.pop(step.path, None)
    return state


def snapshot(root: Path) -> dict[Path, bytes]:
    return {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def lay_out(state: dict[Path, bytes], root: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)
    for path, data in state.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
