"""Arithmetic of nominal sizes: substitution, and the unification that binds the size names of a header."""

from __future__ import annotations

from collections.abc import Mapping

from karush.stdlib.shape import CeilingQuotient, Factor, Shape, Size


def substitute(size: Size, values: Mapping[str, Size]) -> Size:
    """``size`` with names replaced by sizes."""
    if not values or not (size.dims() & values.keys()):
        return size
    total = Size.constant(0)
    for monomial, coefficient in size.terms:
        product = Size.constant(coefficient)
        for factor in monomial:
            product = product * _substitute_factor(factor, values)
        total = total + product
    return total


def _substitute_factor(factor: Factor, values: Mapping[str, Size]) -> Size:
    if isinstance(factor, CeilingQuotient):
        return ceiling_quotient(substitute(factor.numerator, values), factor.divisor)
    return values.get(factor, Size.of(factor))


def ceiling_quotient(numerator: Size, divisor: int) -> Size:
    """max(0, ⌈numerator / divisor⌉), as a number or a polynomial where it is one."""
    if numerator.value is not None:
        return Size.constant(max(0, -(-numerator.value // divisor)))
    if divisor == 1:
        return numerator
    if all(c % divisor == 0 for _, c in numerator.terms):
        return Size(tuple((m, c // divisor) for m, c in numerator.terms))
    return Size.of(CeilingQuotient(numerator, divisor))


def substitute_shape(shape: Shape, values: Mapping[str, Size]) -> Shape:
    """A shape with names replaced by sizes."""
    return tuple(substitute(size, values) for size in shape)


def as_name(size: Size) -> str | None:
    """The name that a size consists of, if it is one dim alone."""
    if len(size.terms) == 1 and size.terms[0][1] == 1 and len(size.terms[0][0]) == 1:
        factor = size.terms[0][0][0]
        return factor if isinstance(factor, str) else None
    return None


def bind_names(pattern: Shape, actual: Shape, unbound: frozenset[str], bound: dict[str, Size]) -> None:
    """Bind each of the ``unbound`` names that stands alone in ``pattern`` to the actual size there."""
    for wanted, given in zip(pattern, actual, strict=False):
        name = as_name(wanted)
        if name is not None and name in unbound and name not in bound:
            bound[name] = given


def solve_names(pattern: Shape, actual: Shape, unbound: frozenset[str], bound: dict[str, Size]) -> None:
    """Solve ``c * n + k == actual`` for a name n that is still unbound, where it divides."""
    for wanted, given in zip(pattern, actual, strict=False):
        left = substitute(wanted, bound)
        open_names = sorted(left.dims() & unbound - bound.keys())
        if len(open_names) != 1:
            continue
        name = open_names[0]
        coefficient = dict(left.terms).get((name,), 0)
        rest = left - Size.of(name) * Size.constant(coefficient)
        if not coefficient or name in rest.dims():
            continue
        difference = given - rest
        if all(c % coefficient == 0 for _, c in difference.terms):
            bound[name] = Size(tuple((m, c // coefficient) for m, c in difference.terms))


def show_compact(size: Size) -> str:
    """``T-1``: a size within a phrase such as ``0 .. T-1``."""
    return str(size).replace(" ", "")
