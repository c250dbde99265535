"""Projections and proximal maps at their ties: conservative in the point and the parameters together, and Clarke.

They are positively homogeneous in all their arguments together, so that scaling a point at a tie stays in the tie.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from karush.solvers.projections import balls, flats, intervals
from karush.solvers.projections.table import PROJECTIONS
from karush.solvers.proximal import PROXIMAL, group_threshold, soft_threshold
from tests.conformance.rule_bench import Move, distance_from_hull, integrals, together, turned

RANDOM = np.random.default_rng(11)
LEVELS = (-2.0, -1.0, 0.0, 1.0, 2.0)
RADII = (1.0, 2.0, 3.0)
HALF = jnp.asarray(0.5)


@dataclass(frozen=True)
class Map:
    """A map of a vector and parameters, and levels that its parameters are drawn from."""

    function: Callable[..., jax.Array]
    params: tuple[tuple[tuple[int, ...], Sequence[float]], ...] = ()

    def points(self, count: int) -> list[tuple[np.ndarray, ...]]:
        shapes = ((3,), LEVELS), *self.params
        return [tuple(RANDOM.choice(levels, size=shape) for shape, levels in shapes) for _ in range(count)]


MAPS = {
    "simplex": Map(balls._scaled_simplex, (((), RADII),)),
    "l1_ball": Map(balls.l1_ball, (((), RADII),)),
    "l2_ball": Map(balls.l2_ball, (((), RADII),)),
    "linf_ball": Map(balls.linf_ball, (((), RADII),)),
    "box": Map(intervals.box, (((), (-2.0, -1.0, 0.0)), ((), (0.0, 1.0, 2.0)))),
    "second_order": Map(PROJECTIONS["second_order"]),
    "exponential": Map(PROJECTIONS["exponential"]),
    "power": Map(lambda v: PROJECTIONS["power"](v, HALF)),
    "soft_threshold": Map(soft_threshold, (((), RADII),)),
    "group_threshold": Map(group_threshold, (((), RADII),)),
    "sum_largest": Map(lambda v, step: PROXIMAL["sum_largest"](v, jnp.asarray(2.0), step), (((), RADII),)),
}
FLATS = {
    "halfspace": Map(flats.halfspace, (((3,), (-1.0, 1.0, 2.0)), ((), LEVELS))),
    "hyperplane": Map(flats.hyperplane, (((3,), (-1.0, 1.0, 2.0)), ((), LEVELS))),
}
SPECTRAL = {
    "semidefinite": PROJECTIONS["semidefinite"],
    "norm_nuc": lambda X: PROXIMAL["norm_nuc"](X, jnp.asarray(1.0)),
    "lambda_max": lambda X: PROXIMAL["lambda_max"](X, jnp.asarray(1.0)),
    "logdet": lambda X: PROXIMAL["logdet"](X, jnp.asarray(1.0)),
}
ALL = {**MAPS, **FLATS}


def scaled(point) -> Move:
    return point, point, ()


@pytest.mark.parametrize("name", MAPS)
def test_along_a_scaling_the_derivative_is_the_map_itself(name: str) -> None:
    """P((1 + s) z) = (1 + s) P(z): at ties too the derivative along z integrates to the difference."""
    moves = [scaled(point) for point in MAPS[name].points(60)]
    along, difference = integrals(MAPS[name].function, moves)
    np.testing.assert_allclose(along, difference, atol=1e-9)


@pytest.mark.parametrize("name", FLATS)
def test_flats_in_point_and_offset_together_and_in_the_normal(name: str) -> None:
    """Scaling v and b, and scaling a and b, both stay on the hyperplane where they start on it."""
    points = FLATS[name].points(60)
    moves = [((v, a, b), (v, 0 * a, b), ()) for v, a, b in points] + [
        ((v, a, b), (0 * v, a, b), ()) for v, a, b in points
    ]
    along, difference = integrals(FLATS[name].function, moves)
    np.testing.assert_allclose(along, difference, atol=1e-9)


@pytest.mark.parametrize("name", SPECTRAL)
def test_spectral_maps_while_vectors_turn_and_equal_values_stay_equal(name: str) -> None:
    levels = [RANDOM.choice((-1.0, 0.0, 1.0, 2.0), 3) for _ in range(8)]
    frames = [np.linalg.qr(RANDOM.normal(size=(3, 3)))[0] for _ in levels]
    moves = [turned((Q * w) @ Q.T, RANDOM) for Q, w in zip(frames, levels, strict=True)]
    along, difference = integrals(SPECTRAL[name], moves)
    np.testing.assert_allclose(along, difference, atol=1e-7)


@pytest.mark.parametrize("name", ALL)
def test_finite_and_the_same_in_both_modes(name: str) -> None:
    points = together(ALL[name].points(60))
    places = tuple(range(len(points)))
    forward, reverse = (jax.vmap(mode(ALL[name].function, places))(*points) for mode in (jax.jacfwd, jax.jacrev))
    for one, other in zip(forward, reverse, strict=True):
        assert np.all(np.isfinite(one))
        np.testing.assert_allclose(one, other, atol=1e-14)


@pytest.mark.parametrize("name", [n for n in ALL if n not in ("exponential", "power")])
def test_the_jacobian_is_a_mean_of_limits(name: str) -> None:
    """Of Jacobians at points around, in the point and the parameters together."""
    here = ALL[name]
    count = 300
    for point in here.points(6):
        places = tuple(range(len(point)))
        jacobian = jax.jacfwd(here.function, places)
        around = [jnp.asarray(a + 1e-6 * RANDOM.normal(size=(count, *np.shape(a)))) for a in point]
        rows = np.concatenate([np.reshape(part, (count, -1)) for part in jax.vmap(jacobian)(*around)], axis=1)
        found = np.concatenate([np.ravel(part) for part in jacobian(*point)])
        assert distance_from_hull(rows, found) <= 0.03, point


def test_the_identity_where_it_is_the_derivative() -> None:
    """At the identity matrix, where libraries that differentiate eigenvectors have NaN."""
    E = RANDOM.normal(size=(3, 3))
    E = E + E.T
    for function, expected in ((SPECTRAL["semidefinite"], E), (lambda X: PROXIMAL["norm_nuc"](X, HALF), None)):
        _, moved = jax.jvp(function, (jnp.eye(3),), (E,))
        numeric = (function(jnp.eye(3) + 1e-6 * E) - function(jnp.eye(3) - 1e-6 * E)) / 2e-6
        np.testing.assert_allclose(moved, numeric if expected is None else expected, atol=1e-8)


def test_affine_set() -> None:
    A, b, v = RANDOM.normal(size=(2, 4)), RANDOM.normal(size=2), RANDOM.normal(size=4)
    point = flats.affine(*map(jnp.asarray, (v, A, b)))
    np.testing.assert_allclose(A @ point, b, atol=1e-12)
    np.testing.assert_allclose(np.linalg.lstsq(A.T, v - point)[0] @ A, v - point, atol=1e-12)
    moves = [((v, A, b), tuple(RANDOM.normal(size=np.shape(a)) for a in (v, A, b)), ())]
    along, difference = integrals(flats.affine, moves)
    np.testing.assert_allclose(along, difference, atol=1e-8)
