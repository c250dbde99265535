"""Text to tokens: the file is lexed once, blanks and comments are set aside.

Nothing here fails: a character that the language does not know becomes a token STRANGE, and the statement it
stands in is refused later, in its place.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from lark import Lark, Token

from karush.dsl.source import Source
from karush.dsl.token_lines import TokenLines

TAB_WIDTH = 4

KEYWORDS = frozenset({
    "dim", "param", "var", "let", "fn", "model", "set", "atom", "import", "minimize", "maximize", "find", "using",
    "derivative", "for", "in", "if", "then", "else", "and", "or", "not", "perp", "return", "true", "false"
})  # fmt: skip
"""The words that are never names; ``subject to`` is one more, of two words."""

STATEMENT_WORDS = frozenset({
    "DIM", "PARAM", "VAR", "LET", "FN", "MODEL", "SET", "ATOM", "IMPORT", "MINIMIZE", "MAXIMIZE", "FIND",
    "SUBJECT_TO", "USING", "DERIVATIVE", "RETURN"
})  # fmt: skip
"""The terminals that stand at the beginning of a statement (``maximize`` also within a saddle)."""

CLAUSE_WORDS = {
    "value": "_VALUE",
    "range": "_RANGE",
    "convex": "CURVATURE",
    "concave": "CURVATURE",
    "affine": "CURVATURE",
    "nondecreasing": "MONOTONICITY",
    "nonincreasing": "MONOTONICITY",
    "rule": "_RULE",
    "graph": "_GRAPH",
    "prox": "_PROX",
}
"""The words that begin a clause of an ``atom``, with the terminals they stand for there."""

ENDS_A_VALUE = frozenset({"NAME", "NUMBER", "STRING", "TRUE", "FALSE", "RPAR", "RSQB"})
"""The terminals after which an expression may be complete."""


@dataclass
class Lexed:
    """The tokens of a file and what stood between them.

    ``docs`` maps a line to the ``##`` text that documents the names declared on it; ``tabs`` are the blanks with a
    tab before the first token of a line; ``shifts`` says by how much the columns of a line differ from a count of
    its characters, because of tabs or a byte order mark.
    """

    tokens: list[Token] = field(default_factory=list)
    doc: str | None = None
    docs: dict[int, str] = field(default_factory=dict)
    tabs: list[Token] = field(default_factory=list)
    shifts: dict[int, int] = field(default_factory=dict)

    def column(self, token: Token) -> int:
        """The column that counts for the layout."""
        return (token.column or 0) + self.shifts.get(line_of(token), 0)


def name_of(token: str) -> str:
    """The name that a token spells: compatible characters are one name (NFKC), as in Python."""
    return str(token) if token.isascii() else unicodedata.normalize("NFKC", token)


def is_name(token: str) -> bool:
    """Whether a word of letters and digits is a name: `x²` is not, nor a keyword in wide letters."""
    return token.isascii() or (token.isidentifier() and name_of(token) not in KEYWORDS)


def line_of(token: Token) -> int:
    """The line of a token; every token of a text has one."""
    return token.line or 0


def lex(source: Source, grammar: Lark, earlier: TokenLines | None = None) -> Lexed:
    """All tokens of a file, with its documentation and the shape of its indentation.

    With what is kept of an ``earlier`` text only lines that changed are lexed again.
    """
    reader = _Reader()
    for tokens in (TokenLines() if earlier is None else earlier).lex(source.text, grammar, _counts):
        for token in tokens:
            reader.read(token)
    return reader.finish()


def _counts(token: Token) -> bool:
    """Whether anything depends on a token: line ends, blanks within a line and plain comments are passed over."""
    match token.type:
        case "NEWLINE":
            return False
        case "BLANK":
            return token.column == 1
        case "COMMENT":
            return token.startswith("##")
    return True


class _Reader:
    """Sorts a stream of tokens into those that count and those that only stand between."""

    def __init__(self) -> None:
        self.result = Lexed()
        self.pending: list[str] = []
        self.blank: Token | None = None

    def read(self, token: Token) -> None:
        match token.type:
            case "BLANK":
                self.blank = token
            case "COMMENT":
                self.document(token)
            case _:
                self.keep(token)

    def document(self, comment: Token) -> None:
        text = comment.lstrip("#").strip()
        tokens = self.result.tokens
        if tokens and tokens[-1].line == comment.line:
            self.attach(line_of(comment), text)
        else:
            self.pending.append(text)

    def attach(self, line: int, text: str) -> None:
        before = self.result.docs.get(line)
        self.result.docs[line] = text if before is None else f"{before}\n{text}"

    def keep(self, token: Token) -> None:
        result = self.result
        if self.pending and not result.tokens:
            self.settle()
        if self.pending and token.type != "SUBJECT_TO":
            if token.type != "RBRACE":
                self.attach(line_of(token), "\n".join(self.pending))
            self.pending = []
        if self.blank is not None:
            if self.blank.line == token.line:
                self.measure(self.blank)
            self.blank = None
        if token in KEYWORDS and result.tokens and result.tokens[-1].type == "DOT":
            token = token.update(type="NAME")  # a field may be called as a keyword is: `fit.derivative`
        elif token.type == "NAME" and not is_name(token):
            token = token.update(type="STRANGE")
        result.tokens.append(token)

    def settle(self) -> None:
        """What was documented before the first statement documents the file."""
        self.result.doc = "\n".join(self.pending) or None
        self.pending = []

    def measure(self, blank: Token) -> None:
        text = blank.lstrip("\ufeff")
        if "\t" in text:
            self.result.tabs.append(blank)
        shift = len(text.expandtabs(TAB_WIDTH)) - len(blank)
        if shift:
            self.result.shifts[line_of(blank)] = shift

    def finish(self) -> Lexed:
        if not self.result.tokens:
            self.settle()
        return self.result


def mark_words(tokens: Sequence[Token], *, in_atom: bool) -> list[Token]:
    """The tokens of one statement, with the names that are words in it marked as such.

    ``over`` is a word after the end of an expression in an objective, ``as`` after a path in an import,
    ``primitive`` before a text in an atom, and a clause's word at the beginning of a clause of an atom. Elsewhere
    all of them are names.
    """
    marked: list[Token] = []
    for number, token in enumerate(tokens):
        terminal = None
        if token.type == "NAME":
            if in_atom and number == 0:
                terminal = CLAUSE_WORDS.get(token)
            elif in_atom and token == "primitive" and tokens[number + 1 : number + 2]:
                terminal = "_PRIMITIVE" if tokens[number + 1].type == "STRING" else None
            elif marked:
                terminal = _word_after(token, marked[-1].type, marked[0].type)
        marked.append(token if terminal is None else token.update(type=terminal))
    return marked


def _word_after(token: Token, previous: str, first: str) -> str | None:
    """The terminal that a name stands for after a token of type ``previous``; None where it is just a name."""
    if token == "over" and first in ("MINIMIZE", "MAXIMIZE") and previous in ENDS_A_VALUE | {"MAXIMIZE"}:
        return "_OVER"
    if token == "as" and first == "IMPORT" and previous in ENDS_A_VALUE:
        return "_AS"
    return None
