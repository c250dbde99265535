"""An expression as a sum of terms, a term as a constant times a core. Lets are looked through."""

from __future__ import annotations

from dataclasses import dataclass

from karush.compiler.facts.fact import Facts
from karush.compiler.model import Apply, Expr, Named
from karush.compiler.nodes import elementwise, number
from karush.stdlib.lattice import Interval

ONE = Interval.point(1.0)

MOST_TERMS = 64
"""Longer sums are taken as they are."""


@dataclass(frozen=True)
class Term:
    """``coefficient * core`` with a constant coefficient (None for 1), whose values lie in ``multiplier``."""

    core: Expr
    coefficient: Expr | None = None
    multiplier: Interval = ONE


def unnamed(expr: Expr) -> Expr:
    """What a let stands for."""
    while isinstance(expr, Named):
        expr = expr.value
    return expr


def summands(expr: Expr) -> list[Expr] | None:
    """The terms that are added up in an expression; None where one is subtracted, or they are too many."""
    found: list[Expr] = []
    pending = [expr]
    while pending:
        match unnamed(pending.pop()):
            case Apply(atom="add", arguments=(left, right)):
                pending += [right, left]
            case Apply(atom="subtract" | "negate"):
                return None
            case term:
                found.append(term)
        if len(found) + len(pending) > MOST_TERMS:
            return None
    return found


def term_of(facts: Facts, expr: Expr) -> Term:
    """An expression with its constant factors apart."""
    core: Expr
    coefficient: Expr | None
    core, coefficient, multiplier = unnamed(expr), None, ONE
    while True:
        match core:
            case Apply(atom="multiply", arguments=(a, b)) if facts[a].is_constant != facts[b].is_constant:
                constant, inner = (a, b) if facts[a].is_constant else (b, a)
                coefficient = constant if coefficient is None else elementwise("multiply", coefficient, constant)
                multiplier = multiplier * facts[constant].interval
            case Apply(atom="divide", arguments=(inner, b)) if facts[b].is_constant and not facts[inner].is_constant:
                coefficient = elementwise("divide", coefficient or number(1.0, b.span), b)
                multiplier = multiplier / facts[b].interval
            case _ if core in facts.equivalents:
                inner = facts.equivalents[core]
            case _:
                return Term(core, coefficient, multiplier)
        core = unnamed(inner)
