"""The rule of an operation with kinks: its value, the element of its derivative that a tie choice takes, its ties."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_derivatives import SymbolicZero

from karush.stdlib.primitives.tangents import reals
from karush.stdlib.primitives.ties import MIN_NORM, Increment, Movement, Tie

Arrays = Sequence[Array]


@dataclass(frozen=True)
class Rule:
    """f, its derivative J(x; tie) t linear in t, and how far its arguments are from a tie.

    ``derivative(arguments, tangents, tie)``: a tangent is None where the argument does not move. ``margin`` is
    (gap, scale): for every choice that the operation makes the distance from its tie (inf where there is none to make),
    and the magnitude of what is compared, for rounding. ``elementwise`` operations broadcast their arguments.
    ``numbers`` says whether a number may stand for the element at a tie.
    """

    value: Callable[..., Array]
    derivative: Callable[[Arrays, Sequence[Array | None], Tie], Array]
    margin: Callable[..., tuple[Array, Array]]
    elementwise: bool = True
    numbers: bool = False

    def function(self, tie: Movement = MIN_NORM, name: str = "rule") -> Callable[..., Array]:
        """The operation as a JAX function, with this element at its ties; operation counts call it by its name."""

        def plain(*arguments: Array) -> Array:
            return self.value(*arguments)

        plain.__name__ = name
        rule = jax.custom_jvp(plain)

        def rule_jvp(primals: Arrays, tangents: Sequence[Any]) -> tuple[Array, Array]:
            value = rule(*primals)
            given = [None if isinstance(t, SymbolicZero) else t for t in tangents]
            moved = (
                self.increment(primals, given) if isinstance(tie, Increment) else self.derivative(primals, given, tie)
            )
            return value, jnp.broadcast_to(moved, value.shape).astype(value.dtype)

        rule.defjvp(rule_jvp, symbolic_zeros=True)

        def function(*arguments: jax.typing.ArrayLike) -> Array:
            arrays = reals(*arguments)
            return rule(*(jnp.broadcast_arrays(*arrays) if self.elementwise else arrays))

        return function

    def increment(self, arguments: Arrays, tangents: Sequence[Array | None]) -> Array:
        """f(x + t) − f(x)."""
        moved = [x if t is None else x + t for x, t in zip(arguments, tangents, strict=True)]
        return self.value(*moved) - self.value(*arguments)

    def ties(self, *arguments: jax.typing.ArrayLike) -> tuple[Array, Array]:
        """How many choices stand at a tie, and how many within rounding of one (8 units in the last place)."""
        arrays = reals(*arguments)
        gap, scale = self.margin(*(jnp.broadcast_arrays(*arrays) if self.elementwise else arrays))
        width = 8 * jnp.finfo(gap.dtype).eps * scale
        return jnp.sum(gap == 0), jnp.sum(gap <= width)


def total(terms: Sequence[Array | None], like: Array) -> Array:
    """The sum of what moves; zeros where nothing does."""
    present = [term for term in terms if term is not None]
    if not present:
        return jnp.zeros_like(like)
    found = present[0]
    for term in present[1:]:
        found = found + term
    return found


def magnitude(*arrays: Array) -> Array:
    """The greatest magnitude in all entries, 0 where there are none."""
    return jnp.max(jnp.stack([jnp.max(jnp.abs(array), initial=0) for array in arrays]))
