"""Words that all findings are made of: errors and warnings with labels and repairs, articles, near names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from karush.dsl import ast
from karush.dsl.diagnostics import Diagnostic, Fix, Label, Severity
from karush.dsl.source import Span
from karush.dsl.spelling import closest, distance


def error(code: str, message: str, labels: Sequence[Label], *fixes: str | Fix, note: str = "") -> Diagnostic:
    """An error with its labels; a fix given as text is shown, one given as Fix can be applied."""
    repairs = tuple(Fix(fix) if isinstance(fix, str) else fix for fix in fixes if fix)
    return Diagnostic(code, message, tuple(labels), (("note", note),) if note else (), repairs)


def warning(code: str, message: str, labels: Sequence[Label], *fixes: str | Fix) -> Diagnostic:
    """A warning with its labels."""
    repairs = tuple(Fix(fix) if isinstance(fix, str) else fix for fix in fixes if fix)
    return Diagnostic(code, message, tuple(labels), (), repairs, Severity.WARNING)


def too_deep(span: Span, limit: int) -> Diagnostic:
    """E0110: an expression that no later pass could follow."""
    label = Label(span, f"more than {limit} levels down, calls of fns opened")
    return error("E0110", "an expression is nested too deep", (label,), "name parts with `let`, or use a `for` clause")


def article(word: str) -> str:
    """The word with its article."""
    return f"an {word}" if word[:1] in "aeiou" else f"a {word}"


def short(text: str) -> str:
    """A text on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= 40 else line[:37] + "…"


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that was meant, if one is near; of short words at most one letter is taken for a slip."""
    found = closest(word, candidates)
    far = found is not None and min(len(word), len(found)) <= 3 and distance(word, found) > 1
    return None if far else found


def signature(name: str, header: Iterable[ast.Declaration]) -> str:
    """A header as it was written: ``huber(x, delta in pos = 1.0)``."""
    return f"{name}({', '.join(item.span.text for item in header)})"
