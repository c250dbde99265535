"""One-sided derivatives in every entry of some params, and what differences from that side say.

At a kink the columns for the entries do not say what the output does along other directions. The atoms of a model
keep their element at a tie.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree

from karush.derivative import SIGNS, Along, Differentiated, Side, from_side, with_missing
from karush.jacobian import Jacobian, basis, relative_difference, worst_evidence


def side_jacobian(function: Differentiated, side: Side, given: Mapping[str, Any]) -> Jacobian:
    """The one-sided derivative in every entry of the params; pure, to be jitted."""
    moved = function.start(given)
    flat, back = ravel_pytree(moved)

    def column(direction: Array) -> Along:
        return from_side(side, partial(function.ahead, moved, given), back(direction))

    value, rates, solved = jax.vmap(column, out_axes=(None, -1, None))(basis(flat))
    gradients, first = {}, 0
    for name, array in sorted(moved.items()):
        part = rates[..., first : first + array.size]
        gradients[name], first = part.reshape(value.shape + array.shape), first + array.size
    cotangents = basis(value)
    evidence = worst_evidence(function, given, solved, cotangents)
    evidence = with_missing(evidence, gradients)
    masked = function.masked({name: gradients[name] for name in moved}, evidence, cotangents)
    return Jacobian(value, masked, evidence, solved)


def side_differences(function: Differentiated, side: Side, given: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """For every param: the derivative along one direction against differences from the side, relative; and the step.

    They are (4F(h) − F(2h) − 3F(0))/2h, exact for quadratic functions. Of the steps h and h/4 the better one counts.
    """
    moved = function.start(given)
    report = {}
    for name, array in moved.items():
        direction = np.cos(1.0 + np.arange(array.size)).reshape(array.shape)
        tangents = {other: direction if other == name else jnp.zeros_like(start) for other, start in moved.items()}
        value, exact, _ = from_side(side, partial(function.jitted_ahead, moved, dict(given)), tangents)
        scale = max(1.0, float(np.max(np.abs(array), initial=0.0)))
        trials = []
        for size in (1e-4 * scale, 2.5e-5 * scale):
            step = SIGNS[side] * size
            ends = ({**moved, name: array + times * step * direction} for times in (1, 2))
            once, twice = (np.asarray(function.jitted_value(end, dict(given))[0]) for end in ends)
            slope = (4 * once - twice - 3 * np.asarray(value)) / (2 * step)
            trials.append((relative_difference(slope, np.asarray(exact)), size))
        error, step = min(trials, key=lambda trial: (np.isnan(trial[0]), trial[0]))
        report[name] = {"difference": error, "step": step}
    return report
