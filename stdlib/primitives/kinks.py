"""Functions of one number that are made of pieces, with a kink where two of them meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array

from karush.stdlib.primitives.rule import Arrays, Rule, magnitude
from karush.stdlib.primitives.ties import LEAST, Element, Tie, columns, first_sign, least

Slope = float | Callable[[Array], Array]
"""The slope of a piece: a number, or a function of x that is finite everywhere."""


@dataclass(frozen=True)
class Kink:
    """Where two pieces meet, and what frameworks take there where it is not the element of least norm.

    ``left`` and ``right`` are the one-sided slopes, wanted where the slope of a piece is a function.
    """

    at: float
    left: float | None = None
    right: float | None = None
    torch: float | None = None
    jax: float | None = None
    tf: float | None = None

    def element(self, choice: str | float, left: float, right: float) -> float:
        """The number that a choice means between these one-sided slopes."""
        if not isinstance(choice, str):
            return choice
        if choice in ("left", "right"):
            return left if choice == "left" else right
        own = None if choice == LEAST else getattr(self, choice)
        return least(left, right) if own is None else own


@dataclass(frozen=True)
class Pieces:
    """Slopes between kinks, which stand in ascending order.

    ``least`` is the slope with the elements of least norm as one function, where that is cheaper than a choice of
    pieces.
    """

    slopes: tuple[Slope, ...]
    kinks: tuple[Kink, ...]
    least: Callable[[Array], Array] | None = None

    def derivative(self, arguments: Arrays, tangents: Sequence[Array | None], tie: Tie) -> Array:
        """The slope times the tangent."""
        (x,), (tangent,) = arguments, tangents
        if tangent is None:
            return jnp.zeros_like(x)
        if self.least is not None and tie == Element(LEAST):
            return self.least(x) * tangent
        if self.is_of_numbers(tie):
            return self.slope(x, tangent, tie) * tangent
        moved = _along(self.slopes[0], x, tangent)
        for k, kink in enumerate(self.kinks):
            element = self.element(k, tie)
            moved = jnp.where(self.passed(k, x, tangent, tie), _along(self.slopes[k + 1], x, tangent), moved)
            if element is not None and element not in self.sides(k):
                moved = jnp.where(x == kink.at, element * tangent, moved)
        return moved

    def is_of_numbers(self, tie: Tie) -> bool:
        """Whether the slope costs less as an array of numbers than as a choice of moved tangents."""
        if not isinstance(tie, Element) or any(map(callable, self.slopes)):
            return False
        own = [k for k in range(len(self.kinks)) if self.element(k, tie) not in self.sides(k)]
        return bool(own) or not set(self.slopes) <= {0.0, 1.0}

    def slope(self, x: Array, tangent: Array, tie: Tie) -> Array:
        """The slope where all pieces have numbers for slopes, at a kink the element that is taken there."""
        here = jnp.asarray(self.slopes[0], x.dtype)
        for k, kink in enumerate(self.kinks):
            element, after = self.element(k, tie), self.slopes[k + 1]
            here = jnp.where(self.passed(k, x, tangent, tie), jnp.asarray(after, x.dtype), here)
            if element is not None and element not in self.sides(k):
                here = jnp.where(x == kink.at, jnp.asarray(element, x.dtype), here)
        return here

    def sides(self, k: int) -> tuple[float, float]:
        """The slopes on both sides of a kink."""
        kink, before, after = self.kinks[k], self.slopes[k], self.slopes[k + 1]
        left = kink.left if callable(before) else before
        right = kink.right if callable(after) else after
        assert left is not None and right is not None
        return left, right

    def element(self, k: int, tie: Tie) -> float | None:
        """The number that is taken at a kink; None where the direction decides."""
        return self.kinks[k].element(tie.choice, *self.sides(k)) if isinstance(tie, Element) else None

    def margin(self, x: Array) -> tuple[Array, Array]:
        """How far from the nearest kink."""
        gaps = jnp.stack([jnp.abs(x - kink.at) for kink in self.kinks])
        return jnp.min(gaps, axis=0), jnp.maximum(magnitude(x), max(abs(kink.at) for kink in self.kinks))

    def passed(self, k: int, x: Array, tangent: Array, tie: Tie) -> Array:
        """Does the piece to the right of a kink hold?"""
        kink = self.kinks[k]
        if isinstance(tie, Element):
            left, right = self.sides(k)
            return x >= kink.at if left != self.element(k, tie) == right else x > kink.at
        return (x > kink.at) | ((x == kink.at) & (first_sign(columns(tangent, tie)) > 0))


def kinked(
    value: Callable[[Array], Array],
    slopes: Sequence[Slope],
    kinks: Sequence[Kink],
    least: Callable[[Array], Array] | None = None,
) -> Rule:
    """The rule of a function with these slopes between these kinks (see `Pieces`)."""
    pieces = Pieces(tuple(slopes), tuple(kinks), least)
    return Rule(value, pieces.derivative, pieces.margin, numbers=True)


def _along(slope: Slope, x: Array, tangent: Array) -> Array:
    """The tangent moved by a piece, without a product where its slope is 0, 1 or -1."""
    if callable(slope):
        return slope(x) * tangent
    if slope == 0:
        return jnp.zeros_like(tangent)
    if slope in (1, -1):
        return tangent if slope == 1 else -tangent
    return slope * tangent


def slope_at_zero(x: Array, left: Array, tangent: Array | None, tie: Tie, greater: Sequence[str]) -> Array:
    """The slope 1 to the right of 0 and ``left`` <= 1 to the left, which is a param and not a number.

    At 0 the lesser one, unless the choice is one of the ``greater`` words, a number, or the direction's.
    """
    right = x > 0
    if isinstance(tie, Element):
        right = x >= 0 if tie.choice in greater else right
    elif tangent is not None:
        right |= (x == 0) & (first_sign(columns(tangent, tie)) > 0)
    slope = jnp.where(right, 1, left)
    if isinstance(tie, Element) and not isinstance(tie.choice, str):
        slope = jnp.where(x == 0, jnp.asarray(tie.choice, x.dtype), slope)
    return slope
