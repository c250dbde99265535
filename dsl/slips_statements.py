"""Typical slips in the words that begin statements, in labels and equations, and at line ends."""

from __future__ import annotations

from karush.dsl.diagnostics import Diagnostic, Fix, Label
from karush.dsl.slip import COMPARATORS, Slip
from karush.dsl.source import Span
from karush.dsl.spelling import closest
from karush.dsl.tokens import ENDS_A_VALUE, STATEMENT_WORDS

_WORDS = {
    "parameter": "param", "parameters": "param", "params": "param", "data": "param", "input": "param",
    "const": "param", "constant": "param", "variable": "var", "variables": "var", "vars": "var",
    "decision": "var", "unknown": "var", "def": "fn", "func": "fn", "function": "fn", "define": "let",
    "minimise": "minimize", "minimum": "minimize", "maximise": "maximize", "maximum": "maximize",
    "min": "minimize", "max": "maximize", "solve": "find", "satisfy": "find", "root": "find",
    "size": "dim", "sizes": "dim", "dimension": "dim", "int": "dim", "index": "dim", "from": "import",
    "use": "using", "solver": "using", "class": "model", "problem": "model", "st": "subject to",
    "such": "subject to", "subject": "subject to", "subjectto": "subject to", "constraints": "subject to",
    "constraint": "subject to", "s.t.": "subject to", "subject_to": "subject to", "real": "param", "float": "param",
    "forall": "for",
}  # fmt: skip
_KEYWORDS = sorted({word.lower() for word in STATEMENT_WORDS if word.isalpha()} - {"fn"})


_ALIKE = frozenset({"param", "var", "minimize", "maximize", "subject to"})  # take the same text after them


def meant_keyword(word: str) -> str | None:
    """The word that begins a statement which somebody meant, None if there is none."""
    lower = word.lower()
    return lower if lower in _KEYWORDS else _WORDS.get(lower) or closest(lower, _KEYWORDS)


def misspelt(slip: Slip) -> Diagnostic | None:
    """``minimise x``, ``parameter a``, ``s.t.``."""
    if slip.first.type != "NAME" or not _follows_like_a_statement(slip):
        return None
    dotted = [str(token) for token in slip.tokens[:3]] == ["s", ".", "t"]
    meant = "subject to" if dotted else meant_keyword(slip.first)
    if meant is None:
        return None
    if meant == "for":
        return slip.error("E0117", "a `for` clause comes last", slip.span(0), "", "write `x[i] <= 1 for i in n`")
    span = slip.span(0, 3 if slip.type_at(3) == "DOT" else 2) if dotted else slip.span(0)
    if slip.first.lower() == "such" and slip.type_at(1) == "NAME" and slip.at(1) == "that":
        span = slip.span(0, 1)
    message = f"unknown word `{span.text}` at the beginning of a statement"
    alike = meant in _ALIKE or closest(slip.first.lower(), [meant]) is not None
    fix = slip.replace(span, meant) if alike else f"a statement with `{meant}`"
    return slip.error("E0100", message, span, f"did you mean `{meant}`?", fix)


def _follows_like_a_statement(slip: Slip) -> bool:
    """Whether a name is followed as a keyword would be: by a value, not by an operator."""
    if slip.position == 1:
        return slip.type in ("NAME", "NUMBER", "STRING", "NOT", "IF", "MODEL", "TRUE", "FALSE", "COMMA")
    return slip.type_at(1) == "DOT" and slip.first == "s" and slip.at(2) == "t" and slip.position <= 4


def colon_after_word(slip: Slip) -> Diagnostic | None:
    """``subject to:``, ``minimize: x``."""
    if slip.type != "COLON":
        return None
    if slip.position == 0:
        text = "`subject to` takes no colon" if slip.listing else "a statement cannot begin with `:`"
        return slip.error("E0115", text, slip.place, "", slip.replace(slip.place, ""))
    if slip.position == 1 and slip.first.type in STATEMENT_WORDS:
        message = f"`{slip.first}` takes no colon"
        return slip.error("E0115", message, slip.place, "", slip.replace(slip.place, ""))
    if slip.first.type == "FN" and not slip.inside:
        advice = "write `fn f(x) = …`, or `fn f(x) { let …; return … }`"
        return slip.error("E0115", "a function takes no colon", slip.place, "expected `=` or `{`", advice)
    if (slip.is_relation or slip.first.type in ("MINIMIZE", "MAXIMIZE")) and not slip.inside:
        start = 0 if slip.is_relation else 1
        span = slip.span(start, max(start, slip.position - 1))
        return slip.error("E0100", "a label is one name", span, "", "write `name: …`; the clause comes last")
    return None


def equals_sign(slip: Slip) -> Diagnostic | None:
    """``=`` in a constraint or a condition, and a ``let`` without its word."""
    if slip.type != "ASSIGN":
        return None
    if slip.position == 1 and slip.first.type == "NAME" and not slip.listing:
        fix = slip.insert(slip.span(0).start, "let ")
        return slip.error("E0104", "a name is given its value by `let`", slip.span(0), "expected `let`", fix)
    message = "`=` gives a name a value; a comparison is written with `==`"
    if slip.is_relation and not slip.inside:
        message = "`=` gives a name a value; a constraint is written with `==`"
    expected = "expected `==`, `<=`, `>=` or `in`" if slip.is_relation else "expected `==`"
    if "PLUS" not in slip.accepted:
        return slip.error("E0100", "a value is missing before `=`", slip.place, "", "write `name = value`")
    return slip.error("E0104", message, slip.place, expected, slip.replace(slip.place, "=="))


def new_statement(slip: Slip) -> Diagnostic | None:
    """A word that begins statements, on the line of another."""
    if slip.type not in STATEMENT_WORDS or slip.position == 0:
        return None
    place = slip.place
    if slip.type == "MAXIMIZE" and slip.first.type == "MINIMIZE":
        advice = "a saddle point is `minimize f over x maximize over y`"
        return slip.error("E0109", "one objective a model", place, "", advice)
    fix = Fix(f"put `{slip.token}` on the next line", Span(slip.source, place.start, place.start), "\n")
    message = f"`{slip.token}` begins a statement in the middle of another"
    return slip.error("E0114", message, place, "a statement begins on a line of its own, or after `;`", fix)


def wrong_column(slip: Slip) -> Diagnostic | None:
    """A line that was meant as a statement of its own, but begins right of the statement above."""
    token, before = slip.token, slip.at(slip.position - 1)
    if token is None or before is None or token.line == before.line or slip.inside:
        return None
    if before.type not in ENDS_A_VALUE or token.type not in ENDS_A_VALUE | {"LPAR", "LSQB", "NOT", "IF"}:
        return None
    begun = slip.first
    labels = (
        Label(slip.place, f"begins right of `{begun}`, so it continues that statement"),
        Label(slip.span(0), "the statement begins here"),
    )
    start = slip.place.start - (token.column or 1) + 1
    indent = " " * ((begun.column or 1) - 1)
    fix = Fix(f"begin the line in the column of `{begun}`", Span(slip.source, start, slip.place.start), indent)
    return Diagnostic("E0114", "this line continues the statement above", labels, fixes=(fix,))


def commas(slip: Slip) -> Diagnostic | None:
    """Two constraints on a line."""
    if slip.type == "COMMA" and slip.is_relation and not slip.inside:
        fix = slip.replace(slip.place, ";")
        return slip.error("E0100", "one constraint a line", slip.place, "", fix)
    return None


def saddle(slip: Slip) -> Diagnostic | None:
    """``maximize f over x``, ``minimize f over x`` and no more."""
    if slip.type == "_OVER" or (slip.first.type == "MINIMIZE" and "MAXIMIZE" in slip.accepted):
        advice = "a saddle point is `minimize f over x maximize over y`; else all vars are chosen, without `over`"
        message = "this saddle point names one side only"
        return slip.error("E0100", message, slip.place, "", advice)
    return None


def options(slip: Slip) -> Diagnostic | None:
    """``using ipm tol = 3``."""
    if slip.first.type not in ("USING", "DERIVATIVE") or slip.position != 2 or slip.token is None:
        return None
    advice = f"`{slip.first} {slip.at(1)}(option = value)`"
    return slip.error("E0100", "options stand in parentheses", slip.place, "expected `(`", advice)


def comparisons(slip: Slip) -> Diagnostic | None:
    """``let b == 3``, ``let b: 3``, or two comparisons in a row."""
    if slip.type in ("EQUAL", "COLON") and "ASSIGN" in slip.accepted and not slip.inside:
        fix = slip.replace(slip.place, "=" if slip.type == "EQUAL" else " =")
        return slip.error("E0100", "a name is given its value by `=`", slip.place, "expected `=`", fix)
    if slip.type in COMPARATORS and slip.previous in COMPARATORS:
        span = slip.span(slip.position - 1, slip.position)
        return slip.error("E0100", "two comparisons in a row", span, "", "keep one of them")
    return None


def early_end(slip: Slip) -> Diagnostic | None:
    """A statement that is not finished."""
    if slip.token is not None:
        return None
    last = slip.tokens[-1]
    if len(slip.tokens) == 1 and last.type in STATEMENT_WORDS:
        what = "a name" if "NAME" in slip.accepted and "NUMBER" not in slip.accepted else "an expression"
        found = slip.error("E0100", f"`{last}` needs {what}", slip.span(0), "", f"write {what} after it")
    else:
        message = f"the statement ends too early, after `{last}`"
        found = slip.error("E0100", message, slip.place, "", "finish it, or indent the line that goes on")
    help_text = f"a line continues a statement when it begins right of its first word, here `{slip.first}`"
    return slip.with_notes(found, ("help", help_text))


SLIPS = (misspelt, colon_after_word)
LATE_SLIPS = (equals_sign, new_statement, wrong_column, commas, saddle, options, comparisons, early_end)
