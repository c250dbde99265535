"""Facts of elementwise products and quotients: constant factors and squares.

A product of two parts that both vary has no curvature by composition; f · f has one all the same, however written.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from karush.compiler.facts.atoms import compose
from karush.compiler.facts.fact import NOT_REDUCIBLE, Fact, Facts, Reduced, text_of
from karush.compiler.facts.same import Sameness
from karush.compiler.model import Apply, Expr, Named
from karush.stdlib import enclosure
from karush.stdlib.lattice import Curvature, Interval, Monotonicity

_ONE = Interval.point(1.0)


def sign_reason(facts: Facts, expr: Expr, interval: Interval) -> str | None:
    """``gamma / 2 >= 0, for gamma in pos (line 4)``; nothing to say of numbers."""
    dependence = facts[expr].dependence
    if not dependence.params:
        return None
    if not (interval.is_nonnegative or interval.is_nonpositive):
        return f"the sign of `{text_of(expr)}` is not known"
    return f"{text_of(expr)} {'>=' if interval.is_nonnegative else '<='} 0{facts.because(dependence)}"


def square(fact: Fact) -> tuple[Curvature, Reduced]:
    """Curvature and reduced form of f²."""
    moves = Monotonicity.UNKNOWN
    if fact.interval.is_nonnegative:
        moves = Monotonicity.NONDECREASING
    elif fact.interval.is_nonpositive:
        moves = Monotonicity.NONINCREASING
    curvature = compose(Curvature.CONVEX, [(fact.curvature, moves)])
    if curvature is Curvature.UNKNOWN:
        return curvature, NOT_REDUCIBLE
    return curvature, Reduced(2, fact.reduced.bounded().classes)


def product_degree(left: Fact, right: Fact) -> int | None:
    """Degree of a product, where it is at most 2."""
    if left.degree is None or right.degree is None or left.degree + right.degree > 2:
        return None
    return left.degree + right.degree


@dataclass(frozen=True)
class Factored:
    """``multiplier * core``: constant factors apart. ``uniform`` where all of them are scalars."""

    core: Expr
    multiplier: Interval
    uniform: bool


def factored(facts: Facts, expr: Expr) -> Factored:
    """An expression without its constant factors."""
    multiplier, uniform = _ONE, True
    while True:
        match expr:
            case Named():
                expr = expr.value
            case Apply(atom="negate", arguments=(inner,)):
                expr, multiplier = inner, -multiplier
            case Apply(atom="multiply", arguments=(a, b)) if facts[a].is_constant != facts[b].is_constant:
                constant, inner = (a, b) if facts[a].is_constant else (b, a)
                expr, multiplier = inner, multiplier * facts[constant].interval
                uniform = uniform and not constant.shape
            case Apply(atom="divide", arguments=(a, b)) if facts[b].is_constant:
                expr, multiplier = a, multiplier * facts[b].interval.reciprocal()
                uniform = uniform and not b.shape
            case _:
                return Factored(expr, multiplier, uniform)


# ---------------------------------------------------------------- elementwise


def multiply(facts: Facts, node: Apply, base: Fact, sameness: Sameness) -> Fact:
    """a · b, elementwise."""
    a, b = node.arguments
    left, right = facts[a], facts[b]
    is_square = sameness.same(a, b)
    interval = enclosure.square(left.interval) if is_square else left.interval * right.interval
    found = replace(base, interval=interval, degree=product_degree(left, right))
    if left.is_constant or right.is_constant:
        constant, varying = (a, b) if left.is_constant else (b, a)
        return scaled(facts, found, constant, facts[constant].interval, varying)
    first, second = factored(facts, a), factored(facts, b)
    if not is_square and not sameness.same(first.core, second.core):
        said = f"`{text_of(node)}` multiplies two parts that both depend on unknowns"
        return unknown(found, said)
    multiplier = _ONE if is_square else first.multiplier * second.multiplier
    core = left if is_square else facts[first.core]
    return squared(facts, found, node, core, multiplier)


def squared(facts: Facts, found: Fact, node: Expr, core: Fact, multiplier: Interval) -> Fact:
    """``multiplier`` times the square of ``core``."""
    curvature, reduced = square(core)
    if multiplier != _ONE:
        found = replace(found, interval=found.interval.intersect(multiplier * enclosure.square(core.interval)))
    curvature = curvature.scaled(multiplier)
    if curvature is Curvature.UNKNOWN:
        return unknown(found, f"`{text_of(node)}` is neither convex nor concave by the rules")
    because = "" if multiplier == _ONE else facts.because(found.dependence)
    reason = f"{text_of(node)} is {curvature.value}{because}"
    return replace(found, curvature=curvature, reduced=reduced, reason=reason)


def unknown(found: Fact, reason: str | None) -> Fact:
    """The same without a curvature."""
    return replace(found, curvature=Curvature.UNKNOWN, reduced=NOT_REDUCIBLE, reason=reason)


def scaled(facts: Facts, found: Fact, constant: Expr, factor: Interval, varying: Expr) -> Fact:
    """A constant times what varies; ``factor`` is the interval of the constant (or of its reciprocal)."""
    inner = facts[varying]
    curvature = inner.curvature.scaled(factor)
    if curvature is Curvature.CONSTANT:
        return replace(found, curvature=curvature, spectrum=_scaled_spectrum(facts, constant, factor, varying))
    if curvature is Curvature.UNKNOWN:
        reason = None if inner.curvature is Curvature.UNKNOWN else sign_reason(facts, constant, factor)
        return unknown(found, reason)
    reason = None if curvature.is_affine else sign_reason(facts, constant, facts[constant].interval)
    return replace(found, curvature=curvature, reduced=inner.reduced, reason=reason)


def _scaled_spectrum(facts: Facts, a: Expr, factor: Interval, b: Expr) -> Interval | None:
    left, right = facts[a].spectrum, facts[b].spectrum
    if not a.shape and right is not None:
        return factor * right
    return left * facts[b].interval if not b.shape and left is not None else None


def divide(facts: Facts, node: Apply, base: Fact) -> Fact:
    """a / b, elementwise."""
    a, b = node.arguments
    left, right = facts[a], facts[b]
    interval = left.interval / right.interval
    if right.is_constant:
        found = replace(base, interval=interval, degree=left.degree)
        factor = right.interval.reciprocal()
        if left.is_constant:
            spectrum = left.spectrum * factor if left.spectrum is not None and not b.shape else None
            return replace(found, spectrum=spectrum)
        return scaled(facts, found, b, factor, a)
    found = replace(base, interval=interval, degree=None)
    if not left.is_constant or not right.interval.is_nonnegative:  # c / y has the domain y > 0 of y >= 0 by itself
        said = f"`{text_of(node)}` divides by `{text_of(b)}`, which depends on unknowns"
        return unknown(found, said)
    reciprocal = compose(Curvature.CONVEX, [(right.curvature, Monotonicity.NONINCREASING)])
    curvature = reciprocal.scaled(left.interval)
    if curvature is Curvature.UNKNOWN:
        return unknown(found, f"`{text_of(node)}` is neither convex nor concave by the rules")
    reduced = Reduced(1, right.reduced.bounded().classes | {"SOCP"})
    reason = f"{text_of(node)} is {curvature.value}{facts.because(found.dependence)}"
    return replace(found, curvature=curvature, reduced=reduced, reason=reason)
