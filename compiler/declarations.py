"""Declarations of atoms and sets, from their syntax trees to the records of the vocabulary."""

from __future__ import annotations

from karush.dsl import ast
from karush.stdlib.atom import Atom, AtomParam, MonotonicityClause
from karush.stdlib.lattice import FREE, Curvature, Interval, Monotonicity
from karush.stdlib.set import SET_FACTS, SetFacts, enclosure

_CURVATURES = {"convex": Curvature.CONVEX, "concave": Curvature.CONCAVE, "affine": Curvature.AFFINE}


def build_atom(declaration: ast.AtomDeclaration) -> Atom:
    """The record of an atom. Clauses that may stand once are taken where they stand last."""
    clauses = declaration.clauses
    value = next((c for c in clauses if isinstance(c, ast.AtomValue)), None)
    range_set = next((c.set for c in clauses if isinstance(c, ast.AtomRange)), None)
    graph = next((c for c in clauses if isinstance(c, ast.AtomGraph)), None)
    prox = next((c for c in clauses if isinstance(c, ast.AtomProx)), None)
    return Atom(
        name=declaration.name,
        params=tuple(_param(item) for item in declaration.header),
        primitive=value.primitive if value else None,
        value=value.value if value else None,
        range=set_interval(range_set),
        range_set=_set_name(range_set),
        curvature=tuple((c.names, _CURVATURES[c.curvature]) for c in clauses if isinstance(c, ast.AtomCurvature)),
        monotonicity=tuple(m for c in clauses if isinstance(c, ast.AtomMonotonicity) for m in _moves(c)),
        rules={c.name: c.value for c in clauses if isinstance(c, ast.AtomRule)},
        graph=graph.body if graph else None,
        prox=(prox.step, prox.value) if prox else None,
        doc=declaration.doc,
        declaration=declaration,
    )


def build_set(declaration: ast.SetDeclaration) -> SetFacts:
    """The record of a set; one that is not of the library can be checked on params, not constrained to yet."""
    known = SET_FACTS.get(declaration.name) or SetFacts(declaration.name, rows=False, available=False)
    return known.declared(tuple(item.name for item in declaration.header), declaration.doc, declaration)


def literal(expr: ast.Expr | None) -> float | None:
    """The number that an expression of signs and numbers is, or None."""
    if isinstance(expr, ast.Number):
        return float(expr.value)
    if isinstance(expr, ast.Unary) and expr.operator in "+-":
        inner = literal(expr.operand)
        return None if inner is None else -inner if expr.operator == "-" else inner
    return None


def _param(item: ast.Declaration) -> AtomParam:
    sizes = tuple(size.id if isinstance(size, ast.Name) else size.span.text for size in item.sizes)
    return AtomParam(item.name, sizes or None, _set_name(item.set), set_interval(item.set), literal(item.default))


def _moves(clause: ast.AtomMonotonicity) -> list[MonotonicityClause]:
    domains = {b.name: set_interval(b.domain) for b in clause.clause.binders} if clause.clause else {}
    direction = Monotonicity(clause.monotonicity)
    return [MonotonicityClause(name, direction, domains.get(name)) for name in clause.names]


def _set_name(expr: ast.Expr | None) -> str | None:
    if isinstance(expr, ast.Call):
        expr = expr.function
    return expr.id if isinstance(expr, ast.Name) else None


def set_interval(expr: ast.Expr | None) -> Interval:
    """The interval of a set whose arguments are numbers; every real where there is none."""
    facts = SET_FACTS.get(_set_name(expr) or "")
    if facts is None:
        return FREE
    arguments = expr.arguments if isinstance(expr, ast.Call) else ()
    numbers = [literal(argument.value) for argument in arguments]
    known = tuple(FREE if number is None else Interval.point(number) for number in numbers)
    return enclosure(facts, known)
