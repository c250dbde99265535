"""Files to sources: reading a model from the disk or from a pipe."""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

from karush.dsl.diagnostics import Diagnostic, Fix, Label
from karush.dsl.source import Source, Span

MAX_BYTES = 10_000_000
"""A model is text that somebody wrote; a larger file is something else."""


def read_source(path: str | os.PathLike[str]) -> Source | Diagnostic:
    """The text of a model file (``-`` is the standard input), or why it cannot be read (E0111)."""
    name = os.fspath(path)
    if name == "-":
        return decode("<stdin>", _limited(sys.stdin.buffer))
    try:
        with open(name, "rb") as file:
            return decode(name, _limited(file))
    except FileNotFoundError:
        return unreadable(name, "there is no such file", "check the path")
    except IsADirectoryError:
        return unreadable(name, "this is a directory", "name the `.opt` file in it")
    except PermissionError:
        return unreadable(name, "the file may not be opened", "check its rights")
    except (OSError, ValueError) as error:
        return unreadable(
            name, f"the file cannot be read: {getattr(error, 'strerror', None) or error}", "check the path"
        )


def _limited(file: BinaryIO) -> bytes:
    """At most one byte more than is allowed, so that an endless file ends."""
    return file.read(MAX_BYTES + 1)


def decode(name: str, data: bytes) -> Source | Diagnostic:
    """The text that bytes stand for; a byte order mark is dropped."""
    if len(data) > MAX_BYTES:
        return unreadable(name, f"the file has more than {MAX_BYTES} bytes", "keep numbers in a data file")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return unreadable(name, "the file is UTF-16 text", "save it as UTF-8")
    try:
        return Source(name, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return _not_utf8(name, data, error)


def _not_utf8(name: str, data: bytes, error: UnicodeDecodeError) -> Diagnostic:
    bom = 3 if data.startswith(b"\xef\xbb\xbf") else 0  # the codec counts from behind the mark
    body = data[bom:]
    source = Source(name, body.decode("utf-8", "replace"))
    start = len(body[: error.start].decode("utf-8"))
    label = Label(Span(source, start, start + 1), f"the byte 0x{body[error.start]:02X} is not UTF-8")
    return Diagnostic("E0111", "the file is not UTF-8 text", (label,), fixes=(Fix("save it as UTF-8"),))


def unreadable(name: str, message: str, fix: str) -> Diagnostic:
    """A file without a text that could be shown."""
    label = Label(Span(Source(name, ""), 0, 0))
    return Diagnostic("E0111", message, (label,), fixes=(Fix(fix),))
