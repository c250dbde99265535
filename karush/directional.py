"""The alternatives to conservative derivatives: true directional ones, Clarke elements, lexicographic derivatives.

F'(x; d) = lim (F(x + t d) − F(x))/t is taken through the program by the piece that d moves into at every tie, so that
the chain rule is exact (stdlib/primitives/ties.py). From it:

- a Clarke element at the price of a gradient: F'(x; ·) of a piecewise differentiable F is piecewise linear, so that its
  derivative at a random d is a limit of derivatives of F (Kakade & Lee, NeurIPS 2018);
- the same by p forward derivatives along all entries, whose ties a random first direction decides;
- the lexicographic derivative F'(x; M) M⁻¹ for M = I (Nesterov 2005; Khan & Barton 2015), without randomness.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree

from karush.derivative import Arrays, Differentiated, differentiated
from karush.evidence import Solved
from karush.jacobian import Jacobian, basis, worst_evidence
from karush.outputs import DerivativeError, pick
from karush.problem import Problem
from karush.result import EvidenceRecord, Record
from karush.solvers.evidence import DerivativeStatus
from karush.stdlib.primitives.ties import ALONG, DIRECTIONS, IN_ORDER


def clarke(
    problem: Problem, of: str = "objective", wrt: Sequence[str] | None = None, seed: int = 0
) -> Callable[..., Record]:
    """An element of the Clarke derivative: ``clarke(m, of="y")(x=x)`` is a record of params.

    All entries are from the piece that a random direction moves into; NaN where a solution stands at a kink itself.
    DerivativeError (E0704) for files that take derivatives themselves.
    """

    def at(**params: Any) -> Record:
        prepared = problem.prepare(params)
        function = differentiated(problem, prepared.compiled, of, wrt)
        check_directional(function, "clarke", solves=True)
        jitted = problem.once(("clarke", function), lambda: jax.jit(partial(clarke_jacobian, function)))
        return Record(jitted(random_direction(function, seed), dict(prepared.arrays)).gradients)

    return at


def lexicographic(problem: Problem, of: str = "objective", wrt: Sequence[str] | None = None) -> Callable[..., Record]:
    """The lexicographic derivative F'(x; I) along the entries of the params, which stand in the order of their names.

    ``lexicographic(m, of="y")(x=x)`` is a record of params; DerivativeError as of `clarke`.
    """

    def at(**params: Any) -> Record:
        prepared = problem.prepare(params)
        function = differentiated(problem, prepared.compiled, of, wrt)
        check_directional(function, "ld", solves=True)
        jitted = problem.once(("ld", function), lambda: jax.jit(partial(lexicographic_jacobian, function)))
        return Record(jitted(dict(prepared.arrays)).gradients)

    return at


def check_directional(function: Differentiated, mode: str, *, solves: bool = False) -> None:
    """Refuse what directions cannot be taken through: derivatives within the file; a problem, unless it ``solves``."""
    compiled = function.compiled
    if (compiled.form is not None or compiled.steps) and not solves:
        raise DerivativeError("E0704", f"--mode {mode} is for functions without a problem that is solved")
    if not function.is_directional:
        raise DerivativeError("E0704", f"--mode {mode} does not go through derivatives that the file takes")


def random_direction(function: Differentiated, seed: int) -> Arrays:
    """Normal numbers in the shapes of the params, the same for the same seed; made outside of the program."""
    random = np.random.default_rng(seed)
    compiled = function.compiled
    shapes = {name: spec.shape for name, spec in function.shapes().items()}
    return {name: jnp.asarray(random.normal(size=shape), compiled.dtype) for name, shape in shapes.items()}


def clarke_jacobian(function: Differentiated, direction: Arrays, given: Mapping[str, Any]) -> Jacobian:
    """An element of the Clarke derivative, all rows from the piece that a direction moves into; pure, to be jitted."""
    moved, turned = function.start(given), function.turned(ALONG)

    def rate(direction: Arrays) -> tuple[Array, tuple[Array, Solved]]:
        value, moving, solved = jax.jvp(lambda m: turned.value(m, given), (moved,), (direction,), has_aux=True)
        return moving, (value, solved)

    moving, back, (value, solved) = jax.vjp(rate, direction, has_aux=True)
    cotangents = basis(moving)
    (rows,) = jax.vmap(back)(cotangents)
    gradients = {name: rows[name].reshape(value.shape + moved[name].shape) for name in moved}
    return _where_it_is_one(function, given, Jacobian(value, gradients, _evidence(function, given, solved), solved))


def along_all(function: Differentiated, given: Mapping[str, Any], directions: Array) -> tuple[Array, Array, Solved]:
    """F and F'(x; M), for the columns of M as rows of ``directions``, ties decided by them in order."""
    moved, turned = function.start(given), function.turned(IN_ORDER)
    back: Callable[[Array], Arrays] = ravel_pytree(moved)[1]

    def one(direction: Array) -> tuple[Array, Array, Solved]:
        value, moving, solved = jax.jvp(lambda m: turned.value(m, given), (moved,), (back(direction),), has_aux=True)
        return value, moving, solved

    found: tuple[Array, Array, Solved] = jax.vmap(one, out_axes=(None, -1, None), axis_name=DIRECTIONS)(directions)
    return found


def lexicographic_jacobian(function: Differentiated, given: Mapping[str, Any]) -> Jacobian:
    """F'(x; I): the lexicographic derivative in the entries of the params, in order; pure, to be jitted."""
    moved = function.start(given)
    flat, _ = ravel_pytree(moved)
    value, rates, solved = along_all(function, given, jnp.eye(flat.size, dtype=flat.dtype))
    return _columns(function, given, (value, rates, solved))


def clarke_by_columns(function: Differentiated, direction: Arrays, given: Mapping[str, Any]) -> Jacobian:
    """The Clarke element of `clarke_jacobian` by one forward derivative for every entry: p times the price."""
    first = ravel_pytree(direction)[0]
    directions = jnp.concatenate([first[None], jnp.eye(first.size, dtype=first.dtype)])
    value, rates, solved = along_all(function, given, directions)
    return _columns(function, given, (value, rates[..., 1:], solved))


def _columns(function: Differentiated, given: Mapping[str, Any], found: tuple[Array, Array, Solved]) -> Jacobian:
    """The Jacobian whose columns these are."""
    value, rates, solved = found
    moved = function.start(given)
    gradients, first = {}, 0
    for name, array in sorted(moved.items()):
        gradients[name] = rates[..., first : first + array.size].reshape(value.shape + array.shape)
        first += array.size
    in_order = {name: gradients[name] for name in moved}
    return _where_it_is_one(function, given, Jacobian(value, in_order, _evidence(function, given, solved), solved))


def _evidence(function: Differentiated, given: Mapping[str, Any], solved: Solved) -> EvidenceRecord:
    return worst_evidence(function, given, solved, basis(pick(solved.outcome, function.request.of)))


def _where_it_is_one(function: Differentiated, given: Mapping[str, Any], found: Jacobian) -> Jacobian:
    """NaN and undefined where a solution stands at a kink: its linear rule takes an element there, not a direction."""
    if function.compiled.form is None and not function.compiled.steps:
        return found
    moved = function.start(given)
    rows = jax.vmap(lambda seed: function.solved_evidence(moved, given, found.solved, seed))(basis(found.value))
    worst = jax.tree.map(lambda status: jnp.max(status, axis=0), rows["params"])
    statuses = {}
    for name in moved:
        kinked = worst[name] != DerivativeStatus.UNIQUE
        statuses[name] = jnp.where(kinked, DerivativeStatus.UNDEFINED, found.evidence["params"][name])
    gradients = {
        name: jnp.where(statuses[name] == DerivativeStatus.UNDEFINED, jnp.nan, array)
        for name, array in found.gradients.items()
    }
    status = jnp.max(jnp.stack([found.evidence["status"], *statuses.values()])).astype(jnp.int32)
    evidence = EvidenceRecord({**found.evidence, "status": status, "params": Record(statuses)})
    return replace(found, gradients=gradients, evidence=evidence)
