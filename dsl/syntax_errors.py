"""An unexpected token to a helpful message."""

from __future__ import annotations

from dataclasses import dataclass

from lark import Token

from karush.dsl.diagnostics import Diagnostic, Fix, Label
from karush.dsl.layout_errors import span_of
from karush.dsl.source import Source, Span


@dataclass(frozen=True)
class Slip:
    """A statement that cannot go on: token number ``position`` (or its end) is none of those ``accepted``.

    ``context`` is the block it stands in (``file``, ``fn``, ``model``, ``atom``); ``listing`` says whether
    ``subject to`` came before it there.
    """

    source: Source
    tokens: list[Token]
    position: int
    accepted: frozenset[str]
    context: str
    listing: bool


def explain(slip: Slip) -> Diagnostic:
    """What is wrong with a statement, in the user's words."""
    at_end = slip.position >= len(slip.tokens)
    token = slip.tokens[-1] if at_end else slip.tokens[slip.position]
    span = span_of(slip.source, token)
    what = "the statement ends too early" if at_end else f"unexpected `{token}`"
    return Diagnostic("E0100", what, (Label(span),))


def overlong_line(source: Source, limit: int) -> Diagnostic | None:
    """The first line that is longer than any that somebody wrote."""
    start = 0
    while len(source.text) - start > limit:
        end = source.text.find("\n", start)
        end = len(source.text) if end < 0 else end
        if end - start > limit:
            label = Label(Span(source, start, start + 1), f"{end - start} characters")
            fix = Fix("break the line; long lists of numbers belong in a data file, as a `param`")
            return Diagnostic("E0110", f"a line is longer than {limit} characters", (label,), fixes=(fix,))
        start = end + 1
    return None


def deep_expression(source: Source, tokens: list[Token], limit: int) -> Diagnostic:
    """An expression of more levels than later passes could follow."""
    label = Label(span_of(source, tokens[0]), "in this statement")
    fix = Fix("give parts of it names with `let`, or sum over a `for` clause")
    return Diagnostic("E0110", f"an expression is more than {limit} operations deep", (label,), fixes=(fix,))
