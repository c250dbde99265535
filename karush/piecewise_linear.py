"""The piecewise linear model of an output at a point: every smooth operation by its tangent, every kink as it is.

For a piecewise smooth F the model F◇(x; Δ) has the error |F(x + Δ) − F(x) − F◇(x; Δ)| = O(‖Δ‖²) for all Δ, across
kinks and at them, where F'(x) Δ has one of first order (Griewank, Optimization Methods and Software 28, 2013).
It is evaluated at the price of a directional derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from karush.derivative import Arrays, Differentiated, differentiated
from karush.directional import check_directional
from karush.outputs import DerivativeError
from karush.problem import Problem
from karush.sparse import numbers
from karush.stdlib.primitives.ties import INCREMENTS

Model = Callable[..., Array]


def _moved_by(turned: Differentiated, moved: Arrays, changes: Arrays, given: Mapping[str, Any]) -> Array:
    """F(x) + F◇(x; Δ), of the output whose kinks move by increments."""
    reached, rate, _ = jax.jvp(lambda m: turned.value(m, given), (moved,), (changes,), has_aux=True)
    total: Array = reached + rate
    return total


def local_model(
    problem: Problem, of: str = "objective", wrt: Sequence[str] | None = None
) -> Callable[..., tuple[Array, Model]]:
    """(value, model) of an output of a plain function: ``value, model = local_model(m, of="y")(x=x)``.

    ``model(x=dx)`` is F(x) + F◇(x; dx), traced and jittable. DerivativeError (E0704) for a problem that is solved.
    """

    def at(**params: Any) -> tuple[Array, Model]:
        prepared = problem.prepare(params)
        function = differentiated(problem, prepared.compiled, of, wrt)
        check_directional(function, "abslin")
        given = dict(prepared.arrays)
        moved = function.start(given)
        value, _ = function.jitted_value(moved, given)
        model = problem.once(("abslin", function), lambda: jax.jit(partial(_moved_by, function.turned(INCREMENTS))))

        def move(**changes: Any) -> Array:
            unknown = [name for name in changes if name not in moved]
            if unknown:
                raise DerivativeError("E0201", f"`{unknown[0]}` is not in wrt; there are {', '.join(moved)}")
            found: Array = model(
                moved,
                {
                    name: jnp.broadcast_to(numbers(changes.get(name, 0), array.dtype), array.shape)
                    for name, array in moved.items()
                },
                given,
            )
            return found

        return value, move

    return at
