"""The record of an error code: one page of ``karush explain``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """A kind of finding.

    ``title`` says what is wrong, ``why`` why the language minds, ``repair`` what to type instead. ``trigger`` is the
    smallest file that gives exactly this code, with the JSON ``data`` where it takes some, by ``command``. ``mended``,
    ``mended_data`` and ``mended_command`` (by default the same one) are the same without the error. None where no such
    file can be printed.
    """

    code: str
    title: str
    why: str
    repair: str
    trigger: str | None = None
    mended: str | None = None
    data: str | None = None
    mended_data: str | None = None
    command: str = "check"
    mended_command: str | None = None
