"""Quotients that are optimised: quasiconvex objectives, seen as families of convex problems.

An increasing function ψ of a quotient f/g with g > 0 has its least value where f/g has. The level t is attained,
f/g <= t for some feasible x, just where

    φ(t) = min f(x) - t g(x)  over the feasible x

is at most 0; φ is concave and decreasing, and the least quotient t* is its root (Dinkelbach: On nonlinear fractional
programming, Management Science 13, 1967). Each φ(t) is a convex problem where f is convex and g affine, or g concave
and t >= 0, which f >= 0 grants. Greatest quotients likewise, with max, a concave f, and an affine or convex g.

The least of the greatest of several, max_i f_i/g_i, is the root of min max_i f_i - t g_i in the same way (Crouzeix,
Ferland and Schaible: An algorithm for generalized fractional programs, J. Optim. Theory Appl. 47, 1985); a convex f_i
stands for f_i/1. The greatest of the least likewise, with min.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce

from karush.compiler.dependence import walk
from karush.compiler.facts.fact import Facts
from karush.compiler.facts.terms import unnamed
from karush.compiler.library import Library
from karush.compiler.model import Apply, Expr, Kind, Model, Objective, Param, ParamValue, Reduce, SetUse
from karush.compiler.nodes import elementwise, number
from karush.compiler.rewrite import substitute
from karush.stdlib.lattice import Interval, Monotonicity
from karush.stdlib.shape import SCALAR

LEVEL = "level of the quotient"
"""The name of the param that the level is in the family: no name of a file has spaces."""


GREATEST = {"max": "max", "maximum": "maximum"}
LEAST = {"min": "max", "minimum": "maximum"}
"""Atoms and reductions that take the greatest or the least, and what takes the greatest of the same parts."""

SMALLEST = {"max": "min", "min": "min", "maximum": "minimum", "minimum": "minimum"}
"""What takes the least of the same parts."""


def asks_for_bisection(model: Model) -> bool:
    """``using bisection``?"""
    return model.using is not None and model.using.name == "bisection"


@dataclass(frozen=True, eq=False)
class Levels:
    """The family of a ``quotient``, or of the greatest (least) of several: ``model`` has the level as a param and φ as
    its optimal value.

    ``size`` is that of the terms of φ, ``divisor`` the least g, ``goal`` the stated objective where the quotient is the
    level.
    """

    model: Model
    quotient: Expr
    size: Expr
    divisor: Expr
    goal: Expr


@dataclass(frozen=True)
class AtLevel:
    """``value`` f - t g or the greatest of such, ``size`` |f| + |t| g, ``divisor`` g; ``sign`` what is known of f."""

    value: Expr
    size: Expr
    divisor: Expr
    sign: Interval


def levels_of(model: Model, facts: Facts, library: Library) -> Levels | None:
    """The family of a model whose objective is a monotone function of quotients; None where it is none."""
    objective = model.objective
    if objective is None:
        return None
    found = _quotient(objective.value, facts, library)
    if found is None:
        return None
    quotient, rises = found
    least = (objective.sense == "minimize") == rises
    use = ParamValue(LEVEL, shape=SCALAR, span=quotient.span)
    at_level = _at_level(quotient, use, facts, GREATEST if least else LEAST)
    if at_level is None:
        return None
    level = Param(LEVEL, SCALAR, Kind.REAL, _sign(at_level.sign, quotient), None, quotient.span)
    aim = Objective("minimize" if least else "maximize", None, at_level.value, objective.span)
    family = replace(model, params={**model.params, LEVEL: level}, lets={}, objective=aim, using=None)
    return Levels(family, quotient, at_level.size, at_level.divisor, substitute(objective.value, {quotient: use}))


def _at_level(expr: Expr, level: Expr, facts: Facts, most: Mapping[str, str]) -> AtLevel | None:
    """A quotient, or the greatest (least, where ``most`` is LEAST) of several, against a level; None for others."""
    expr = unnamed(expr)
    match expr:
        case Apply(atom="divide", arguments=(above, below)) if not facts[below].is_constant:
            if not facts[below].interval.is_nonnegative:
                return None
            share = elementwise("multiply", level, below)
            size = elementwise("add", elementwise("abs", above), elementwise("abs", share))
            return AtLevel(elementwise("subtract", above, share), size, below, facts[above].interval)
        case Apply(atom=atom, arguments=arguments) if atom in most:
            parts = [_at_level(argument, level, facts, most) for argument in arguments]
            known = [part for part in parts if part is not None]
            if len(known) < len(parts):
                return None
            value = replace(expr, arguments=tuple(part.value for part in known))
            largest = replace(expr, atom=most[atom], arguments=tuple(part.size for part in known))
            least = replace(expr, atom=SMALLEST[atom], arguments=tuple(part.divisor for part in known))
            return AtLevel(value, largest, least, reduce(Interval.hull, (part.sign for part in known)))
        case Reduce(operator=operator, body=body) if operator in most:
            part = _at_level(body, level, facts, most)
            if part is None:
                return None
            sizes = replace(expr, operator=most[operator], body=part.size)
            smallest = replace(expr, operator=SMALLEST[operator], body=part.divisor)
            return AtLevel(replace(expr, body=part.value), sizes, smallest, part.sign)
    if _has_quotient(expr, facts):
        return None
    size = elementwise("add", elementwise("abs", expr), elementwise("abs", level))
    one: Expr = number(1.0, expr.span)
    if expr.shape:  # of the shape of the whole
        one = elementwise("add", elementwise("multiply", number(0.0, expr.span), expr), one)
    return AtLevel(elementwise("subtract", expr, level), size, one, facts[expr].interval)


def _has_quotient(expr: Expr, facts: Facts) -> bool:
    """Whether something is divided by what varies."""
    nodes = (node for node in walk(expr) if isinstance(node, Apply) and node.atom == "divide")
    return any(not facts[node.arguments[1]].is_constant for node in nodes)


def _sign(interval: Interval, node: Expr) -> SetUse | None:
    """What is known of the level: the sign of the dividend."""
    name = "nonneg" if interval.is_nonnegative else "nonpos" if interval.is_nonpositive else None
    return None if name is None else SetUse(name, (), node.span)


def _quotient(expr: Expr, facts: Facts, library: Library) -> tuple[Apply | Reduce, bool] | None:
    """The quotient by what varies, or the greatest or least of several, and whether the expression rises with it."""
    rises = True
    while True:
        expr = unnamed(expr)
        if expr.shape or not isinstance(expr, Apply | Reduce) or not _has_quotient(expr, facts):
            return None
        if isinstance(expr, Reduce):
            return (expr, rises) if expr.operator in {*LEAST, *GREATEST} else None
        if expr.atom in {*LEAST, *GREATEST} or (expr.atom == "divide" and not facts[expr.arguments[1]].is_constant):
            return expr, rises
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
