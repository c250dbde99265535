"""Which expressions are affine in the vars by their form alone. No JAX."""

from __future__ import annotations

from karush.compiler.dependence import Dependence, walk
from karush.compiler.model import Apply, Comprehension, Expr, Named, Reduce, Subscript, VarValue

_LINEAR = "transpose concat stack diag reshape sum mean cumsum diff trace vec kron"

LINEAR_ATOMS = frozenset(_LINEAR.split())
"""Atoms that are linear in all arguments jointly, or in each with the others constant."""


def is_affine(expr: Expr, dependence: Dependence) -> bool:
    """Is the expression affine in the vars by its form alone?"""
    known = dependence.affine
    if expr not in known:
        for node in walk(expr, known=known):
            known[node] = _by_form(node, dependence)
    return known[expr]


def _by_form(node: Expr, dependence: Dependence) -> bool:
    """The answer for a node whose parts have theirs."""
    varies, known = dependence.vars, dependence.affine
    if not varies(node) or isinstance(node, VarValue):
        return True
    match node:
        case Named(value=part) | Subscript(value=part) | Comprehension(body=part):
            return known[part]
        case Reduce(operator="sum" | "mean", body=part):
            return known[part] and not (node.condition and varies(node.condition))
        case Apply(atom="add" | "subtract" | "negate"):
            return all(known[a] for a in node.arguments)
        case Apply(atom="multiply" | "matmul" | "kron", arguments=(left, right)):
            constant = not varies(left) or not varies(right)
            return constant and known[left] and known[right]
        case Apply(atom="divide", arguments=(dividend, divisor)):
            return not varies(divisor) and known[dividend]
        case Apply(atom="if", arguments=(condition, *branches)):
            return not varies(condition) and all(known[b] for b in branches)
        case Apply():
            return node.atom in LINEAR_ATOMS and all(known[a] for a in node.arguments)
        case _:
            return False
