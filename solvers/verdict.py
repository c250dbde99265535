"""From the direction of diverging iterates to a verified verdict that a quadratic program has no solution.

A certificate's defect is the larger of that on the problem's own data and that on the equilibrated problem, so that
neither bad units nor the equilibration can make a defect look small.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers.certificates import (
    infeasibility_defect,
    normalised_farkas,
    normalised_ray,
    sharpened_farkas,
    sharpened_ray,
    unboundedness_defect,
)
from karush.solvers.condensed import after, base_regularisation
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.residuals import largest
from karush.solvers.scaling import Scaling

Tree = TypeVar("Tree")


def _judged(
    normalised: Callable[[QuadraticProgram, Point], Point],
    defect: Callable[[QuadraticProgram, Point], Array],
    problems: tuple[QuadraticProgram, QuadraticProgram],
    points: tuple[Point, Point],
) -> tuple[Array, Point]:
    """(larger of the two defects, the first problem's certificate)."""

    def one(problem: QuadraticProgram, point: Point) -> tuple[Array, Point]:
        certificate = normalised(problem, point)
        return defect(problem, certificate), certificate

    if not problems[0].is_dense:  # sparse matrices cannot be stacked
        (own_defect, own), (scaled_defect, _) = map(one, problems, points)
        return jnp.maximum(own_defect, scaled_defect), own
    # one lowering for both: half of the program
    defects, certificates = jax.vmap(one)(_stacked(*problems), _stacked(*points))
    return jnp.max(defects), jax.tree.map(lambda leaf: leaf[0], certificates)


def _stacked(*trees: Tree) -> Tree:
    """Trees of equal structure as one, with a new first axis."""
    stacked: Tree = jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)
    return stacked


def farkas(
    problem: QuadraticProgram, scaled: QuadraticProgram, scaling: Scaling, direction: Point
) -> tuple[Array, Point]:
    """The scaled direction's multipliers as a Farkas certificate of ``problem``: (defect, certificate)."""
    points = scaling.unscale(direction), direction
    return _judged(normalised_farkas, infeasibility_defect, (problem, scaled), points)


def ray(problem: QuadraticProgram, scaled: QuadraticProgram, scaling: Scaling, direction: Point) -> tuple[Array, Point]:
    """The scaled direction's x as a ray of descent of ``problem``: (defect, certificate)."""
    points = scaling.unscale(direction), direction
    return _judged(normalised_ray, unboundedness_defect, (problem, scaled), points)


def is_suspicious(
    scaled: QuadraticProgram, direction: Point, tol: Array, slack: Array | None = None
) -> tuple[Array, Array]:
    """Whether the direction is a Farkas certificate, a ray of descent, of the scaled problem alone within ``tol``.

    With a ``slack``, that lies inside K and the multipliers u inside K*, as those of an iterate do.
    """
    inside = slack is not None
    empty = infeasibility_defect(scaled, normalised_farkas(scaled, direction, inside), inside)
    fall = -(scaled.linear @ direction.x)
    slack = None if slack is None else slack / jnp.where(fall > 0, fall, 1)
    endless = unboundedness_defect(scaled, normalised_ray(scaled, direction), slack)
    return empty <= tol, endless <= tol


def is_huge(point: Point) -> Array:
    """Whether a point of the equilibrated problem is so large that regularisation may be what bounds it."""
    extent = _extent(point)
    return extent > float(jnp.finfo(extent.dtype).eps) ** -0.375


def is_absurd(point: Point) -> Array:
    """Whether a point of the equilibrated problem is beyond what rounding lets anybody tell from infinity."""
    extent = _extent(point)
    return extent > float(jnp.finfo(extent.dtype).eps) ** -0.8


def _extent(point: Point) -> Array:
    return jnp.stack([largest(jnp.abs(leaf)) for leaf in jax.tree.leaves(point)]).max()


def decide(
    problem: QuadraticProgram,
    scaled: QuadraticProgram,
    scaling: Scaling,
    direction: Point,
    wanted: Array,
    tol: Array,
) -> tuple[Array, Array, Point]:
    """(is infeasible, is unbounded, certificate, zero if neither).

    Either certificate is sharpened by a projection, and the sharper of the two forms is verified within ``tol``.
    Nothing is computed where it is not ``wanted``: a loop of at most one turn, so that under vmap no lane pays
    unless some lane wants it.
    """
    delta = jnp.asarray(base_regularisation(problem.linear.dtype), problem.linear.dtype)
    none = jnp.asarray(False)

    def once(state: tuple[Array, Array, Array, Point]) -> tuple[Array, Array, Array, Point]:
        sharp = sharpened_farkas(scaled, direction, after(state[1], delta))
        empty, multipliers = _sharper(partial(farkas, problem, scaled, scaling), direction, sharp)
        is_empty = empty <= tol
        sharp = sharpened_ray(scaled, direction, after(is_empty, delta))
        endless, descent = _sharper(partial(ray, problem, scaled, scaling), direction, sharp)
        is_endless = (endless <= tol) & ~is_empty
        descent = jax.tree.map(lambda leaf: jnp.where(is_endless, leaf, 0), descent)
        return none, is_empty, is_endless, jax.tree.map(partial(jnp.where, is_empty), multipliers, descent)

    start = (wanted, none, none, jax.tree.map(jnp.zeros_like, direction))
    return jax.lax.while_loop(lambda state: state[0], once, start)[1:]


def _sharper(judge: Callable[[Point], tuple[Array, Point]], first: Point, second: Point) -> tuple[Array, Point]:
    """The judgement of the better of two candidates."""
    judged = jax.vmap(judge)(_stacked(first, second))
    return jax.tree.map(lambda leaf: leaf[jnp.argmin(judged[0])], judged)
