"""What is said about brackets, indentation and the places where statements begin."""

from __future__ import annotations

from collections.abc import Sequence

from lark import Token

from karush.dsl.diagnostics import Diagnostic, Fix, Label
from karush.dsl.source import Source, Span
from karush.dsl.tokens import TAB_WIDTH

_CLOSING = {"(": ")", "[": "]", "{": "}"}
_OPENING = {")": "(", "]": "[", "}": "{"}


def span_of(source: Source, token: Token) -> Span:
    """The place of a token."""
    return Span(source, token.start_pos or 0, token.end_pos or 0)


def tabs(source: Source, blanks: Sequence[Token]) -> Diagnostic:
    """Indentation is compared by columns, and a tab has no width that everybody agrees on."""
    count = "a line is" if len(blanks) == 1 else f"{len(blanks)} lines are"
    fixes = [
        Fix(
            "" if index else f"{TAB_WIDTH} spaces for each tab",
            span_of(source, blank),
            blank.lstrip("\ufeff").expandtabs(TAB_WIDTH),
        )
        for index, blank in enumerate(blanks)
    ]
    label = Label(span_of(source, blanks[0]), "a tab")
    return Diagnostic("E0102", f"{count} indented with a tab", (label,), fixes=tuple(fixes))


def never_closed(source: Source, opener: Token) -> Diagnostic:
    """A bracket without its other half."""
    closer = _CLOSING[opener]
    label = Label(span_of(source, opener), f"no `{closer}` belongs to it")
    return Diagnostic("E0101", f"`{opener}` is never closed", (label,), fixes=(Fix(f"add `{closer}`"),))


def wrong_closer(source: Source, opener: Token, closer: Token) -> Diagnostic:
    """``sum(x]``."""
    labels = (
        Label(span_of(source, closer), f"expected `{_CLOSING[opener]}`"),
        Label(span_of(source, opener), "opened here"),
    )
    message = f"`{closer}` does not close `{opener}`"
    return Diagnostic(
        "E0101", message, labels, fixes=(Fix(f"`{_CLOSING[opener]}` before `{closer}`, or instead of it"),)
    )


def nothing_to_close(source: Source, closer: Token) -> Diagnostic:
    """A closing bracket alone."""
    label = Label(span_of(source, closer), f"no `{_OPENING[closer]}` is open here")
    fix = Fix(f"drop the `{closer}`, or open its `{_OPENING[closer]}`")
    return Diagnostic("E0101", f"`{closer}` closes nothing", (label,), fixes=(fix,))


def too_deep(source: Source, opener: Token, limit: int) -> Diagnostic:
    """More brackets within brackets than a person could read."""
    label = Label(span_of(source, opener), f"level {limit + 1}")
    fix = Fix("give parts of it names with `let`")
    return Diagnostic("E0110", f"brackets are nested more than {limit} deep", (label,), fixes=(fix,))


def brace_on_next_line(source: Source, before: Token, brace: Token) -> Diagnostic:
    """A block whose ``{`` begins a line, where by the layout rule a new statement would begin."""
    between = Span(source, before.end_pos or 0, brace.start_pos or 0)
    fix = Fix("put `{` at the end of the line above", between, " ") if not between.text.strip() else Fix("move it up")
    label = Label(span_of(source, brace), "expected at the end of the line above")
    return Diagnostic("E0114", "the `{` of a block stands on the line of its header", (label,), fixes=(fix,))


def brace_missing(source: Source, word: Token, before: Token) -> Diagnostic:
    """A header whose block begins without ``{``."""
    end = before.end_pos or 0
    label = Label(Span(source, end, end), "expected `{`")
    fix = Fix("add ` {`, and a line `}` after the block if there is none", Span(source, end, end), " {")
    return Diagnostic("E0101", f"the block of `{word}` does not begin with `{{`", (label,), fixes=(fix,))


def statement_within(source: Source, word: Token, begun: Token, first_on_line: bool) -> Diagnostic:
    """A keyword that begins statements, where by the layout rule the statement above goes on."""
    labels = (
        Label(
            span_of(source, word),
            f"right of `{begun}`, so the line continues that statement"
            if first_on_line
            else "a statement begins on a line of its own",
        ),
        Label(span_of(source, begun), "this statement is not finished"),
    )
    if not first_on_line:
        fix = Fix(f"put `{word}` on the next line", Span(source, word.start_pos or 0, word.start_pos or 0), "\n")
    else:
        start = (word.start_pos or 0) - (word.column or 1) + 1
        indent = " " * ((begun.column or 1) - 1)
        fix = Fix(f"begin the line in the column of `{begun}`", Span(source, start, word.start_pos or 0), indent)
    return Diagnostic("E0114", f"`{word}` begins a statement in the middle of another", labels, fixes=(fix,))
