"""Facts of powers."""

from __future__ import annotations

from dataclasses import replace

from karush.compiler.facts.atoms import compose
from karush.compiler.facts.fact import Fact, Facts, Reduced, text_of
from karush.compiler.facts.products import squared, unknown
from karush.compiler.model import Apply
from karush.stdlib import enclosure
from karush.stdlib.lattice import FREE, NONNEGATIVE, Curvature, Interval, Monotonicity

_ONE = Interval.point(1.0)


def power(facts: Facts, node: Apply, base: Fact) -> Fact:
    """a ^ b, elementwise."""
    a, b = node.arguments
    left, right = facts[a], facts[b]
    exponent = right.interval.value
    interval = enclosure.power(left.interval, exponent) if exponent is not None else _power_interval(left.interval)
    found = replace(base, interval=interval, degree=None)
    if left.is_constant and right.is_constant:
        return replace(found, degree=0)
    if exponent == 0:
        return replace(found, interval=_ONE, degree=0)
    if exponent == 1:
        return replace(left, dependence=base.dependence)
    if exponent == 2:
        doubled = 2 * left.degree if left.degree is not None and left.degree <= 1 else None
        return squared(facts, replace(found, degree=doubled), node, left, _ONE)
    if right.is_constant:
        curvature = _power_curvature(left, right.interval)
        reduced = Reduced(1, left.reduced.bounded().classes | {"SOCP"})
    else:
        curvature = _exponential_curvature(left, right)
        reduced = Reduced(1, right.reduced.bounded().classes | {"EXP"})
    if curvature is Curvature.UNKNOWN:
        return unknown(found, f"`{text_of(node)}` is neither convex nor concave by the rules")
    reason = f"{text_of(node)} is {curvature.value}{facts.because(found.dependence)}"
    return replace(found, curvature=curvature, reduced=reduced, reason=reason)


def _power_interval(base: Interval) -> Interval:
    return NONNEGATIVE if base.is_nonnegative else FREE


def _power_curvature(left: Fact, exponent: Interval) -> Curvature:
    """xᵖ for a constant p: convex for p >= 1 and p <= 0, concave between, on x >= 0; even whole p on all x."""
    p = exponent.value
    if p is not None and p > 0 and p % 2 == 0 and not left.interval.is_nonnegative:
        falls = Monotonicity.NONINCREASING if left.interval.is_nonpositive else Monotonicity.UNKNOWN
        return compose(Curvature.CONVEX, [(left.curvature, falls)])
    # x^0.5 has the domain x >= 0 by itself, and x^-1 of x >= 0 the domain x > 0
    if not left.interval.is_nonnegative and not (p is not None and p != int(p)):
        return Curvature.UNKNOWN
    if exponent.lower >= 1:
        if not left.interval.is_nonnegative and not left.curvature.is_affine:
            return Curvature.UNKNOWN
        return compose(Curvature.CONVEX, [(left.curvature, Monotonicity.NONDECREASING)])
    if exponent.within(Interval(0.0, 1.0)):
        return compose(Curvature.CONCAVE, [(left.curvature, Monotonicity.NONDECREASING)])
    if exponent.upper <= 0:
        return compose(Curvature.CONVEX, [(left.curvature, Monotonicity.NONINCREASING)])
    return Curvature.UNKNOWN


def _exponential_curvature(left: Fact, right: Fact) -> Curvature:
    """cˣ = exp(x log c) for a constant c > 0."""
    if not left.is_constant or not left.interval.is_positive:
        return Curvature.UNKNOWN
    moves = Monotonicity.UNKNOWN
    if left.interval.lower >= 1:
        moves = Monotonicity.NONDECREASING
    elif left.interval.upper <= 1:
        moves = Monotonicity.NONINCREASING
    return compose(Curvature.CONVEX, [(right.curvature, moves)])
