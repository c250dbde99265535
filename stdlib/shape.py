"""Sizes and shapes. A size is nominal: a polynomial in the names of dims with integer coefficients.

``m`` and ``d`` are different sizes even where the data make both 50; ``T + 1`` equals ``1 + T``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class CeilingQuotient:
    """max(0, ⌈numerator / divisor⌉): the length of a range with a step."""

    numerator: Size
    divisor: int

    def __str__(self) -> str:
        return f"ceil(({self.numerator}) / {self.divisor})"


Factor = str | CeilingQuotient
Monomial = tuple[Factor, ...]


@dataclass(frozen=True)
class Size:
    """Σ coefficient · Π factors, in a canonical order; the empty monomial carries the constant."""

    terms: tuple[tuple[Monomial, int], ...]

    @staticmethod
    def constant(value: int) -> Size:
        """The size that is a number."""
        return Size((((), value),) if value else ())

    @staticmethod
    def of(factor: Factor) -> Size:
        """The size that is one dim (or one quotient)."""
        return Size((((factor,), 1),))

    @staticmethod
    def collect(terms: list[tuple[Monomial, int]]) -> Size:
        """The canonical size of a sum of terms."""
        total: dict[Monomial, int] = {}
        for monomial, coefficient in terms:
            key = tuple(sorted(monomial, key=str))
            total[key] = total.get(key, 0) + coefficient
        kept = sorted(((k, c) for k, c in total.items() if c), key=lambda t: (-len(t[0]), str(t[0])))
        return Size(tuple(kept))

    def __add__(self, other: Size) -> Size:
        return Size.collect([*self.terms, *other.terms])

    def __sub__(self, other: Size) -> Size:
        return self + other * Size.constant(-1)

    def __mul__(self, other: Size) -> Size:
        return Size.collect([(a + b, x * y) for a, x in self.terms for b, y in other.terms])

    @property
    def value(self) -> int | None:
        """The number, where the size is one; else None."""
        if not self.terms:
            return 0
        return self.terms[0][1] if len(self.terms) == 1 and not self.terms[0][0] else None

    def evaluate(self, dims: Mapping[str, int]) -> int:
        """The number that the size has where the dims have these values."""
        total = 0
        for monomial, coefficient in self.terms:
            product = coefficient
            for factor in monomial:
                if isinstance(factor, CeilingQuotient):
                    product *= max(0, -(-factor.numerator.evaluate(dims) // factor.divisor))
                else:
                    product *= dims[factor]
            total += product
        return total

    def dims(self) -> frozenset[str]:
        """Names of the dims that occur."""
        found: set[str] = set()
        for monomial, _ in self.terms:
            for factor in monomial:
                found |= factor.numerator.dims() if isinstance(factor, CeilingQuotient) else {factor}
        return frozenset(found)

    def __str__(self) -> str:
        if not self.terms:
            return "0"
        words = []
        for monomial, coefficient in self.terms:
            names = " * ".join(map(str, monomial))
            size = abs(coefficient)
            body = names if names and size == 1 else f"{size} * {names}" if names else str(size)
            words.append(("- " if coefficient < 0 else "+ ") + body)
        first = words[0]
        words[0] = first[2:] if first.startswith("+ ") else "-" + first[2:]
        return " ".join(words)


Shape = tuple[Size, ...]

SCALAR: Shape = ()


def show_shape(shape: Shape) -> str:
    """A shape as the user would write it: ``[m, d]``; a scalar is ``a scalar``."""
    return f"[{', '.join(map(str, shape))}]" if shape else "a scalar"
