"""Which element of its conservative derivative an operation takes at a tie.

An operation with kinks has at a tie a set of derivatives, the convex hull of its limits (Clarke). A program takes one
element of it, linear in the tangent, so that reverse mode is the transpose of forward mode:

- ``Element``: a constant of the program. Least norm by default; ``left`` and ``right`` are the derivatives as the
  first argument comes to the tie from below and from above; ``torch``, ``jax``, ``tf`` what these frameworks take; or a
  number.
- ``Along``: J(x; t) with J(x; t) t = F'(x; t), the directional derivative along the tangent t itself. Each operation
  takes the piece that t moves into, so the chain rule holds exactly and the derivative of d ↦ F'(x; d) at a random d
  is an element of the Clarke derivative (Kakade & Lee 2018).
- ``Lexicographic``: the same by all columns of M, which is vmapped over a named axis: the piece that
  x + ε m₁ + ε² m₂ + … moves into. J(x; M) M is the lexicographic directional derivative (Nesterov 2005; Khan & Barton
  2015).
- ``Increment``: no derivative at all, but f(x + t) − f(x). With it the forward mode of a program is its piecewise
  linear model, whose error is of second order also at a kink (Griewank 2013).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array, lax

LEAST = "min-norm"
WORDS = (LEAST, "left", "right", "torch", "jax", "tf")


@dataclass(frozen=True)
class Element:
    """The same element wherever the operation is evaluated: one of ``WORDS``, or a number."""

    choice: str | float = LEAST


@dataclass(frozen=True)
class Along:
    """The element of the piece that the tangent moves into."""


@dataclass(frozen=True)
class Lexicographic:
    """The element of the piece that the tangents of a vmapped axis move into, the first that decides."""

    axis: str


@dataclass(frozen=True)
class Increment:
    """f(x + t) − f(x) in place of the derivative: the piecewise linear model of a program (Griewank 2013)."""


Directional = Along | Lexicographic
Tie = Element | Directional
Movement = Tie | Increment
MIN_NORM = Element()


WHOLE_FILE = "*"
"""Where a file states one choice for all operations."""


@dataclass(frozen=True)
class Ties:
    """The choices of a whole program: one for every operation, if any is stated, and those of operations by name."""

    stated: Movement | None = None
    own: tuple[tuple[str, Tie], ...] = ()

    @property
    def default(self) -> Movement:
        """The choice of operations without one of their own: least norm, unless another is stated."""
        return MIN_NORM if self.stated is None else self.stated

    def of(self, name: str) -> Movement:
        """The choice of an operation; a direction is that of all operations, or it would not be one."""
        return self.default if not isinstance(self.default, Element) else dict(self.own).get(name, self.default)

    def over(self, file: Mapping[str, float | str]) -> Ties:
        """These choices where they say something, those of a file elsewhere."""
        if self.stated is not None:
            return self
        of_file = {name: Element(choice) for name, choice in file.items()}
        stated = of_file.pop(WHOLE_FILE, None)
        return Ties(stated, tuple({**of_file, **dict(self.own)}.items()))


DIRECTIONS = "directions"
"""The name of the vmapped axis of tangents for lexicographic derivatives."""

ALONG, IN_ORDER, INCREMENTS = Ties(Along()), Ties(Lexicographic(DIRECTIONS)), Ties(Increment())
"""Every tie by the tangent, by all tangents in order, and every operation with kinks by its increment."""


def columns(tangent: Array, tie: Directional) -> Array:
    """The directions that decide, in order, one axis in front; they choose and are not differentiated."""
    chosen = lax.stop_gradient(tangent)
    return chosen[None] if isinstance(tie, Along) else lax.all_gather(chosen, tie.axis)


def first_sign(directions: Array) -> Array:
    """The sign of the first direction that is not 0, elementwise: -1, 0 or 1."""
    signs = jnp.sign(directions)
    if signs.shape[0] == 1:
        return signs[0]
    first = jnp.argmax(signs != 0, axis=0)
    return jnp.take_along_axis(signs, first[None], axis=0)[0]


def foremost(tied: Array, directions: Array) -> Array:
    """Of the tied entries (all axes of a mask) those that come out greatest along the directions, lexicographically."""

    def refine(mask: Array, direction: Array) -> tuple[Array, None]:
        moved = jnp.where(mask, direction, -jnp.inf)
        return mask & (moved == jnp.max(moved, initial=-jnp.inf)), None

    if directions.shape[0] == 1:
        return refine(tied, directions[0])[0]
    return lax.scan(refine, tied, directions)[0]


def shares(chosen: Array, dtype: jax.typing.DTypeLike) -> Array:
    """Equal weights on the chosen entries, which sum to 1."""
    weights = chosen.astype(dtype)
    return weights / jnp.maximum(jnp.sum(weights), 1)


def first_of(tied: Array, *, last: bool = False) -> Array:
    """The first of the tied entries in row-major order, or the last one, alone."""
    flat = tied.ravel()
    place = flat.size - 1 - jnp.argmax(flat[::-1]) if last else jnp.argmax(flat)
    return (jnp.arange(flat.size) == place).reshape(tied.shape) & tied


def least(left: float, right: float) -> float:
    """The number of least magnitude between two."""
    low, high = min(left, right), max(left, right)
    return min(max(low, 0.0), high)
