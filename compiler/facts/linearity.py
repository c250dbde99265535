"""Which expressions are affine in the vars by their form alone. No JAX."""

from __future__ import annotations

from karush.compiler.dependence import Dependence
from karush.compiler.model import Apply, Comprehension, Expr, Named, Reduce, Subscript, VarValue

_LINEAR = "transpose concat stack diag reshape sum mean cumsum diff trace vec kron"

LINEAR_ATOMS = frozenset(_LINEAR.split())
"""Atoms that are linear in all arguments jointly, or in each with the others constant."""


def is_affine(expr: Expr, dependence: Dependence) -> bool:
    """Is the expression affine in the vars by its form alone?"""
    varies = dependence.vars
    if not varies(expr) or isinstance(expr, VarValue):
        return True
    match expr:
        case Named(value=part) | Subscript(value=part) | Comprehension(body=part):
            return is_affine(part, dependence)
        case Reduce(operator="sum" | "mean", body=part):
            return is_affine(part, dependence) and not (expr.condition and varies(expr.condition))
        case Apply(atom="add" | "subtract" | "negate"):
            return all(is_affine(a, dependence) for a in expr.arguments)
        case Apply(atom="multiply" | "matmul" | "kron", arguments=(left, right)):
            constant = not varies(left) or not varies(right)
            return constant and is_affine(left, dependence) and is_affine(right, dependence)
        case Apply(atom="divide", arguments=(dividend, divisor)):
            return not varies(divisor) and is_affine(dividend, dependence)
        case Apply(atom="if", arguments=(condition, *branches)):
            return not varies(condition) and all(is_affine(b, dependence) for b in branches)
        case Apply():
            return expr.atom in LINEAR_ATOMS and all(is_affine(a, dependence) for a in expr.arguments)
        case _:
            return False
