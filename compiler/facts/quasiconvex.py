"""Quotients that are optimised: quasiconvex objectives, seen as families of convex problems.

An increasing function ψ of a quotient f/g with g > 0 has its least value where f/g has. The level t is attained,
f/g <= t for some feasible x, just where

    φ(t) = min f(x) - t g(x)  over the feasible x

is at most 0; φ is concave and decreasing, and the least quotient t* is its root (Dinkelbach: On nonlinear fractional
programming, Management Science 13, 1967). Each φ(t) is a convex problem where f is convex and g affine, or g concave
and t >= 0, which f >= 0 grants. Greatest quotients likewise, with max, a concave f, and an affine or convex g.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from karush.compiler.facts.fact import Facts
from karush.compiler.library import Library
from karush.compiler.model import Apply, Expr, Kind, Model, Named, Objective, Param, ParamValue, SetUse
from karush.compiler.nodes import elementwise
from karush.compiler.rewrite import substitute
from karush.stdlib.lattice import Interval, Monotonicity
from karush.stdlib.shape import SCALAR

LEVEL = "level of the quotient"
"""The name of the param that the level is in the family: no name of a file has spaces."""


def asks_for_bisection(model: Model) -> bool:
    """``using bisection``?"""
    return model.using is not None and model.using.name == "bisection"


@dataclass(frozen=True, eq=False)
class Levels:
    """The family of a quotient ``above / below``: ``model`` has the level as a param and φ as its optimal value.

    ``goal`` is the stated objective where the quotient is the level.
    """

    model: Model
    above: Expr
    below: Expr
    goal: Expr


def levels_of(model: Model, facts: Facts, library: Library) -> Levels | None:
    """The family of a model whose objective is a monotone function of one quotient; None where it is none."""
    objective = model.objective
    if objective is None:
        return None
    found = _quotient(objective.value, facts, library)
    if found is None:
        return None
    quotient, rises = found
    above, below = quotient.arguments
    least = (objective.sense == "minimize") == rises
    level = Param(LEVEL, SCALAR, Kind.REAL, _sign(facts[above].interval, quotient), None, quotient.span)
    use = ParamValue(LEVEL, shape=SCALAR, span=quotient.span)
    value = elementwise("subtract", above, elementwise("multiply", use, below))
    aim = Objective("minimize" if least else "maximize", None, value, objective.span)
    family = replace(model, params={**model.params, LEVEL: level}, lets={}, objective=aim, using=None)
    return Levels(family, above, below, substitute(objective.value, {quotient: use}))


def _sign(interval: Interval, node: Expr) -> SetUse | None:
    """What is known of the level: the sign of the dividend."""
    name = "nonneg" if interval.is_nonnegative else "nonpos" if interval.is_nonpositive else None
    return None if name is None else SetUse(name, (), node.span)


def _quotient(expr: Expr, facts: Facts, library: Library) -> tuple[Apply, bool] | None:
    """The one quotient by what varies and is not negative, and whether the expression rises with it."""
    rises = True
    while True:
        if isinstance(expr, Named):
            expr = expr.value
            continue
        if not isinstance(expr, Apply) or expr.shape:
            return None
        if expr.atom == "divide" and not facts[expr.arguments[1]].is_constant:
            return (expr, rises) if facts[expr.arguments[1]].interval.is_nonnegative else None
        varying = [argument for argument in expr.arguments if not facts[argument].is_constant]
        move = _move(expr, varying[0], facts, library) if len(varying) == 1 else Monotonicity.UNKNOWN
        if move is Monotonicity.UNKNOWN:
            return None
        rises = rises == (move is Monotonicity.NONDECREASING)
        expr = varying[0]


def _move(node: Apply, part: Expr, facts: Facts, library: Library) -> Monotonicity:
    """How a scalar function of one part moves with it, strictly: sums, multiples, and the functions of ``STRICT``."""
    up, down = Monotonicity.NONDECREASING, Monotonicity.NONINCREASING
    match node:
        case Apply(atom="add"):
            return up
        case Apply(atom="subtract"):
            return up if node.arguments[0] is part else down
        case Apply(atom="negate"):
            return down
        case Apply(atom="multiply" | "divide"):
            constant = node.arguments[1] if node.arguments[0] is part else node.arguments[0]
            sign = facts[constant].interval
            return up if sign.is_positive else down if sign.is_negative else Monotonicity.UNKNOWN
        case Apply(atom=name) if name in STRICT and name not in library.atoms:
            atom = library.atom(name)
            assert atom is not None
            return atom.monotonicity_in(atom.params[0].name, facts[part].interval)
    return Monotonicity.UNKNOWN


STRICT = frozenset(("exp", "log", "log1p", "expm1", "sqrt", "square", "atan", "tanh", "sigmoid", "softplus", "sinh"))
"""Functions that are strictly monotone wherever they are declared monotone."""
