"""The record of an error code: one page of ``karush explain``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """A kind of finding.

    ``title`` says what is wrong, ``why`` why the language minds, ``repair`` what to type instead. ``trigger`` is
    the smallest file that gives exactly this code, None where it takes data or a solver; ``mended`` is the same
    file without the error.
    """

    code: str
    title: str
    why: str
    repair: str
    trigger: str | None = None
    mended: str | None = None
