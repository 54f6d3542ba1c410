"""Files that are complete or absent: each is written under another name and then renamed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from perpscope.core.errors import UserError


def write_files(folder: Path | str, contents: Mapping[str, bytes], what: str) -> list[Path]:
    """Write named contents into a folder (made if need be) and return the paths, in order.

    Inputs: `what` names them in the message, such as "The report".
    Raises: UserError if the folder cannot be made or written to.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as place:
        ...     [path.name for path in write_files(place, {"a.txt": b"1"}, "The example")]
        ['a.txt']
    """
    target = Path(folder)
    paths = []
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            unfinished = target / f".{name}.part"
            unfinished.write_bytes(content)
            paths.append(unfinished.replace(target / name))
    except OSError as fault:
        raise UserError(f"{what} cannot be written to {target}: {fault.strerror or fault}. Choose another folder.") from None
    return paths
