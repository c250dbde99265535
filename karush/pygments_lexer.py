"""Highlighting of ``.opt`` models with Pygments: in documents, notebooks and terminals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from pygments.lexer import RegexLexer, bygroups
from pygments.lexer import words as any_of
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Text
from pygments.util import Future

from karush.words import Words, words

NAME = r"[^\W\d]\w*"
WORD_OPERATORS = ("and", "or", "not", "in", "perp")


class _OneOf(Future):
    """One of the language's words of some kinds; the list is read when the first lexer is made."""

    def __init__(self, *kinds: str, without: Sequence[str] = (), suffix: str = "") -> None:
        self.kinds, self.without, self.suffix = kinds, without, suffix

    def get(self) -> str:
        """The regular expression."""
        known: Words = words()
        found = [word for kind in self.kinds for word in getattr(known, kind) if word not in self.without]
        return str(any_of(found, prefix=r"(?<!\w)", suffix=rf"(?!\w){self.suffix}").get())


class KarushLexer(RegexLexer):
    """Tokens of a model."""

    name = "Karush"
    aliases: ClassVar[list[str]] = ["karush", "opt"]
    filenames: ClassVar[list[str]] = ["*.opt"]
    mimetypes: ClassVar[list[str]] = ["text/x-karush"]
    flags = re.MULTILINE

    tokens: ClassVar[dict[str, list[Any]]] = {
        "root": [
            (rf"^([ \t]*)({NAME})([ \t]*)(:)", bygroups(Text.Whitespace, Name.Label, Text.Whitespace, Punctuation)),
            (
                rf"\b(minimize|maximize)([ \t]+)({NAME})([ \t]*)(:)",
                bygroups(Keyword.Declaration, Text.Whitespace, Name.Label, Text.Whitespace, Punctuation),
            ),
            (r"\n|[^\S\n]+", Text.Whitespace),  # a line is begun on its own, so that labels are found
            (r"##.*", String.Doc),
            (r"#.*", Comment.Single),
            (r'"[^"\r\n]*"', String.Double),
            (r"[0-9]+(?:\.[0-9]+(?:[eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+)", Number.Float),
            (r"[0-9]+", Number.Integer),
            (rf"(\.)({NAME})", bygroups(Punctuation, Name.Attribute)),
            (r"subject[ \t]+to(?!\w)", Keyword.Declaration),
            (_OneOf("constants"), Keyword.Constant),
            (r"(?:" + "|".join(WORD_OPERATORS) + r")(?!\w)", Operator.Word),
            (_OneOf("operators", without=WORD_OPERATORS), Keyword),
            (_OneOf("statements", without=("subject to",)), Keyword.Declaration),
            (_OneOf("functions", suffix=r"(?=[ \t]*\()"), Name.Builtin),
            (_OneOf("sets"), Name.Builtin.Pseudo),
            (NAME, Name),
            (r"==|!=|<=|>=|\*\*|[-+*/@^<>=]", Operator),
            (r"[()\[\]{},:;.]", Punctuation),
            (r".", Text),
        ]
    }
