"""The record of a finding. User errors are values: passes return lists of these."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from karush.dsl.source import Span

MOST_FINDINGS = 20
"""How many findings are told at once: beyond these a text is mended better by asking again."""


class Severity(Enum):
    """How bad a finding is; only an error stops the work."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Label:
    """A place with a word about it.

    The first label of a diagnostic is its own place, underlined ``^``; so are others of equal weight (``primary``).
    """

    span: Span
    message: str = ""
    primary: bool = False


@dataclass(frozen=True)
class Fix:
    """What to type instead. With ``span`` the replacement of that span by ``text`` can be applied by machine."""

    message: str
    span: Span | None = None
    text: str | None = None


@dataclass(frozen=True)
class Diagnostic:
    """One finding: a code of ``codes.py``, a headline in the user's words, where, why, and the repair.

    ``notes`` are (kind, text) pairs with kind ``note``, ``why`` or ``help``.
    """

    code: str
    message: str
    labels: tuple[Label, ...]
    notes: tuple[tuple[str, str], ...] = ()
    fixes: tuple[Fix, ...] = ()
    severity: Severity = field(default=Severity.ERROR)
