"""The degree of an expression of the syntax tree in some of its names, and the form that an atom's graph has.

An atom's declaration is read once, untyped: its value may be a polynomial of its arguments (``quad`` is of degree 2 in
x), and its graph is a linear program, a quadratic one, or one with cones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from karush.dsl import ast
from karush.stdlib.atom import Atom
from karush.stdlib.set import SET_FACTS

LINEAR_CALLS = frozenset({"sum", "mean", "diff", "cumsum", "trace", "diag", "vec", "concat", "stack", "reshape"})
SQUARES = frozenset({"square", "squared", "sumsq"})

Degrees = Mapping[str, int]


def degree(expr: ast.Expr | ast.Slice, degrees: Degrees) -> int | None:
    """Degree of the polynomial that ``expr`` is in the names of ``degrees``; None where it is none. Other names: 0."""
    match expr:
        case ast.Number() | ast.Boolean():
            return 0
        case ast.Name():
            return degrees.get(expr.id, 0)
        case ast.Unary():
            return degree(expr.operand, degrees)
        case ast.Binary():
            return _binary(expr, degrees)
        case ast.Attribute(name="T"):
            return degree(expr.value, degrees)
        case ast.Index():
            return degree(expr.value, degrees)
        case ast.Array():
            return _greatest([degree(item, degrees) for item in expr.items])
        case ast.Comprehension():
            return degree(expr.body, degrees)
        case ast.Call():
            return _call(expr, degrees)
        case _:
            return 0 if not mentions(expr, degrees) else None


def _greatest(items: list[int | None]) -> int | None:
    known = [item for item in items if item is not None]
    return max(known, default=0) if len(known) == len(items) else None


def _binary(expr: ast.Binary, degrees: Degrees) -> int | None:
    """The degree of a chain of operators, from the left with a loop."""
    spine = [expr]
    while isinstance(spine[-1].left, ast.Binary):
        spine.append(spine[-1].left)
    found = degree(spine[-1].left, degrees)
    for outer in reversed(spine):
        found = _combined(outer, found, degree(outer.right, degrees))
    return found


def _combined(expr: ast.Binary, left: int | None, right: int | None) -> int | None:
    if left is None or right is None:
        return None
    match expr.operator:
        case "+" | "-":
            return max(left, right)
        case "*" | "@":
            return left + right
        case "/":
            return left if right == 0 else None
        case "^" if right == 0:
            return 0 if left == 0 else _power(left, expr.right)
        case _:
            return None


def _power(base: int, exponent: ast.Expr) -> int | None:
    if isinstance(exponent, ast.Number) and isinstance(exponent.value, int):
        return base * exponent.value
    return None


def _call(expr: ast.Call, degrees: Degrees) -> int | None:
    inner = _greatest([degree(argument.value, degrees) for argument in expr.arguments])
    if inner == 0 or inner is None:
        return inner
    name = expr.function.id if isinstance(expr.function, ast.Name) else ""
    if name in LINEAR_CALLS or (name == "solve" and degree(expr.arguments[0].value, degrees) == 0):
        return inner
    return 2 * inner if name in SQUARES else None


def mentions(node: ast.Node, names: Degrees) -> bool:
    """Does a name of positive degree occur?"""
    pending = [node]
    while pending:
        here = pending.pop()
        if isinstance(here, ast.Name) and names.get(here.id, 0) > 0:
            return True
        below = (getattr(here, name) for name in here.__dataclass_fields__ if name not in ("span", "doc"))
        nodes = (n for value in below for n in (value if isinstance(value, tuple) else (value,)))
        pending += (n for n in nodes if isinstance(n, ast.Node))
    return False


# ---------------------------------------------------------------- graphs


@dataclass(frozen=True)
class GraphForm:
    """Degree of a graph's objective in its vars and the arguments that vary, and the classes its rows belong to.

    ``classes`` is empty where all rows are linear; then the graph is a linear or a quadratic program.
    """

    degree: int
    classes: frozenset[str] = frozenset()


def graph_form(atom: Atom, varying: frozenset[str]) -> GraphForm | None:
    """The form of an atom's graph where these arguments vary; None where it has none, or one that is not convex."""
    if atom.graph is None:
        return None
    own = {item.name for s in atom.graph if isinstance(s, ast.Var) for item in s.items}
    degrees = dict.fromkeys(own | varying, 1)
    objective: int | None = None
    classes: set[str] = set()
    for statement in atom.graph:
        match statement:
            case ast.Objective():
                objective = degree(statement.value, degrees)
            case ast.Constraint():
                found = _row_class(statement.relation, degrees)
                if found is None:
                    return None
                classes.add(found)
            case ast.Var():
                classes |= {_set_class(item.set) for item in statement.items if item.set is not None}
    if objective is None or objective > 2:
        return None
    return GraphForm(objective, frozenset(classes - {"LP"}))


def _row_class(relation: ast.Expr, degrees: Degrees) -> str | None:
    match relation:
        case ast.Compare():
            worst = _greatest([degree(operand, degrees) for operand in relation.operands])
            return "LP" if worst is not None and worst <= 1 else None
        case ast.Membership():
            inner = degree(relation.value, degrees)
            return _set_class(relation.set) if inner is not None and inner <= 1 else None
        case _:
            return None


def _set_class(expr: ast.Expr) -> str:
    called = expr.function if isinstance(expr, ast.Call) else expr
    facts = SET_FACTS.get(called.id) if isinstance(called, ast.Name) else None
    return facts.problem_class if facts is not None else "NLP"
