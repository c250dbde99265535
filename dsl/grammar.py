"""The parser of `grammar.lark`, with its LALR table kept between processes.

Building the table takes about 0.2 s, reading it back 0.02 s. The table is kept as JSON (never a pickle) in a
directory that only its user may enter, under a name that is a digest of the grammar and of Lark's version, and it
is written whole or not at all. Wherever any of this is impossible the table is built anew: nothing depends on it.
"""

from __future__ import annotations

import functools
import hashlib
from importlib import resources
from pathlib import Path
from typing import Any

import lark
from lark import Lark
from lark.grammar import Rule
from lark.lexer import TerminalDef

from karush.dsl.cache import private_cache, read_record, write_record

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


def read_table(path: Path) -> Lark | None:
    """The parser kept at a path, or None where there is none that can be used."""
    table = read_record(path, _with_integer_keys)
    try:
        return None if table is None else Lark.load(table)
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError, IndexError):
        return None


def _with_integer_keys(record: dict[str, Any]) -> dict[str | int, Any]:
    """JSON has only strings for keys; Lark numbers its states and tokens."""
    return {int(key) if key.isdigit() else key: value for key, value in record.items()}


def write_table(path: Path, parser: Lark) -> None:
    """Keep a parser."""
    data, memo = parser.memo_serialize([TerminalDef, Rule])
    write_record(path, {"data": data, "memo": memo})
