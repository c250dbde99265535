"""All vertices of the Clarke derivative of a small program: the derivatives of all pieces that meet at a point.

To tell whether there is more than one is NP-hard already for networks of relu with weights in {-1, 0, 1} (Bolte,
Boustany, Pauwels, Pesquet-Popescu, ICLR 2023): the work grows with the number of pieces, and ends at a limit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr
from jax.flatten_util import ravel_pytree

from karush.compiler.cost.programs import alive
from karush.compiler.nonsmooth.cells import Decisions, TooManyPiecesError, every_piece
from karush.compiler.nonsmooth.interpreter import Moving, NoPiecesError, run
from karush.derivative import Differentiated, differentiated
from karush.directional import check_directional
from karush.outputs import DerivativeError
from karush.problem import Problem
from karush.result import Record

LIMIT = 10_000
"""Pieces that are followed at most."""

EQUAL = 1e-9
"""Derivatives that differ by less, relative to the largest entry, are the same vertex."""


@dataclass(frozen=True)
class Vertices:
    """The value, the derivatives of all pieces (a leading axis in every param), and how many cells they came from."""

    value: np.ndarray
    gradients: dict[str, np.ndarray]
    cells: int

    @property
    def count(self) -> int:
        """How many there are."""
        return len(next(iter(self.gradients.values()))) if self.gradients else 1


def clarke_vertices(
    problem: Problem, of: str = "objective", wrt: Sequence[str] | None = None, limit: int = LIMIT
) -> Callable[..., Record]:
    """All limits of derivatives: ``clarke_vertices(m, of="y")(x=x)`` is a record of params, with a leading axis each.

    Their convex hull is the Clarke derivative. DerivativeError (E0704) where there are more pieces than the limit,
    where a problem is solved, where an operation has no pieces (√ at 0), and in loops.
    """

    def at(**params: Any) -> Record:
        prepared = problem.prepare(params)
        function = differentiated(problem, prepared.compiled, of, wrt)
        return Record(vertices(function, prepared.arrays, limit).gradients)

    return at


def vertices(function: Differentiated, given: Any, limit: int = LIMIT) -> Vertices:
    """The vertices for some params, by tracing the program and running it once for every piece."""
    check_directional(function, "vertices")
    moved = function.start(given)
    flat, back = ravel_pytree(moved)
    if flat.size == 0:
        raise DerivativeError("E0704", "there is no param to differentiate in")
    traced = jax.make_jaxpr(lambda x: jnp.asarray(function.value(back(x), given)[0]))(flat)
    closed = ClosedJaxpr(alive(traced.jaxpr), traced.consts)
    start = Moving(np.asarray(flat), np.eye(flat.size))

    def piece(decisions: Decisions) -> Moving:
        return run(closed, [start], decisions)[0]

    try:
        found = list(every_piece(piece, limit))
    except TooManyPiecesError:
        raise DerivativeError(
            "E0704",
            f"more than {limit} pieces meet here; to enumerate them is NP-hard: take --mode clarke for one element",
        ) from None
    except NoPiecesError as error:
        raise DerivativeError("E0704", f"no pieces to enumerate: {error}") from None
    value = found[0].value
    rates = _distinct(np.stack([end.rates for end in found]))
    gradients, first = {}, 0
    for name, array in sorted(moved.items()):
        part = rates[..., first : first + array.size]
        gradients[name], first = part.reshape((len(rates), *value.shape, *array.shape)), first + array.size
    return Vertices(value, {name: gradients[name] for name in moved}, len(found))


def _distinct(rates: np.ndarray) -> np.ndarray:
    """The different ones, in the order of their entries."""
    size = max(1.0, float(np.max(np.abs(rates), initial=0.0)))
    flat = rates.reshape(len(rates), -1)
    _, places = np.unique(np.round(flat / (size * EQUAL)), axis=0, return_index=True)
    kept: list[int] = []
    for place in places:  # rounding may part two equal ones
        if all(np.max(np.abs(flat[place] - flat[other])) > size * EQUAL for other in kept):
            kept.append(place)
    return rates[kept]
