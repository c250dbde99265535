"""Inner problems solved within a compiled model: each call is a step that computes params from params."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from jax import Array

from karush.compiler.dependence import Dependence
from karush.compiler.lowering.evaluate import Evaluator
from karush.compiler.lowering.outcome import Inner, Outcome
from karush.compiler.lowering.scope import Scope
from karush.compiler.reductions.calls import Solve
from karush.solvers.evidence import DerivativeStatus
from karush.solvers.result import Status

Params = Mapping[str, Array]


class Solvable(Protocol):
    """A compiled inner model."""

    def function(self, params: Params, warm: None = None, *, differentiable: bool = True) -> Outcome:
        """The outcome for these params."""


@dataclass(frozen=True, eq=False)
class Step:
    """A call with the compiled model that it solves."""

    solve: Solve
    inner: Solvable


def take(step: Step, evaluator: Evaluator, scope: Scope, *, differentiable: bool) -> tuple[dict[str, Array], Inner]:
    """The params that the step computes, and how its solves ended."""
    solve = step.solve
    arguments = {name: evaluator.array(value, scope) for name, value in solve.arguments.items()}
    axes = scope.inputs.shape(solve.axes)
    outcome = _solved(step.inner, arguments, solve.mapped, axes, differentiable)
    fields = {name: _field(outcome, path) for path, name in solve.fields.items()}
    mask = True if solve.mask is None else evaluator.value(solve.mask, scope)
    return fields, _ending(outcome, jnp.broadcast_to(jnp.asarray(mask), axes))


def _solved(
    inner: Solvable, arguments: Params, mapped: frozenset[str], axes: tuple[Any, ...], differentiable: bool
) -> Outcome:
    """One solve, or a batch over all positions of the binders; what does not depend on them is shared."""

    def one(own: Params, shared: Params) -> Outcome:
        return inner.function({**shared, **own}, differentiable=differentiable)

    shared = {name: value for name, value in arguments.items() if name not in mapped}
    if not axes:
        return one({}, shared)
    count = prod(axes)
    own = {name: jnp.reshape(arguments[name], (count, *arguments[name].shape[len(axes) :])) for name in mapped}
    flat = jax.vmap(one, in_axes=(0, None), axis_size=count)(own, shared)
    return jax.tree.map(lambda leaf: jnp.reshape(leaf, (*axes, *leaf.shape[1:])), flat)


def _field(outcome: Outcome, path: Sequence[str]) -> Array:
    """The part of a solution that a path names."""
    match tuple(path):
        case ("status",):
            return outcome.status
        case ("objective",) if outcome.objective is not None:
            return outcome.objective
        case ("dual", label):
            return outcome.duals[label]
        case ("dual", label, side):
            return outcome.duals[label][side]
    return outcome.values[path[0]]


def _ending(outcome: Outcome, mask: Array) -> Inner:
    """The statuses of the solves whose solutions are used."""
    evidence = None if outcome.derivative is None else outcome.derivative.evidence
    unique = jnp.full(outcome.status.shape, DerivativeStatus.UNIQUE, jnp.int32)
    parts = (unique,) * 3 if evidence is None else (evidence.primal, evidence.dual, evidence.objective)
    below = [worst_derivative(inner) for inner in outcome.inner.values()]
    primal, dual, objective = (_worst(mask, [part, *below], DerivativeStatus.UNIQUE) for part in parts)
    status = jnp.where(mask, outcome.status, Status.SOLVED).astype(jnp.int32)
    return Inner(status, primal, dual, objective)


def _worst(mask: Array, statuses: list[Array], best: int) -> Array:
    """The worst by solve; what was solved within a solve has axes of its own behind those of the mask."""
    own = [jnp.max(status, axis=tuple(range(mask.ndim, status.ndim)), initial=best) for status in statuses]
    return jnp.where(mask, jnp.max(jnp.stack(own), axis=0), best).astype(jnp.int32)


def worst_status(inner: Mapping[str, Inner]) -> Array:
    """The worst status of all steps."""
    return jnp.max(jnp.stack([jnp.max(ending.status, initial=Status.SOLVED) for ending in inner.values()]))


def worst_derivative(ending: Inner) -> Array:
    """The worst of the statuses of a derivative, one for each solve of the step."""
    return jnp.maximum(jnp.maximum(ending.primal, ending.dual), ending.objective)


def needed_steps(
    steps: Sequence[Step], dependence: Dependence, needed: frozenset[str], params: set[str], variables: set[str]
) -> tuple[Step, ...]:
    """The steps that something needs (names as in `Dependence.names`) and that some params and vars move, in order."""
    moved = {f"param {name}" for name in params} | {f"var {name}" for name in variables}
    reached: list[Step] = []
    for step in steps:
        below = frozenset().union(*(dependence.names(value) for value in step.solve.arguments.values()))
        if not moved.isdisjoint(below):
            moved |= {f"param {name}" for name in step.solve.fields.values()}
            reached.append(step)
    wanted, found = set(needed), []
    for step in reversed(reached):
        if not wanted.isdisjoint(f"param {name}" for name in step.solve.fields.values()):
            for value in step.solve.arguments.values():
                wanted |= dependence.names(value)
            found.append(step)
    return tuple(reversed(found))
