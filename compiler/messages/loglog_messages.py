"""The wording of E0504: what stands in the way of a geometric program."""

from __future__ import annotations

import re

from karush.compiler.model import Constraint, Expr, InSet, Relation, Var
from karush.compiler.wording import error
from karush.dsl.diagnostics import Diagnostic, Label
from karush.stdlib.lattice import Curvature

MESSAGE = "this is no geometric program, as `curvature = loglog` asks"
LEAVE = "leave `curvature = loglog` out"


def not_positive(var: Var) -> Diagnostic:
    """An unknown that is not known to be positive."""
    sizes = f"[{', '.join(map(str, var.shape))}]" if var.shape else ""
    label = Label(var.span, f"`{var.name}` is not known to be positive")
    fix = f"var {var.name}{sizes} in pos     or: in box(a, b) with a in pos"
    note = "the unknowns of a geometric program are positive: it is solved in their logarithms"
    return error("E0504", MESSAGE, (label,), fix, note=note)


def no_logarithm(expr: Expr, why: str, repair: str) -> Diagnostic:
    """An expression without log-log curvature."""
    return error("E0504", MESSAGE, (Label(expr.span, why),), repair, LEAVE)


def wrong_curvature(expr: Expr, curvature: Curvature, rule: str) -> Diagnostic:
    """A side that bends the wrong way."""
    said = curvature.value if curvature is Curvature.UNKNOWN else f"log-log {curvature.value}"
    wanted = re.sub("(affine|convex|concave)", r"log-log \1", rule)
    label = Label(expr.span, f"{said}, but {wanted}")
    fix = "a sum stands where something is minimized or on the smaller side, a product anywhere"
    return error("E0504", MESSAGE, (label,), fix, LEAVE)


def no_such_constraint(constraint: Constraint) -> Diagnostic:
    """A set that has no counterpart in logarithms."""
    what = f"`in {constraint.set.span.text}`" if isinstance(constraint, InSet) else "this constraint"
    span = constraint.set.span if isinstance(constraint, InSet) else constraint.span
    label = Label(span, f"{what} has no rule in logarithms")
    return error("E0504", MESSAGE, (label,), "`<=`, `>=`, `==` between positive expressions, `in box(a, b)`", LEAVE)


def never_positive(relation: Relation) -> Diagnostic:
    """A relation that no positive numbers satisfy."""
    label = Label(relation.span, "a sum of positive terms is never 0 or less")
    return error("E0504", MESSAGE, (label,), "leave positive terms on both sides", LEAVE)
