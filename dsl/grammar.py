"""The parser of `grammar.lark`, with its LALR table kept between processes.

Building the table takes about 0.2 s, reading it back 0.02 s. The table is kept as JSON (never a pickle) in a
directory that only its user may enter, under a name that is a digest of the grammar and of Lark's version, and it
is written whole or not at all. Wherever any of this is impossible the table is built anew: nothing depends on it.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import stat
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

import lark
from lark import Lark
from lark.grammar import Rule
from lark.lexer import TerminalDef

_OPTIONS: dict[str, Any] = {"parser": "lalr", "lexer": "basic", "propagate_positions": True}


@functools.cache
def load() -> Lark:
    """The parser; its start symbol is one statement, its lexer serves whole files."""
    text = grammar_text()
    directory = private_cache()
    if directory is None:
        return build(text)
    path = directory / f"grammar-{digest(text)}.json"
    parser = read_table(path)
    if parser is None:
        parser = build(text)
        write_table(path, parser)
    return parser


def grammar_text() -> str:
    """The grammar as shipped."""
    return resources.files("karush.dsl").joinpath("grammar.lark").read_text(encoding="utf-8")


def build(text: str, *, strict: bool = False) -> Lark:
    """The parser from its grammar; ``strict`` refuses every conflict (needs interegular)."""
    return Lark(text, strict=strict, **_OPTIONS)


def digest(text: str) -> str:
    """What a table depends on."""
    return hashlib.sha256(f"{lark.__version__}\n{_OPTIONS}\n{text}".encode()).hexdigest()[:32]


def private_cache() -> Path | None:
    """A directory of the user's own, mode 0700, or None where there is none and none can be made."""
    root = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    directory = Path(root) / "karush"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.lstat()
    except (OSError, ValueError):
        return None
    if not stat.S_ISDIR(found.st_mode) or not _is_private(found):
        return None
    return directory if directory.is_absolute() else None


def _is_private(found: os.stat_result) -> bool:
    """Whether a file belongs to this user alone (Windows keeps a user's profile private by itself)."""
    if os.name != "posix":
        return True
    return found.st_uid == os.getuid() and not found.st_mode & 0o077


def read_table(path: Path) -> Lark | None:
    """The parser kept at a path, or None where there is none that can be used."""
    try:
        with path.open(encoding="utf-8") as file:
            if not _is_private(os.fstat(file.fileno())):
                return None
            table = json.load(file, object_hook=_with_integer_keys)
        return Lark.load(table)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, AssertionError, IndexError):
        return None


def _with_integer_keys(record: dict[str, Any]) -> dict[str | int, Any]:
    """JSON has only strings for keys; Lark numbers its states and tokens."""
    return {int(key) if key.isdigit() else key: value for key, value in record.items()}


def write_table(path: Path, parser: Lark) -> None:
    """Keep a parser; a reader sees all of it or nothing, also with several processes at once."""
    data, memo = parser.memo_serialize([TerminalDef, Rule])
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".tmp")
    except OSError:
        return
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"data": data, "memo": memo}, file)
        os.replace(temporary, path)
    except (OSError, TypeError, ValueError):
        os.unlink(temporary)
