"""What is kept between processes: JSON (never a pickle) in a directory that only its user may enter.

A record is written whole or not at all, and a record that cannot be read is none: nothing depends on it.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def private_cache() -> Path | None:
    """A directory of the user's own, mode 0700, or None where there is none and none can be made."""
    root = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    directory = Path(root) / "karush"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.lstat()
    except (OSError, ValueError):
        return None
    if not stat.S_ISDIR(found.st_mode) or not is_private(found):
        return None
    return directory if directory.is_absolute() else None


def is_private(found: os.stat_result) -> bool:
    """Whether a file belongs to this user alone (Windows keeps a user's profile private by itself)."""
    if os.name != "posix":
        return True
    return found.st_uid == os.getuid() and not found.st_mode & 0o077


def read_record(path: Path, object_hook: Callable[[dict[str, Any]], Any] | None = None) -> Any:
    """The record kept at a path; None where there is none that can be used."""
    try:
        with path.open(encoding="utf-8") as file:
            return json.load(file, object_hook=object_hook) if is_private(os.fstat(file.fileno())) else None
    except (OSError, ValueError, RecursionError):
        return None


def write_record(path: Path, record: Any) -> None:
    """Keep a record; a reader sees all of it or nothing, also with several processes at once."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".tmp")
    except OSError:
        return
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(record, file)
        os.replace(temporary, path)
    except (OSError, TypeError, ValueError):
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def forget_oldest(directory: Path, pattern: str, most: int) -> None:
    """Keep the ``most`` latest records of a kind."""
    with contextlib.suppress(OSError):
        kept = sorted(directory.glob(pattern), key=lambda path: path.stat().st_mtime_ns)
        for path in kept[: max(0, len(kept) - most)]:
            path.unlink(missing_ok=True)
