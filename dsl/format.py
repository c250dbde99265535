"""One style for every file: ``karush fmt``.

A file is cut into statements as the parser does it, and each is printed from its own tokens, with its comments: two
blanks a level, 88 columns, at most one empty line in a row. Neighbours form columns: the ``=`` of lets, the relations
behind labels, the ``for`` behind constraints, the comments behind code. What a ``##`` documents stays what it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from lark import Token

from karush.dsl import grammar
from karush.dsl.diagnostics import Diagnostic
from karush.dsl.document import STEP, WIDTH, Row, join, render, text
from karush.dsl.format_columns import align_comments, columns_of, indentations
from karush.dsl.format_statements import Columns, StatementPrinter
from karush.dsl.layout import Chunk, split
from karush.dsl.parse import parse
from karush.dsl.source import Source
from karush.dsl.tokens import Lexed, lex, line_of
from karush.dsl.trivia import Remark, read_trivia

ENDLESS = 1_000_000


class FormatError(Exception):
    """The formatted text does not say what the text said: an internal error. Nothing is written then."""


def format_source(source: Source) -> str | list[Diagnostic]:
    """The text of a file in the one style, or the errors for which it is left alone.

    Raises FormatError where the result would be another model, which is a defect of this module.
    """
    module, findings = parse(source)
    if findings:
        return findings
    formatted = _format(source)
    again, damage = parse(Source(source.name, formatted))
    if damage or again != module:
        raise FormatError(f"{source.name}: formatting would change the model")
    return formatted


def _format(source: Source) -> str:
    parser = grammar.load()
    lexed = lex(source, parser)
    trivia = read_trivia(source, parser)
    chunks = split(source, lexed).chunks
    trivia.set_apart(chunk.first for chunk in every_statement(chunks))
    writer = _Writer(StatementPrinter(trivia, frozenset(lexed.docs)), lexed)
    writer.block(chunks, 0, in_atom=False)
    writer.remarks(trivia.end, 0)
    return "".join(f"{line}\n" for line in align_comments(writer.rows))


def every_statement(chunks: Sequence[Chunk]) -> Iterator[Chunk]:
    """The statements of a file with those in its blocks."""
    pending = list(chunks)
    while pending:
        chunk = pending.pop()
        pending += chunk.body or ()
        yield chunk


@dataclass
class _Writer:
    """Collects the lines of a file."""

    printer: StatementPrinter
    lexed: Lexed
    rows: list[Row] = field(default_factory=list)
    opened: bool = True  # a block has just begun: no empty line stands there

    def block(self, chunks: Sequence[Chunk], indent: int, *, in_atom: bool) -> None:
        """The statements of a file or a block."""
        indents = [indent for _ in chunks] if in_atom else indentations(chunks, indent)
        columns = [Columns() for _ in chunks] if in_atom else columns_of(chunks, indents, self.printer)
        for number, together in self.lines(chunks):
            self.statement(together, indents[number], in_atom=in_atom, columns=columns[number])

    def lines(self, chunks: Sequence[Chunk]) -> Iterator[tuple[int, list[Chunk]]]:
        """The statements one by one; those that share the ``##`` of one line stay together on it."""
        together: list[Chunk] = []
        start = 0
        for number, chunk in enumerate(chunks):
            if together and not self.shares_documentation(together[-1], chunk):
                yield start, together
                together = []
            if not together:
                start = number
            together.append(chunk)
        if together:
            yield start, together

    def shares_documentation(self, one: Chunk, other: Chunk) -> bool:
        line = line_of(other.first)
        simple = one.body is None and other.body is None and line == line_of(one.tokens[-1])
        return simple and line in self.lexed.docs and "SUBJECT_TO" not in (one.first.type, other.first.type)

    def statement(self, chunks: list[Chunk], indent: int, *, in_atom: bool, columns: Columns) -> None:
        chunk = chunks[0]
        self.leading(chunk.first, indent)
        if chunk.body is not None:
            self.with_block(chunk, chunk.body, indent, in_atom=in_atom)
        elif len(chunks) > 1:
            self.rows += self.one_line(chunks, indent, in_atom=in_atom)
        else:
            document = self.printer.statement(chunk.tokens, in_atom=in_atom, columns=columns)
            self.rows += render(document, indent)
        self.opened = chunk.first.type == "SUBJECT_TO"

    def one_line(self, chunks: Sequence[Chunk], indent: int, *, in_atom: bool) -> list[Row]:
        """Statements with ``;`` between them, on one line where no comment parts them."""
        groups = [
            render(self.printer.statement(c.tokens, in_atom=in_atom, columns=Columns()), indent, ENDLESS)
            for c in chunks
        ]
        if any(len(rows) > 1 for rows in groups) or any(rows[0].comment for rows in groups[:-1]):
            return [row for rows in groups for row in rows]
        code = "; ".join(rows[0].code.strip() for rows in groups)
        return [Row(" " * indent + code, groups[-1][0].comment)]

    def with_block(self, chunk: Chunk, body: Sequence[Chunk], indent: int, *, in_atom: bool) -> None:
        """A statement with a block; the comment behind a block of one line goes behind its ``{``."""
        *head, opener, closer = chunk.tokens
        header = self.printer.statement(head, in_atom=in_atom, columns=Columns())
        rows = render(join(header, text(" "), self.printer.token(opener)), indent)
        behind = self.printer.trivia.trailing(closer)
        if behind and line_of(closer) == line_of(chunk.first) and not rows[-1].comment:
            rows[-1] = replace(rows[-1], comment=behind)
            behind = ""
        self.rows += rows
        self.opened = True
        self.block(body, indent + STEP, in_atom=chunk.first.type == "ATOM")
        self.remarks(self.printer.trivia.leading(closer), indent + STEP)
        self.rows.append(Row(" " * indent + "}", behind))

    def leading(self, token: Token, indent: int) -> None:
        """The comments and the empty line above a statement."""
        place = token.start_pos or 0
        self.remarks(self.printer.trivia.above.get(place, ()), indent)
        if place in self.printer.trivia.blank:
            self.empty_line()

    def remarks(self, remarks: Sequence[Remark], indent: int) -> None:
        for remark in remarks:
            if remark.blank:
                self.empty_line()
            self.rows.append(Row(" " * indent + remark.text))
            self.opened = False

    def empty_line(self) -> None:
        if not self.opened and self.rows:
            self.rows.append(Row(""))


__all__ = ["WIDTH", "FormatError", "format_source"]
