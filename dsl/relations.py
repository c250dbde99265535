"""What a constraint may say: comparisons that a solver can hold, in one direction."""

from __future__ import annotations

import re
from collections.abc import Iterator

from karush.dsl import ast
from karush.dsl.diagnostics import Diagnostic, Fix, Label
from karush.dsl.source import Span

_CLOSED = {"<": "<=", ">": ">="}
_DIRECTION = {"<=": 1, "<": 1, ">=": -1, ">": -1}


def check_statement(statement: ast.Statement) -> Iterator[Diagnostic]:
    """Findings about the relation of a constraint. The condition of a set may say more; it is checked in use."""
    if isinstance(statement, ast.Constraint):
        yield from check_relation(statement.relation)


def check_relation(relation: ast.Expr) -> Iterator[Diagnostic]:
    """Findings about one relation."""
    match relation:
        case ast.Compare():
            yield from check_chain(relation)
        case ast.Perp(left=left, right=right):
            for side in (left, right):
                if isinstance(side, ast.Compare):
                    yield from check_chain(side)
        case ast.Membership():
            pass
        case ast.Binary(operator="and"):
            yield _refused(relation, "constraints are not joined by `and`", "write one constraint a line")
        case ast.Binary(operator="or"):
            yield _refused(relation, "constraints are not joined by `or`", "choose one, or write one model for each")
        case ast.Unary(operator="not"):
            yield _refused(relation, "a constraint is not negated", "write the opposite: `<=` for `not … >= …`")
        case _:
            yield _refused(relation, "this compares nothing", "compare it: `… <= 1`, `… == 0`, `… in SET`")


def _refused(relation: ast.Expr, message: str, fix: str) -> Diagnostic:
    return Diagnostic("E0116", message, (Label(relation.span),), fixes=(Fix(fix),))


def check_chain(chain: ast.Compare) -> Iterator[Diagnostic]:
    """Strict comparisons, chains that are too long, hold ``==`` or turn round: one finding at most."""
    places = [operator_span(chain, number) for number in range(len(chain.operators))]
    for operator, place in zip(chain.operators, places, strict=True):
        if operator in _CLOSED:
            meant = _CLOSED[operator]
            message = f"`{operator}` is not a constraint: the set it describes is not closed"
            yield Diagnostic("E0103", message, (Label(place, f"expected `{meant}`"),), fixes=(_replaced(place, meant),))
            return
        if operator == "!=":
            message = "`!=` is not a constraint: it leaves out a point, and no solver meets a point"
            fix = Fix("keep a distance on one side: `a <= b - 0.01`")
            yield Diagnostic("E0103", message, (Label(place),), fixes=(fix,))
            return
    if len(chain.operators) > 2:
        fix = Fix("write two constraints")
        yield Diagnostic("E0103", "a chain has two sides and a middle", (Label(places[2], "too long"),), fixes=(fix,))
    elif len(chain.operators) == 2 and "==" in chain.operators:
        place = places[chain.operators.index("==")]
        fix = Fix("write two constraints")
        yield Diagnostic("E0103", "`==` does not stand in a chain", (Label(place),), fixes=(fix,))
    elif len({_DIRECTION[operator] for operator in chain.operators if operator != "=="}) > 1:
        fix = Fix("turn one round, `a <= x <= b`, or write two constraints")
        labels = (Label(places[1], f"`{chain.operators[1]}` after `{chain.operators[0]}`"),)
        yield Diagnostic("E0105", "a chain goes in one direction", labels, fixes=(fix,))


def _replaced(place: Span, text: str) -> Fix:
    return Fix(f"write `{text}`", place, text)


def operator_span(chain: ast.Compare, number: int) -> Span:
    """The place of an operator of a chain: what stands between two operands, comments and brackets aside."""
    left, right = chain.operands[number].span, chain.operands[number + 1].span
    between = re.sub(r"#[^\n]*", lambda m: " " * len(m.group()), left.source.text[left.end : right.start])
    start = left.end + max(between.find(chain.operators[number]), 0)
    return Span(left.source, start, start + len(chain.operators[number]))
