"""Dual numbers: the ring ℝ[e]/(e²), in arrays.

An element is p + t e with e² = 0: p is its primal part, t its tangent. From e² = 0 alone follow

    (p₁ + t₁ e) ± (p₂ + t₂ e) = (p₁ ± p₂) + (t₁ ± t₂) e
    (p₁ + t₁ e) · (p₂ + t₂ e) = p₁ p₂ + (t₁ p₂ + p₁ t₂) e
    (p₁ + t₁ e) / (p₂ + t₂ e) = p₁/p₂ + (t₁ − (p₁/p₂) t₂)/p₂ e       for p₂ ≠ 0: multiply by p₂ + t₂ e to check
    f(p + t e)                = f(p) + f′(p) t e                      Taylor's series, whose terms from e² on are 0

so that evaluating a program on p + t e gives its value and its derivative along t: forward mode. Source: W. K.
Clifford (1873) for the numbers; A. Griewank and A. Walther, Evaluating Derivatives, ch. 3, for the use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from karush.stdlib.primitives.tangents import real

Number = Any
"""A dual number, or a plain array or number, whose tangent is 0."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Dual:
    """p + t e: an array of dual numbers; both parts have the same shape and dtype.

    Comparisons are those of the primal parts and give plain arrays: which branch a program takes has no tangent.
    """

    primal: Array
    tangent: Array

    __array_ufunc__ = None  # so that NumPy arrays on the left leave the operation to this class

    # ------------------------------------------------------------ arithmetic

    def __add__(self, other: Number) -> Dual:
        other = dual(other)
        return _parts(self.primal + other.primal, self.tangent + other.tangent)

    def __sub__(self, other: Number) -> Dual:
        other = dual(other)
        return _parts(self.primal - other.primal, self.tangent - other.tangent)

    def __mul__(self, other: Number) -> Dual:
        other = dual(other)
        return _parts(self.primal * other.primal, self.tangent * other.primal + self.primal * other.tangent)

    def __truediv__(self, other: Number) -> Dual:
        other = dual(other)
        quotient = self.primal / other.primal
        return _parts(quotient, (self.tangent - quotient * other.tangent) / other.primal)

    def __matmul__(self, other: Number) -> Dual:
        other = dual(other)
        return _parts(self.primal @ other.primal, self.tangent @ other.primal + self.primal @ other.tangent)

    def __pow__(self, exponent: Number) -> Dual:
        """x^y, with y x^(y − 1) in x and x^y log x in y; a plain exponent has no tangent, so x may be negative."""
        power = self.primal ** primal_of(exponent)
        in_base = times(primal_of(exponent) * self.primal ** (primal_of(exponent) - 1), self.tangent)
        if not isinstance(exponent, Dual):
            return _parts(power, jnp.where(primal_of(exponent) == 0, 0, in_base))
        logarithm = jnp.where(power == 0, 0, power * jnp.log(jnp.where(power == 0, 1, self.primal)))
        return _parts(power, in_base + times(logarithm, exponent.tangent))

    def __neg__(self) -> Dual:
        return Dual(-self.primal, -self.tangent)

    def __radd__(self, other: Number) -> Dual:
        return dual(other) + self

    def __rsub__(self, other: Number) -> Dual:
        return dual(other) - self

    def __rmul__(self, other: Number) -> Dual:
        return dual(other) * self

    def __rtruediv__(self, other: Number) -> Dual:
        return dual(other) / self

    def __rmatmul__(self, other: Number) -> Dual:
        return dual(other) @ self

    def __rpow__(self, base: Number) -> Dual:
        return dual(base) ** self

    # ------------------------------------------------------------ comparisons

    def __lt__(self, other: Number) -> Array:
        return self.primal < primal_of(other)

    def __le__(self, other: Number) -> Array:
        return self.primal <= primal_of(other)

    def __gt__(self, other: Number) -> Array:
        return self.primal > primal_of(other)

    def __ge__(self, other: Number) -> Array:
        return self.primal >= primal_of(other)

    def __eq__(self, other: object) -> Array:  # type: ignore[override]
        return self.primal == primal_of(other)

    def __ne__(self, other: object) -> Array:  # type: ignore[override]
        return self.primal != primal_of(other)

    __hash__ = None  # type: ignore[assignment]

    # ------------------------------------------------------------ structure: the same for both parts

    def __getitem__(self, items: Any) -> Dual:
        return self.both(lambda part: part[items])

    def __len__(self) -> int:
        return len(self.primal)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of either part."""
        return self.primal.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.primal.ndim

    @property
    def T(self) -> Dual:  # noqa: N802
        """The transpose."""
        return self.both(jnp.transpose)

    def sum(self, axis: int | tuple[int, ...] | None = None) -> Dual:
        """The sum along axes: linear, so the same for both parts."""
        return self.both(lambda part: jnp.sum(part, axis=axis))

    def reshape(self, *shape: int) -> Dual:
        """The same entries in another shape."""
        return self.both(lambda part: part.reshape(*shape))

    def both(self, linear: Callable[[Array], Array]) -> Dual:
        """A linear map of the array, which is its own derivative."""
        return Dual(linear(self.primal), linear(self.tangent))


def _parts(primal: Array, tangent: Array) -> Dual:
    return Dual(primal, jnp.broadcast_to(tangent, jnp.shape(primal)))


def primal_of(number: Number) -> Any:
    """p of p + t e; a plain number itself."""
    return number.primal if isinstance(number, Dual) else number


def dual(number: Number, tangent: jax.typing.ArrayLike = 0.0) -> Dual:
    """p + t e of a plain array p; a constant without a tangent. A dual number is returned as it is."""
    if isinstance(number, Dual):
        return number
    primal = real(number)
    return Dual(primal, jnp.broadcast_to(jnp.asarray(tangent, primal.dtype), primal.shape))


def times(slope: Array, tangent: Array) -> Array:
    """slope · tangent, and 0 for a tangent 0 where the slope has no bound."""
    return jnp.where(tangent == 0, 0, slope * tangent)


def derivative(function: Callable[..., Number], primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    """f(p) and f′(p) t, by one evaluation of f on p + t e: what ``jax.jvp`` gives."""
    found = dual(function(*(dual(p, t) for p, t in zip(primals, tangents, strict=True))))
    return found.primal, found.tangent
