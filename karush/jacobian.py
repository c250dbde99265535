"""The whole derivative of an output in some params, by rows (reverse) or columns (forward), with its evidence.

Of a plain function, rows or columns that do not meet are taken together (compiler/lowering/colouring.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree

from karush.compiler.lowering.colouring import BOTH, WORTH_COLOURING, Colouring, Mode, colouring_of
from karush.compiler.lowering.compressed import coloured_jacobian
from karush.compiler.lowering.tangent_program import tangent_program
from karush.derivative import Arrays, Differentiated
from karush.evidence import Solved
from karush.result import EvidenceRecord
from karush.solvers.evidence import DerivativeStatus


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Jacobian:
    """Value, ∂of/∂param of shape ``of.shape + param.shape`` for every param, and the worst of the rows' evidence."""

    value: Array
    gradients: Arrays
    evidence: EvidenceRecord
    solved: Solved


def choose_mode(function: Differentiated, given: Mapping[str, Any], asked: str) -> tuple[Mode, str, Colouring | None]:
    """``vjp`` or ``jvp``, why, and the colours: what needs the fewest products, each with a linear solve of its own."""
    moved = function.start(given)
    inputs = sum(array.size for array in moved.values())
    value, _ = jax.eval_shape(function.value, moved, dict(given))
    outputs = math.prod(value.shape)
    modes: tuple[Mode, ...] = ("vjp",) if asked == "vjp" else ("jvp",) if asked == "jvp" else BOTH
    colouring, note = find_colouring(function, given, modes) if min(inputs, outputs) >= WORTH_COLOURING else (None, "")
    if colouring is not None:
        return colouring.mode, colouring.reason, colouring
    if len(modes) == 1:
        return modes[0], "asked for" + note, None
    if outputs <= inputs:
        return "vjp", f"{outputs} cotangents against {inputs} tangents" + note, None
    return "jvp", f"{inputs} tangents against {outputs} cotangents" + note, None


def find_colouring(
    function: Differentiated, given: Mapping[str, Any], modes: tuple[Mode, ...]
) -> tuple[Colouring | None, str]:
    """The colours of a plain function's Jacobian at any real numbers and these indices, else why there are none."""
    if function.compiled.form is not None or function.compiled.steps:
        return None, ""
    flat, back = ravel_pytree(function.start(given))
    leaves, tree = jax.tree.flatten(dict(given))
    real = [k for k, leaf in enumerate(leaves) if jnp.issubdtype(jnp.result_type(leaf), jnp.inexact)]

    def output(x: Array, *numbers: Array) -> Array:
        at = {**dict(enumerate(leaves)), **dict(zip(real, numbers, strict=True))}
        return function.value(back(x), jax.tree.unflatten(tree, [at[k] for k in range(len(leaves))]))[0]

    found = colouring_of(tangent_program(output, flat, [leaves[k] for k in real]), modes)
    return (found, "") if isinstance(found, Colouring) else (None, f"; not coloured: {found}")


def jacobian(
    function: Differentiated, mode: str, given: Mapping[str, Any], colouring: Colouring | None = None
) -> Jacobian:
    """The derivative at the given params; pure, to be jitted. A colouring serves the index arrays it was found for."""
    moved = function.start(given)

    def value_of(m: Arrays) -> tuple[Array, Solved]:
        return function.value(m, given)

    if colouring is not None:
        value, solved = value_of(moved)
        gradients, lacking = coloured(value_of, moved, value, colouring)
        cotangents = jnp.ones((1, *value.shape), value.dtype)  # the evidence of a plain function depends on no row
        evidence = undefined_where(lacking, worst_evidence(function, given, solved, cotangents))
        return Jacobian(value, function.masked(gradients, evidence, cotangents), evidence, solved)
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


def coloured(value_of: Any, moved: Arrays, value: Array, colouring: Colouring) -> tuple[Arrays, Array]:
    """∂of/∂param for every param, by products with sums of columns or rows; and whether the pattern was wrong."""
    flat, back = ravel_pytree(moved)
    _, whole, lacking = coloured_jacobian(lambda x: value_of(back(x))[0].ravel(), flat, colouring)
    gradients, first = {}, 0
    for name, array in sorted(moved.items()):  # as ravel_pytree orders them
        part = whole[:, first : first + array.size]
        gradients[name], first = part.reshape(value.shape + array.shape), first + array.size
    return {name: gradients[name] for name in moved}, lacking


def undefined_where(doubtful: Array, evidence: EvidenceRecord) -> EvidenceRecord:
    """The evidence, with no derivative vouched for where there is a doubt."""
    own = (evidence["status"], evidence["params"])
    status, params = jax.tree.map(lambda s: jnp.where(doubtful, DerivativeStatus.UNDEFINED, s).astype(s.dtype), own)
    return EvidenceRecord({**evidence, "status": status, "params": params})


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
