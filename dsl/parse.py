"""Text to syntax tree.

``parse`` never raises on what a user wrote: the file is lexed once, cut into statements by the layout rule, and
each statement is parsed alone, so that one file may show several findings and keep its other statements.
"""

from __future__ import annotations

from dataclasses import replace

from lark import Lark, Token, Tree, UnexpectedToken

from karush.dsl import ast, grammar, relations, syntax_errors
from karush.dsl.build import StatementBuilder
from karush.dsl.diagnostics import Diagnostic
from karush.dsl.layout import MAX_ERRORS, Chunk, split
from karush.dsl.placement import Block, unknown_clause
from karush.dsl.reuse import Key, Statements
from karush.dsl.slip import Slip
from karush.dsl.source import Source, Span
from karush.dsl.tokens import CLAUSE_WORDS, Lexed, lex, line_of, mark_words, name_of

MAX_DEPTH = 200
"""How deep operations may stand within operations, brackets or not; every later pass may recurse this deep.

A chain of operators from the left, ``a + b + c``, is one level however long it is: passes go along it with a loop.
"""

MAX_LINE = 100_000
"""Longer lines are no text that somebody wrote."""


def parse(source: Source, earlier: Statements | None = None) -> tuple[ast.Module, list[Diagnostic]]:
    """The syntax tree of a file and what is wrong with it, at most MAX_ERRORS findings.

    A statement with an error is left out of the tree; the names that occur in it are ``poisoned``. With what is kept
    of ``earlier`` parses only statements that changed are parsed again.
    """
    whole = Span(source, 0, len(source.text))
    overlong = syntax_errors.overlong_line(source, MAX_LINE)
    if overlong is not None:
        return ast.Module(source, (), span=whole), [overlong]
    parser = grammar.load()
    earlier = Statements() if earlier is None else earlier
    earlier.begin()
    lexed = lex(source, parser, earlier.lines)
    layout = split(source, lexed)
    reader = _Reader(source, parser, lexed, layout.diagnostics, earlier)
    statements = reader.statements(layout.chunks, Block("file"))
    module = ast.Module(source, statements, lexed.doc, frozenset(reader.poisoned), span=whole)
    return module, sorted(reader.diagnostics, key=lambda d: d.labels[0].span.start)[:MAX_ERRORS]


class _Reader:
    """Parses the statements of one file, block within block."""

    def __init__(
        self, source: Source, parser: Lark, lexed: Lexed, diagnostics: list[Diagnostic], earlier: Statements
    ) -> None:
        self.source = source
        self.parser = parser
        self.lexed = lexed
        self.diagnostics = diagnostics
        self.earlier = earlier
        self.poisoned: set[str] = set()

    def statements(self, chunks: list[Chunk], block: Block) -> tuple[ast.Statement, ...]:
        """The statements of a file or a block."""
        found = []
        for chunk in chunks if block.context != "unknown" else ():
            if len(self.diagnostics) >= MAX_ERRORS:
                break
            statement = self.known(chunk, block)
            if statement is None:
                block.damaged = True
                self.poisoned |= {name_of(token) for token in chunk.tokens if token.type == "NAME"}
                continue
            self.diagnostics += list(block.check(statement)) or list(relations.check_statement(statement))
            found.append(statement)
        return tuple(found)

    def known(self, chunk: Chunk, block: Block) -> ast.Statement | None:
        """One statement, taken over from an earlier parse where it has not changed. Blocks are read anew."""
        if chunk.broken or chunk.body is not None:
            return self.statement(chunk, block)
        key, start = self.key(chunk, block), chunk.first.start_pos or 0
        found = self.earlier.take(key, self.source, start)
        if found is None:
            said = len(self.diagnostics)
            found = self.statement(chunk, block)
            if found is not None and len(self.diagnostics) == said:
                self.earlier.keep(key, found, start)
        return found

    def key(self, chunk: Chunk, block: Block) -> Key:
        """All that the statement of a chunk without a block depends on."""
        first, last = line_of(chunk.first), line_of(chunk.tokens[-1])
        text = self.source.text[chunk.first.start_pos or 0 : chunk.tokens[-1].end_pos or 0]
        docs = self.lexed.docs
        return block.context, text, tuple((n - first, docs[n]) for n in range(first, last + 1) if n in docs)

    def statement(self, chunk: Chunk, block: Block) -> ast.Statement | None:
        """One statement with the block it has, or None after an error."""
        inner = Block(_kind_of_block(chunk, block.context))
        body = () if chunk.body is None else self.statements(chunk.body, inner)
        if chunk.broken:
            return None
        tokens = mark_words(chunk.tokens, in_atom=block.context == "atom")
        if block.context == "atom" and tokens[0].type not in CLAUSE_WORDS.values():
            self.diagnostics.append(unknown_clause(self.source, tokens[0]))
            return None
        tree = self.tree(tokens, block)
        if tree is None:
            return None
        builder = StatementBuilder(self.source, self.lexed.docs, body)
        statement = builder.build(tree)
        self.diagnostics += builder.diagnostics
        if chunk.body is not None:
            self.diagnostics += inner.finish(statement)
        return replace(statement, doc=self.documentation(chunk, statement))

    def tree(self, tokens: list[Token], block: Block) -> Tree[Token] | None:
        """The parse tree of one statement, or None after an error."""
        state = self.parser.parse_interactive()
        position = 0
        try:
            while position < len(tokens):
                state.feed_token(tokens[position])
                position += 1
            tree = state.feed_eof(tokens[-1])
        except UnexpectedToken:
            accepted = frozenset(state.accepts())
            slip = Slip(self.source, tokens, position, accepted, block.context, block.listing)
            self.diagnostics.append(syntax_errors.explain(slip))
            return None
        if depth(tree) > MAX_DEPTH:
            self.diagnostics.append(syntax_errors.deep_expression(self.source, tokens, MAX_DEPTH))
            return None
        return tree

    def documentation(self, chunk: Chunk, statement: ast.Statement) -> str | None:
        """The ``##`` text of a statement: all on its lines, but for lines that document names of a header."""
        docs = self.lexed.docs
        first = line_of(chunk.first)
        if isinstance(statement, ast.Dim | ast.Param | ast.Var):
            return docs.get(first)
        tokens = chunk.tokens if chunk.body is None else chunk.tokens[:-1]
        lines = {line_of(token) for token in tokens}
        if isinstance(statement, ast.Fn | ast.ModelBlock | ast.SetDeclaration | ast.AtomDeclaration):
            lines -= {item.span.line for item in statement.header} - {first}
        return "\n".join(docs[line] for line in sorted(lines & docs.keys())) or None


def _kind_of_block(chunk: Chunk, context: str) -> str:
    """What a block holds, by the word before it."""
    words = {"FN": "fn", "ATOM": "atom", "MODEL": "model"}
    if chunk.first.type in words:
        return words[chunk.first.type]
    return "model" if context == "atom" and chunk.first == "graph" else "unknown"


_LEVELS = frozenset({
    "if_else", "binary", "unary", "perp", "membership", "compare", "attribute", "index", "call", "call_over",
    "array", "comprehension"
})  # fmt: skip


def depth(tree: Tree[Token]) -> int:
    """How deep expressions stand within expressions, counted without recursion."""
    deepest = 0
    pending = [(tree, 0)]
    while pending:
        node, level = pending.pop()
        inside = level + (node.data in _LEVELS)
        deepest = max(deepest, inside)
        for child in node.children:
            if isinstance(child, Tree):
                goes_on = node.data == child.data == "binary" and child is node.children[0]
                pending.append((child, level if goes_on else inside))
    return deepest
