"""Columns of neighbouring lines: names of lets, labels, ``for`` clauses, comments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from karush.dsl.document import STEP, WIDTH, Row, render
from karush.dsl.format_statements import Columns, StatementPrinter
from karush.dsl.layout import Chunk
from karush.dsl.token_tree import CLOSER
from karush.dsl.tokens import STATEMENT_WORDS

WIDEST = 48
"""Comments stand in one column behind code up to this width, and directly behind wider code."""
GAP = 2


def is_constraint(chunk: Chunk) -> bool:
    """Whether a statement (not a clause of an atom) is a constraint."""
    return chunk.first.type not in STATEMENT_WORDS


def indentations(chunks: Sequence[Chunk], indent: int) -> list[int]:
    """Where the statements of a list begin: two further right from ``subject to`` up to the last constraint."""
    last = max((n for n, chunk in enumerate(chunks) if is_constraint(chunk)), default=-1)
    marker = next((n for n, chunk in enumerate(chunks) if chunk.first.type == "SUBJECT_TO"), last)
    return [indent + STEP if marker < number <= last else indent for number in range(len(chunks))]


def columns_of(chunks: Sequence[Chunk], indents: Sequence[int], printer: StatementPrinter) -> list[Columns]:
    """The columns of every statement: those that it shares with the neighbours of its kind."""
    found: list[Columns] = []
    for run in neighbours(chunks, printer):
        label = max((len(c.first) for c in run if [t.type for t in c.tokens[:2]] == ["NAME", "COLON"]), default=0)
        name = max((len(c.tokens[1]) for c in run if c.first.type == "LET"), default=0)
        shared = Columns(label, name)
        gaps = clause_gaps(run, indents[len(found)], shared, printer)
        found += [Columns(label, name, gap) for gap in gaps]
    return found


def neighbours(chunks: Sequence[Chunk], printer: StatementPrinter) -> list[list[Chunk]]:
    """The statements in runs of one kind (lets, constraints), cut at empty lines and comments."""
    runs: list[list[Chunk]] = []
    for chunk in chunks:
        if runs and not printer.trivia.parted(chunk.first) and kind(chunk) == kind(runs[-1][-1]):
            runs[-1].append(chunk)
        else:
            runs.append([chunk])
    return runs


def kind(chunk: Chunk) -> str:
    """Constraints are of one kind, whatever they begin with."""
    return "constraint" if is_constraint(chunk) else chunk.first.type


def clause_gaps(run: Sequence[Chunk], indent: int, columns: Columns, printer: StatementPrinter) -> list[int]:
    """How many blanks stand before the ``for`` of each statement: neighbours on one line each have it in one column."""
    if not is_constraint(run[0]):
        return [columns.gap for _ in run]
    widths = [widths_with_clause(chunk, indent, columns, printer) for chunk in run]
    gaps: list[int] = []
    for in_line, some in groupby(widths, key=lambda width: width is not None):
        pairs = [pair or (0, 0) for pair in some]
        column = max(body for body, _ in pairs)
        aligned = in_line and all(whole + column - body <= WIDTH for body, whole in pairs)
        gaps += [columns.gap + (column - body if aligned else 0) for body, _ in pairs]
    return gaps


def widths_with_clause(
    chunk: Chunk, indent: int, columns: Columns, printer: StatementPrinter
) -> tuple[int, int] | None:
    """How wide a constraint is before its ``for`` and as a whole; None unless it has one and stands on one line."""
    place = clause_place(chunk)
    if place is None:
        return None
    whole = render(printer.statement(chunk.tokens, in_atom=False, columns=columns), indent)
    if len(whole) > 1:
        return None
    body = render(printer.statement(chunk.tokens[:place], in_atom=False, columns=columns), indent)
    return len(body[0].code), len(whole[0].code)


def clause_place(chunk: Chunk) -> int | None:
    """Where the ``for`` of a constraint stands, outside of brackets."""
    depth = 0
    for number, token in enumerate(chunk.tokens):
        depth += (token.type in CLOSER) - (token.type in CLOSER.values())
        if token.type == "FOR" and not depth:
            return number
    return None


def align_comments(rows: Sequence[Row]) -> Iterator[str]:
    """The lines of a file, with the comments behind code of ordinary width in one column."""
    widths = [len(row.code) for row in rows if row.comment and len(row.code) <= WIDEST]
    column = max(widths, default=0) + GAP
    for row in rows:
        if row.comment:
            width = max(column - GAP, len(row.code))
            if width + GAP + len(row.comment) > WIDTH:
                width = len(row.code)
            yield f"{row.code:<{width}}{' ' * GAP}{row.comment}"
        else:
            yield row.code
