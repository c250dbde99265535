"""Tokens to statements: the layout rule.

Inside ``( )`` and ``[ ]`` line ends do not count. A line that begins right of the first token of the current
statement continues it; any other begins a new one. After ``subject to`` and after the ``{`` of a block a new
statement always begins; ``;`` and the ``}`` of a block end one. The contents of a block are taken out of its
statement and cut the same way, so that each statement can be parsed alone and each can have its own error.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lark import Token

from karush.dsl import layout_errors
from karush.dsl.diagnostics import Diagnostic
from karush.dsl.source import Source
from karush.dsl.tokens import CLAUSE_WORDS, STATEMENT_WORDS, Lexed, line_of

MAX_NESTING = 100
"""How deep brackets and blocks may nest: later passes recurse over them."""

MAX_ERRORS = 20
"""So many findings at most are reported of one file."""

_CLOSER = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}
_CLOSERS = frozenset(_CLOSER.values())
_BLOCK_WORDS = frozenset({"FN", "MODEL", "ATOM"})

_FOREIGN = {
    "ATOM": STATEMENT_WORDS,
    "FN": STATEMENT_WORDS - {"LET", "RETURN"},
    "MODEL": frozenset({"PARAM", "IMPORT"}),
}
"""Statements that cannot stand in the block of a word."""


@dataclass
class Chunk:
    """The tokens of one statement. ``body`` are the statements of its block, whose braces stay as ``{ }``.

    A broken chunk has had its error reported already.
    """

    tokens: list[Token]
    column: int
    body: list[Chunk] | None = None
    broken: bool = False

    @property
    def first(self) -> Token:
        """The token that the statement begins with."""
        return self.tokens[0]


@dataclass
class Layout:
    """The statements of a file, and what was wrong with its brackets and its indentation."""

    chunks: list[Chunk] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)


def split(source: Source, lexed: Lexed) -> Layout:
    """Cut the tokens of a file into statements."""
    splitter = _Splitter(source, lexed)
    if lexed.tabs:
        splitter.report(layout_errors.tabs(source, lexed.tabs))
    position = 0
    while len(splitter.layout.diagnostics) < MAX_ERRORS:
        if position < len(lexed.tokens):
            position = splitter.step(position)
        elif splitter.brackets:
            position = splitter.give_up_bracket()
        else:
            break
    splitter.finish()
    return splitter.layout


class _Splitter:
    """Walks over the tokens once (again from the next line only after a bracket that is never closed)."""

    def __init__(self, source: Source, lexed: Lexed) -> None:
        self.source = source
        self.lexed = lexed
        self.layout = Layout()
        self.statements = self.layout.chunks
        self.current: Chunk | None = None
        self.blocks: list[tuple[Chunk, list[Chunk]]] = []  # header, and the list that the header stands in
        self.brackets: list[int] = []  # where in the tokens the open brackets of the current statement stand
        self.deep = False  # brackets nested too deep were reported
        self.forgiven = 0  # closing braces whose opening ones fell victim to an error

    def report(self, diagnostic: Diagnostic) -> None:
        self.layout.diagnostics.append(diagnostic)

    def report_depth(self, opener: Token) -> None:
        """Brackets nested too deep are one finding, however many there are."""
        if not self.deep:
            self.report(layout_errors.too_deep(self.source, opener, MAX_NESTING))
        self.deep = True

    def step(self, position: int) -> int:
        """Take the token at a position; the answer is the position of the next one."""
        token = self.lexed.tokens[position]
        first = position == 0 or self.lexed.tokens[position - 1].line != token.line
        if self.brackets:
            return self.step_inside(position, token, first)
        if token.type == "SEMICOLON":
            self.end()
        elif token.type == "RBRACE":
            self.close_block(token, first)
        else:
            if first and token.type in STATEMENT_WORDS:
                self.leave_open_blocks(token)
            if self.begins_statement(position, token, first):
                self.end()
                self.current = Chunk([], self.lexed.column(token))
            self.add(position, token)
        return position + 1

    def begins_statement(self, position: int, token: Token, first: bool) -> bool:
        current = self.current
        if current is None:
            return True
        if first and self.lexed.column(token) <= current.column:
            if token.type != "LBRACE" or current.broken or not self.opens_block(position, current):
                return True
            self.report(layout_errors.brace_on_next_line(self.source, current.tokens[-1], token))
            return False
        if first and self.lacks_block(current, token):
            self.report(layout_errors.brace_missing(self.source, current.first, current.tokens[-1]))
            current.broken = True
            self.open_block(current)
            return True
        if token.type not in STATEMENT_WORDS or not (first or token.type == "SUBJECT_TO"):
            return False
        if token.type == "MAXIMIZE" and self.is_second_half_of_saddle(position, current):
            return False
        if not current.broken:
            self.report(layout_errors.statement_within(self.source, token, current.first, first))
        return True

    def lacks_block(self, header: Chunk, token: Token) -> bool:
        """Whether a statement within the header of a block shows that its ``{`` was forgotten."""
        if header.broken or header.first.type not in _BLOCK_WORDS or header.tokens[-1].type != "RPAR":
            return False
        return token.type in STATEMENT_WORDS or (header.first.type == "ATOM" and token in CLAUSE_WORDS)

    def is_second_half_of_saddle(self, position: int, current: Chunk) -> bool:
        following = self.lexed.tokens[position + 1 : position + 2]
        return current.first.type == "MINIMIZE" and following == ["over"]

    def add(self, position: int, token: Token) -> None:
        """Append a token outside of brackets to the current statement."""
        chunk = self.current
        assert chunk is not None
        chunk.tokens.append(token)
        if token.type == "SUBJECT_TO" and len(chunk.tokens) == 1:
            self.end()
        elif token.type == "LBRACE" and self.opens_block(position, chunk):
            self.open_block(chunk)
        elif chunk.broken:
            self.forgiven += token.type == "LBRACE"
        elif token.type in _CLOSER:
            self.open_bracket(position, token)
        elif token.type in _CLOSERS:
            self.report(layout_errors.nothing_to_close(self.source, token))
            chunk.broken = True

    def opens_block(self, position: int, chunk: Chunk) -> bool:
        """Whether a ``{`` begins a block: by the word of its statement, or because it ends its line."""
        first = chunk.first
        in_atom = bool(self.blocks) and self.blocks[-1][0].first.type == "ATOM"
        if first.type in _BLOCK_WORDS or (in_atom and first == "graph"):
            return True
        following = self.lexed.tokens[position + 1 : position + 2]
        return first.type != "SET" and (not following or following[0].line != self.lexed.tokens[position].line)

    # ------------------------------------------------------------ blocks

    def open_block(self, header: Chunk) -> None:
        if len(self.blocks) >= MAX_NESTING:
            self.report_depth(header.tokens[-1])
            header.broken = True
            self.forgiven += 1
            return
        self.blocks.append((header, self.statements))
        header.body = self.statements = []
        self.current = None

    def close_block(self, brace: Token, first: bool) -> None:
        if self.forgiven:
            self.forgiven -= 1
            return
        if self.blocks:
            self.end()
            header, self.statements = self.blocks.pop()
            header.tokens.append(brace)
            self.statements.append(header)
        else:
            self.report(layout_errors.nothing_to_close(self.source, brace))
            if first:
                self.end()
            if self.current is not None:
                self.current.broken = True

    def end(self) -> None:
        """The current statement is complete."""
        if self.current is not None:
            self.statements.append(self.current)
        self.current = None

    def leave_open_blocks(self, token: Token) -> None:
        """Give up blocks that a statement cannot stand in, when its line begins no further right than they do."""
        while self.blocks:
            header = self.blocks[-1][0]
            foreign = token.type in _FOREIGN.get(header.first.type, ())
            if not foreign or self.lexed.column(token) > header.column:
                return
            self.give_up_block()

    def give_up_block(self) -> None:
        """Report the innermost open block as never closed."""
        self.end()
        header, self.statements = self.blocks.pop()
        if len(self.layout.diagnostics) < MAX_ERRORS and not self.deep:
            self.report(layout_errors.never_closed(self.source, header.tokens[-1]))
        header.broken = True
        self.statements.append(header)

    def finish(self) -> None:
        """The end of the file closes everything, with a word about each block that was left open."""
        self.brackets = []
        self.end()
        while self.blocks:
            self.give_up_block()

    # ------------------------------------------------------------ brackets

    def step_inside(self, position: int, token: Token, first: bool) -> int:
        """A token within brackets, where line ends do not count."""
        chunk = self.current
        assert chunk is not None
        if (first and token.type in STATEMENT_WORDS) or (token.type == "RBRACE" and self.ends_block()):
            return self.give_up_bracket()
        chunk.tokens.append(token)
        if token.type in _CLOSER:
            self.open_bracket(position, token)
        elif token.type in _CLOSERS:
            opener = self.lexed.tokens[self.brackets.pop()]
            if _CLOSER[opener.type] != token.type:
                self.report(layout_errors.wrong_closer(self.source, opener, token))
                self.break_off(chunk)
        return position + 1

    def ends_block(self) -> bool:
        """Whether a ``}`` within brackets belongs to the block around them."""
        return bool(self.blocks) and all(self.lexed.tokens[p].type != "LBRACE" for p in self.brackets)

    def open_bracket(self, position: int, token: Token) -> None:
        self.brackets.append(position)
        if len(self.brackets) + len(self.blocks) > MAX_NESTING and self.current is not None:
            self.report_depth(token)
            self.break_off(self.current)

    def break_off(self, chunk: Chunk) -> None:
        """Read the rest of a statement without looking at its brackets."""
        chunk.broken = True
        self.forgiven += sum(self.lexed.tokens[position].type == "LBRACE" for position in self.brackets)
        self.brackets = []

    def give_up_bracket(self) -> int:
        """Report the outermost open bracket as never closed, and go on at the line after it."""
        chunk = self.current
        assert chunk is not None
        position = self.brackets[0]
        opener = self.lexed.tokens[position]
        self.report(layout_errors.never_closed(self.source, opener))
        while position < len(self.lexed.tokens) and self.lexed.tokens[position].line == opener.line:
            position += 1
        after = (t for t in range(len(chunk.tokens)) if line_of(chunk.tokens[t]) > line_of(opener))
        del chunk.tokens[next(after, len(chunk.tokens)) :]
        chunk.broken = True
        self.brackets = []
        if chunk.tokens[-1].type == "LBRACE" and self.opens_block(position - 1, chunk):
            self.open_block(chunk)
        return position
