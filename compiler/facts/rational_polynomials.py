"""Polynomials with rational coefficients in numbered symbols: exact sums, products, remainders, enclosures.

A polynomial maps monomials to nonzero fractions; a monomial is a sorted tuple of (symbol, exponent). Division by one
polynomial g in the graded lexicographic order gives p = q g + r where no term of r is divisible by the leading term of
g; r = 0 exactly where g divides p (for a single divisor the order does not matter: Cox, Little, O'Shea, *Ideals,
Varieties, and Algorithms*, §2.3). So r = 0 proves that p vanishes wherever g does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import inf, nextafter

from karush.stdlib.enclosure import power
from karush.stdlib.lattice import Interval

Monomial = tuple[tuple[int, int], ...]
Polynomial = Mapping[Monomial, Fraction]

MOST_TERMS = 200
MOST_STEPS = 2000
HIGHEST = 12
"""Beyond so many terms, steps of a division and so high a power nothing is told."""

ZERO: Polynomial = {}


class TooLargeError(Exception):
    """A polynomial or a division that takes too long."""


def constant(value: Fraction | int) -> Polynomial:
    """The constant polynomial."""
    return {(): Fraction(value)} if value else ZERO


def symbol(number: int) -> Polynomial:
    """The polynomial that is one symbol."""
    return {((number, 1),): Fraction(1)}


def value_of(p: Polynomial) -> Fraction | None:
    """The number that a constant polynomial is."""
    if not p:
        return Fraction(0)
    return p[()] if len(p) == 1 and () in p else None


def add(p: Polynomial, q: Polynomial, factor: Fraction | int = 1) -> Polynomial:
    """p + factor · q."""
    total = dict(p)
    for monomial, coefficient in q.items():
        found = total.get(monomial, Fraction(0)) + factor * coefficient
        if found:
            total[monomial] = found
        else:
            total.pop(monomial, None)
    if len(total) > MOST_TERMS:
        raise TooLargeError
    return total


def scale(p: Polynomial, factor: Fraction | int) -> Polynomial:
    """factor · p."""
    return {monomial: factor * coefficient for monomial, coefficient in p.items()} if factor else ZERO


def multiply(p: Polynomial, q: Polynomial) -> Polynomial:
    """p · q."""
    total: dict[Monomial, Fraction] = {}
    for a, first in p.items():
        for b, second in q.items():
            monomial = _product(a, b)
            total[monomial] = total.get(monomial, Fraction(0)) + first * second
        if len(total) > MOST_TERMS:
            raise TooLargeError
    return {monomial: coefficient for monomial, coefficient in total.items() if coefficient}


def raised(p: Polynomial, exponent: int) -> Polynomial:
    """p to a whole power."""
    if exponent > HIGHEST:
        raise TooLargeError
    found = constant(1)
    for _ in range(exponent):
        found = multiply(found, p)
    return found


def _product(a: Monomial, b: Monomial) -> Monomial:
    if not a or not b:
        return a or b
    powers = dict(a)
    for name, exponent in b:
        powers[name] = powers.get(name, 0) + exponent
    return tuple(sorted(powers.items()))


def _quotient(a: Monomial, b: Monomial) -> Monomial | None:
    """a / b, where b divides a."""
    powers = dict(a)
    for name, exponent in b:
        left = powers.get(name, 0) - exponent
        if left < 0:
            return None
        powers[name] = left
    return tuple((name, exponent) for name, exponent in sorted(powers.items()) if exponent)


def _order(monomial: Monomial) -> tuple[int, tuple[tuple[int, int], ...]]:
    """The graded lexicographic order, a symbol of greater number first."""
    return sum(exponent for _, exponent in monomial), tuple(sorted(monomial, reverse=True))


def divide(p: Polynomial, g: Polynomial) -> tuple[Polynomial, Polynomial]:
    """(q, r) with p = q g + r, for g ≠ 0."""
    lead = max(g, key=_order)
    quotient: Polynomial = ZERO
    remainder: Polynomial = ZERO
    rest = p
    for _ in range(MOST_STEPS):
        if not rest:
            return quotient, remainder
        top = max(rest, key=_order)
        factor = _quotient(top, lead)
        if factor is None:
            remainder = add(remainder, {top: rest[top]})
            rest = add(rest, {top: rest[top]}, -1)
            continue
        term = {factor: rest[top] / g[lead]}
        quotient = add(quotient, term)
        rest = add(rest, multiply(term, g), -1)
    raise TooLargeError


def remainder(p: Polynomial, g: Polynomial) -> Polynomial:
    """What p is where g = 0."""
    return divide(p, g)[1] if g else p


def symbols(p: Polynomial) -> frozenset[int]:
    """The symbols that occur."""
    return frozenset(name for monomial in p for name, _ in monomial)


def enclose(p: Polynomial, interval: Callable[[int], Interval]) -> Interval:
    """An interval that holds the values of p for symbols in these intervals."""
    total = Interval.point(0.0)
    for monomial, coefficient in p.items():
        term = number_interval(coefficient)
        for name, exponent in monomial:
            term = term * power(interval(name), exponent)
        total = total + term
    return total


def number_interval(number: Fraction) -> Interval:
    """The least interval of floats that holds a fraction."""
    try:
        near = float(number)
    except OverflowError:
        return Interval(-inf, inf)
    if Fraction(near) == number:
        return Interval.point(near)
    return Interval(nextafter(near, -inf), nextafter(near, inf))


def written(p: Polynomial, name: Callable[[int], str]) -> str:
    """The polynomial as it would be typed: ``2 * a - 1``."""
    text = ""
    for monomial in sorted(p, key=_order, reverse=True):
        coefficient = p[monomial]
        factors = [name(s) if e == 1 else f"{name(s)}^{e}" for s, e in monomial]
        size = number_text(abs(coefficient))
        body = " * ".join(factors if abs(coefficient) == 1 and factors else [size, *factors])
        sign = "-" if coefficient < 0 else "+"
        text = f"{text} {sign} {body}" if text else f"-{body}" if sign == "-" else body
    return text or "0"


def number_text(number: Fraction) -> str:
    """A fraction, as a decimal number where that is exact and short."""
    if number.denominator == 1:
        return str(number)
    decimal = repr(float(number))
    return decimal if Fraction(decimal) == number and len(decimal) < 12 else str(number)
