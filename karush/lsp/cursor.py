"""What stands before the cursor in the statement that is being typed, whether or not it can be parsed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from lark import Token

from karush.dsl import grammar
from karush.dsl.source import Source
from karush.dsl.tokens import ENDS_A_VALUE, STATEMENT_WORDS, Lexed, lex

BLOCK_WORDS = frozenset({"FN", "MODEL", "ATOM"})
DECLARING = frozenset({"DIM", "PARAM", "VAR"})
OPENERS = frozenset({"LPAR", "LSQB", "LBRACE"})
CLOSERS = frozenset({"RPAR", "RSQB", "RBRACE"})


class Wanted(Enum):
    """What may be typed at a place."""

    NOTHING = "nothing"  # a comment, a text, a number, a name that is new here
    STATEMENT = "statement"
    VALUE = "value"
    OPERATOR = "operator"
    SET = "set"
    INDEX_SET = "index set"
    SIZE = "size"
    FIELD = "field"
    LABEL = "label"
    UNKNOWN = "unknown"
    SOLVER = "solver"
    SOLVER_OPTION = "option of a solver"
    METHOD = "method"
    METHOD_OPTION = "option of a method"
    TIED_ATOM = "atom with ties"
    MODULE = "module"


@dataclass(frozen=True)
class Cursor:
    """The tokens of the statement before the cursor, without the word at it, which begins at ``start``.

    ``block`` is the kind of block that the statement stands in: ``file``, ``fn``, ``model``, ``atom`` or ``graph``.
    """

    tokens: tuple[Token, ...]
    start: int
    wanted: Wanted
    block: str = "file"


def cursor_at(text: str, offset: int) -> Cursor:
    """What is known of a place in a text."""
    start = _start_of_word(text, offset)
    if _is_quiet(text, start):
        return Cursor((), start, Wanted.NOTHING)
    tokens, block = _statement(text, start)
    if start < offset and text[start].isdigit():
        return Cursor(tokens, start, Wanted.NOTHING)
    return Cursor(tokens, start, _wanted(tokens), block)


def _start_of_word(text: str, offset: int) -> int:
    start = offset
    while start and (text[start - 1].isalnum() or text[start - 1] == "_"):
        start -= 1
    return start


def _is_quiet(text: str, offset: int) -> bool:
    """Whether a place lies in a comment or within quotes."""
    line = text[text.rfind("\n", 0, offset) + 1 : offset]
    outside = "".join(line.split('"')[::2])
    return "#" in outside or line.count('"') % 2 == 1


def _statement(text: str, offset: int) -> tuple[tuple[Token, ...], str]:
    """The tokens of the statement that a word at this place would belong to, and the kind of block it is in."""
    begin = _window(text, offset)
    source = Source("", text[begin:offset] + "x")
    lexed = lex(source, grammar.load())
    reader = _Reader(lexed)
    for token in lexed.tokens:
        reader.read(token)
    return tuple(reader.current[:-1]), reader.blocks[-1]


class _Reader:
    """Cuts tokens into statements like the layout rule, where brackets and blocks may be open at the end."""

    def __init__(self, lexed: Lexed) -> None:
        self.lexed = lexed
        self.current: list[Token] = []
        self.blocks = ["file"]
        self.depth = 0
        self.line = 0

    def read(self, token: Token) -> None:
        first = token.line != self.line
        self.line = token.line or 0
        if first and self.begins(token):
            self.current, self.depth = [], 0
        if self.depth == 0 and token.type in ("SEMICOLON", "RBRACE"):
            self.current = []
            if token.type == "RBRACE" and len(self.blocks) > 1:
                self.blocks.pop()
            return
        self.current.append(token)
        if self.depth == 0 and token.type == "SUBJECT_TO":
            self.current = []
        elif self.depth == 0 and token.type == "LBRACE" and self.current[0] in _BLOCKS:
            self.blocks.append(str(self.current[0]))
            self.current = []
        else:
            self.depth = max(0, self.depth + (token.type in OPENERS) - (token.type in CLOSERS))

    def begins(self, token: Token) -> bool:
        """Whether a new statement begins with the first token of a line."""
        if not self.current or token.type in STATEMENT_WORDS:
            return True
        return self.depth == 0 and self.lexed.column(token) <= self.lexed.column(self.current[0])


_BLOCKS = frozenset({"fn", "model", "atom", "graph"})


def _window(text: str, offset: int) -> int:
    """The beginning of the last line that is not indented: a statement of the file begins there at the latest."""
    begin = text.rfind("\n", 0, offset) + 1
    while begin > 0 and (text[begin : begin + 1] in (" ", "\t", "\n", "\r", "#", "") or begin == offset):
        begin = text.rfind("\n", 0, begin - 1) + 1
    return begin


# ---------------------------------------------------------------- what may come next


def _wanted(tokens: tuple[Token, ...]) -> Wanted:
    """What may be typed after these tokens of a statement."""
    if not tokens:
        return Wanted.STATEMENT
    first, last = tokens[0], tokens[-1]
    if last.type == "DOT":
        return Wanted.FIELD
    if first.type in _OF_STATEMENT:
        return _of_statement(tokens)
    if last.type == "COLON" and len(tokens) == 2:
        return Wanted.VALUE
    if _names_something_new(tokens):
        return Wanted.NOTHING
    if last.type == "IN":
        return _after_in(tokens)
    if last.type in ENDS_A_VALUE:
        return Wanted.OPERATOR
    if first.type == "FIND":
        return Wanted.UNKNOWN
    return _inside(tokens)


_OF_STATEMENT = {
    "USING": (Wanted.SOLVER, Wanted.SOLVER_OPTION),
    "DERIVATIVE": (Wanted.METHOD, Wanted.METHOD_OPTION),
    "IMPORT": (Wanted.MODULE, Wanted.NOTHING),
}


def _of_statement(tokens: tuple[Token, ...]) -> Wanted:
    """After ``using``, ``derivative``, ``import``: a name, then options within brackets."""
    name, option = _OF_STATEMENT[tokens[0].type]
    if len(tokens) == 1:
        return name
    if tokens[-1].type not in ("LPAR", "COMMA"):
        return Wanted.NOTHING
    return Wanted.TIED_ATOM if tokens[0].type == "DERIVATIVE" and tokens[1] == "rule" else option


def _names_something_new(tokens: tuple[Token, ...]) -> bool:
    """Whether a name that is typed now is a new one: behind ``let``, behind ``for``, in a header."""
    first, last = tokens[0], tokens[-1]
    if last.type in STATEMENT_WORDS - {"MINIMIZE", "MAXIMIZE", "FIND", "RETURN"} or last.type == "FOR":
        return True
    opener = innermost(tokens)
    if last.type == "COMMA" and _within_clause(tokens):
        return True
    if first.type in DECLARING and last.type == "COMMA" and opener is None:
        return True
    in_header = opener == 2 and first.type in BLOCK_WORDS | {"SET"} and tokens[opener].type == "LPAR"
    return in_header and last.type in ("LPAR", "COMMA")


def _after_in(tokens: tuple[Token, ...]) -> Wanted:
    """After ``in``: an index set where a clause is open and its binder has no sizes, else a set."""
    sized = len(tokens) > 1 and tokens[-2].type == "RSQB"
    return Wanted.INDEX_SET if _within_clause(tokens) and not sized else Wanted.SET


def _within_clause(tokens: tuple[Token, ...]) -> bool:
    """Whether the binders of a ``for`` are being typed: nothing but binders since it, in the same brackets."""
    depth = 0
    for token in reversed(tokens):
        if token.type in CLOSERS:
            depth += 1
        elif token.type in OPENERS:
            depth -= 1
            if depth < 0:
                return False
        elif depth == 0 and token.type in ("FOR", "IF"):
            return token.type == "FOR"
    return False


def _inside(tokens: tuple[Token, ...]) -> Wanted:
    """By the innermost open bracket: sizes of a declaration, the label of ``dual``, else a value."""
    opener = innermost(tokens)
    if opener is None:
        return Wanted.VALUE
    before = tokens[opener - 1] if opener else None
    if tokens[opener].type == "LSQB" and tokens[0].type in DECLARING | BLOCK_WORDS and "ASSIGN" not in _types(tokens):
        return Wanted.SIZE
    if before == "dual":
        return Wanted.LABEL
    if before == "index":
        return Wanted.SIZE
    return Wanted.VALUE


def innermost(tokens: Sequence[Token]) -> int | None:
    """Where the innermost bracket stands that is still open; None where there is none."""
    open_brackets: list[int] = []
    for place, token in enumerate(tokens):
        if token.type in OPENERS:
            open_brackets.append(place)
        elif token.type in CLOSERS and open_brackets:
            open_brackets.pop()
    return open_brackets[-1] if open_brackets else None


def _types(tokens: Sequence[Token]) -> set[str]:
    return {token.type for token in tokens}
