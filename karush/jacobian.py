"""The whole derivative of an output in some params, by rows (reverse) or columns (forward), with its evidence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from karush.derivative import Arrays, Differentiated
from karush.evidence import Solved
from karush.result import EvidenceRecord


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Jacobian:
    """Value, ∂of/∂param of shape ``of.shape + param.shape`` for every param, and the worst of the rows' evidence."""

    value: Array
    gradients: Arrays
    evidence: EvidenceRecord
    solved: Solved


def choose_mode(function: Differentiated, given: Mapping[str, Any], asked: str) -> tuple[str, str]:
    """``vjp`` or ``jvp``, and why: the one with fewer linear solves."""
    moved = function.start(given)
    inputs = sum(array.size for array in moved.values())
    value, _ = jax.eval_shape(function.value, moved, dict(given))
    outputs = math.prod(value.shape)
    if asked != "auto":
        return asked, "asked for"
    if outputs <= inputs:
        return "vjp", f"{outputs} cotangents against {inputs} tangents"
    return "jvp", f"{inputs} tangents against {outputs} cotangents"


def jacobian(function: Differentiated, mode: str, given: Mapping[str, Any]) -> Jacobian:
    """The derivative at the given params; pure, to be jitted."""
    moved = function.start(given)

    def value_of(m: Arrays) -> tuple[Array, Solved]:
        return function.value(m, given)

    if mode == "vjp":
        value, back, solved = jax.vjp(value_of, moved, has_aux=True)
        cotangents = basis(value)
        (rows,) = jax.vmap(back)(cotangents)
        gradients = {name: rows[name].reshape(value.shape + moved[name].shape) for name in moved}
    else:
        value, forward, solved = jax.linearize(value_of, moved, has_aux=True)
        cotangents = basis(value)
        gradients = {name: columns(forward, moved, name, value) for name in moved}
    evidence = worst_evidence(function, given, solved, cotangents)
    return Jacobian(value, function.masked(gradients, evidence, cotangents), evidence, solved)


def basis(like: Array) -> Array:
    """The unit arrays of a shape, one after the other."""
    return jnp.eye(like.size, dtype=like.dtype).reshape((like.size, *like.shape))


def columns(forward: Any, moved: Arrays, name: str, value: Array) -> Array:
    """∂of/∂param by one tangent for every entry of the param."""

    def column(direction: Array) -> Array:
        tangents = {other: direction if other == name else jnp.zeros_like(array) for other, array in moved.items()}
        return forward(tangents)

    found = jax.vmap(column, out_axes=-1)(basis(moved[name]))
    return found.reshape(value.shape + moved[name].shape)


def worst_evidence(
    function: Differentiated, given: Mapping[str, Any], solved: Solved, cotangents: Array
) -> EvidenceRecord:
    """The evidence of all rows: the worst residual, bound and status."""
    moved = function.start(given)
    if cotangents.shape[0] == 0:
        cotangents = jnp.zeros((1, *cotangents.shape[1:]), cotangents.dtype)
    rows = jax.vmap(lambda seed: function.evidence(moved, given, solved, seed))(cotangents)
    worst = {name: jnp.max(rows[name]) for name in ("residual", "condition", "error_bound", "status")}
    params = jax.tree.map(lambda statuses: jnp.max(statuses, axis=0), rows["params"])
    masks = {name: first(rows[name]) for name in ("active", "weakly_active")}
    return EvidenceRecord({**worst, **masks, "params": params})


def first(tree: Any) -> Any:
    """What does not depend on the cotangent, from the first row."""
    return jax.tree.map(lambda array: array[0], tree)


def differences(function: Differentiated, given: Mapping[str, Any], found: Jacobian) -> dict[str, dict[str, float]]:
    """For every param: the derivative along one direction against central differences, relative; and the step.

    The direction is fixed. Of the steps h and h/4 the one that agrees better counts, since neither truncation nor the
    solver's tolerance is known; a kink or a change of the active rows within the step shows as a difference.
    """
    moved = function.start(given)
    report = {}
    for name, array in moved.items():
        direction = np.cos(1.0 + np.arange(array.size)).reshape(array.shape)
        exact = np.tensordot(np.asarray(found.gradients[name]), direction, array.ndim)
        scale = max(1.0, float(np.max(np.abs(array), initial=0.0)))
        trials = []
        for step in (1e-4 * scale, 2.5e-5 * scale):
            ends = [array + sign * step * direction for sign in (1, -1)]
            above, below = (np.asarray(function.jitted_value({**moved, name: end}, dict(given))[0]) for end in ends)
            trials.append((relative_difference((above - below) / (2 * step), exact), step))
        error, step = min(trials, key=lambda trial: (math.isnan(trial[0]), trial[0]))
        report[name] = {"difference": error, "step": step}
    return report


def relative_difference(slope: np.ndarray, exact: np.ndarray) -> float:
    """The largest difference, over the largest entry of either."""
    size = max(float(np.max(np.abs(array), initial=0.0)) for array in (slope, exact))
    return float(np.max(np.abs(slope - exact), initial=0.0)) / max(size, 1e-8)
