"""An unexpected token to a helpful message: the first typical slip that fits, else what was expected here."""

from __future__ import annotations

from lark import Token

from karush.dsl import slips_declarations, slips_expressions, slips_statements
from karush.dsl.diagnostics import Diagnostic, Fix, Label
from karush.dsl.layout_errors import span_of
from karush.dsl.slip import Slip
from karush.dsl.source import Source, Span

_SLIPS = (
    *slips_statements.SLIPS,
    *slips_expressions.SLIPS,
    *slips_declarations.SLIPS,
    *slips_statements.LATE_SLIPS,
    *slips_expressions.LATE_SLIPS,
    *slips_declarations.LATE_SLIPS,
)

_END = "the end of the statement"

_SPELLED = {
    "NAME": "a name",
    "STRING": 'a text in `"`',
    "NUMBER": "a number",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "LSQB": "`[`",
    "RSQB": "`]`",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
    "COMMA": "`,`",
    "COLON": "`:`",
    "ASSIGN": "`=`",
    "DOT": "`.`",
    "$END": _END,
    "_OVER": "`over`",
    "_AS": "`as`",
}
_BEGINS_AN_EXPRESSION = frozenset({"NAME", "NUMBER", "LPAR"})


def explain(slip: Slip) -> Diagnostic:
    """What is wrong with a statement, in the user's words."""
    for recognise in _SLIPS:
        found = recognise(slip)
        if found is not None:
            return found
    wanted = expectation(slip.accepted)
    repair = f"drop it, or put {wanted} there" if wanted != _END else "drop it, or begin a new line with it"
    return slip.error("E0100", f"`{slip.token}` cannot stand here", slip.place, f"expected {wanted}", repair)


def expectation(accepted: frozenset[str]) -> str:
    """What could have stood there, in few words."""
    if accepted >= _BEGINS_AN_EXPRESSION:
        return "an expression"
    if "PLUS" in accepted:
        closing = [_SPELLED[name] for name in ("RPAR", "RSQB", "RBRACE", "COMMA") if name in accepted]
        return " or ".join(["an operator", *closing])
    accepted = accepted - {"$END"} or accepted
    words = sorted(_SPELLED.get(name, f"`{name.lower()}`") for name in accepted)
    return " or ".join(words[:4])


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
