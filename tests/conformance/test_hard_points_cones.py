"""Hard points of programs with rows in cones: where the projection onto a cone has a kink, and degenerate problems.

Every lane is min ½ xᵀPx - aᵀx over x ∈ R³ with x ∈ K and F₂x + g₂ ∈ K, a = a₀ + p d, and asks for the derivative
in p at 0. Where P = I and the second cone is far away x is the projection of a, so that the truth is in one-sided
differences of the projection. One program serves all lanes of a kind of cone, so a bad one could spoil its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from karush.solvers.evidence import DerivativeStatus
from karush.solvers.forms.cones import ConeRows, Cones
from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.implicit import solve_differentiable
from karush.solvers.projections.cones import project_cones
from karush.solvers.protocol import Settings
from karush.solvers.quadratic_driver import Method, choose, facts_of
from karush.solvers.result import Status
from tests.cone_programs import Nearby

UNIQUE, CONSERVATIVE, UNDEFINED = DerivativeStatus
SMOOTH, KINK = (UNIQUE, UNIQUE, UNIQUE), (CONSERVATIVE, CONSERVATIVE, UNIQUE)
REDUNDANT = (CONSERVATIVE, UNDEFINED, CONSERVATIVE)
NONE = (UNDEFINED, UNDEFINED, UNDEFINED)
ROOT = 2**-0.5
IDENTITY = np.eye(3)


@dataclass(frozen=True)
class HardPoint:
    """``second`` is far away, "same" as the first or "against" it; ``flat`` says that there is no objective at all."""

    name: str
    a: tuple[float, float, float]
    d: tuple[float, float, float]
    verdicts: tuple[DerivativeStatus, DerivativeStatus, DerivativeStatus] = SMOOTH
    second: str = "far"
    flat: bool = False
    status: Status = Status.SOLVED


INSIDE = {"second_order": (2.0, 1.0, 0.0), "semidefinite": (2.0, 0.0, 1.0), "exponential": (-1.0, 1.0, 2.0)}
TABLE = {
    "second_order": [
        HardPoint("inside", (2.0, 1.0, 0.5), (0.3, -1.0, 0.4)),
        HardPoint("outside", (0.5, 1.0, -2.0), (0.3, -1.0, 0.4)),
        HardPoint("in the polar cone", (-2.0, 1.0, 0.5), (0.3, -1.0, 0.4)),
        HardPoint("on a boundary ray", (1.0, 0.6, 0.8), (-1.0, 0.6, 0.8), KINK),
        HardPoint("on a ray of the polar cone", (-1.0, 0.6, 0.8), (1.0, 0.6, 0.8), KINK),
        HardPoint("at the apex", (0.0, 0.0, 0.0), (1.0, 0.0, 0.0), KINK),
        HardPoint("the cone twice", (0.5, 1.0, -2.0), (0.3, -1.0, 0.4), REDUNDANT, second="same"),
        HardPoint("against each other", (0.5, 1.0, 1.0), (1.0, 0.0, 0.0), NONE, "against", status=Status.INFEASIBLE),
        HardPoint("no objective", (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (UNDEFINED, UNIQUE, UNIQUE), flat=True),
    ],
    "semidefinite": [
        HardPoint("inside", (2.0, 0.5, 1.0), (0.3, -1.0, 0.4)),
        HardPoint("outside", (2.0, 0.5, -1.0), (0.3, -1.0, 0.4)),
        HardPoint("in the polar cone", (-2.0, 0.5, -1.0), (0.3, -1.0, 0.4)),
        HardPoint("an eigenvalue zero", (1.0, 0.0, 0.0), (0.0, 0.0, 1.0), KINK),
        HardPoint("an eigenvalue zero, one below", (-1.0, 0.0, 0.0), (0.0, 0.0, 1.0), KINK),
        HardPoint("all eigenvalues zero", (0.0, 0.0, 0.0), (1.0, 0.0, 1.0), KINK),
        HardPoint("equal eigenvalues", (1.5, 0.0, 1.5), (0.3, -1.0, 0.4)),
        HardPoint("the cone twice", (2.0, 0.5, -1.0), (0.3, -1.0, 0.4), REDUNDANT, second="same"),
        HardPoint("against each other", (2.0, 0.5, -1.0), (1.0, 0.0, 0.0), NONE, "against", status=Status.INFEASIBLE),
        HardPoint("no objective", (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (UNDEFINED, UNIQUE, UNIQUE), flat=True),
    ],
    "exponential": [
        HardPoint("inside", (-1.0, 1.0, 2.0), (0.3, -1.0, 0.4)),
        HardPoint("outside", (1.0, 0.5, 0.3), (0.3, -1.0, 0.4)),
        HardPoint("in the polar cone", (1.0, -1.0, -2.0), (0.3, -1.0, 0.4)),
        HardPoint("on the flat side", (-1.0, -0.5, 0.7), (0.3, -1.0, 0.4)),
        HardPoint("on the curved side", (0.0, 1.0, 1.0), (1.0, 1.0, -1.0), KINK),
        HardPoint("at the apex", (0.0, 0.0, 0.0), (-1.0, 1.0, 1.0), KINK),
        HardPoint("the cone twice", (1.0, 0.5, 0.3), (0.3, -1.0, 0.4), REDUNDANT, second="same"),
        HardPoint("against each other", (1.0, 0.5, 0.3), (1.0, 0.0, 0.0), NONE, "against", status=Status.INFEASIBLE),
        HardPoint("no objective", (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (UNDEFINED, UNIQUE, UNIQUE), flat=True),
    ],
}


def problem_of(kind, point: HardPoint, p) -> QuadraticProgram:
    inside = np.asarray(INSIDE[kind])
    second = {"far": 0 * IDENTITY, "same": IDENTITY, "against": -IDENTITY}[point.second]
    offset = {"far": inside, "same": 0 * inside, "against": -inside}[point.second]
    rows = ConeRows(
        jnp.asarray(np.concatenate([IDENTITY, second])),
        jnp.asarray(np.concatenate([np.zeros(3), offset])),
        jnp.zeros(0),
        (Cones(kind, 3, 2),),
    )
    return QuadraticProgram(
        quadratic=jnp.zeros((3, 3)) if point.flat else jnp.eye(3),
        linear=-(jnp.asarray(point.a) + p * jnp.asarray(point.d)),
        constant=jnp.zeros(()),
        equality_matrix=jnp.zeros((0, 3)),
        equality_rhs=jnp.zeros(0),
        inequality_matrix=jnp.zeros((0, 3)),
        lower=None,
        upper=None,
        bound_lower=None,
        bound_upper=None,
        cone_rows=rows,
    )


@pytest.fixture(scope="module", params=TABLE)
def answers(request):
    """A kind, its statuses by the interior point, and at its points (found, Jacobians by rows, by columns).

    The Jacobians are those of (x, value) in p, lane against lane.
    """
    kind, lanes = request.param, TABLE[request.param]
    choice = choose(facts_of(problem_of(kind, lanes[0], jnp.asarray(0.0))))

    def stacked(p):
        programs = [problem_of(kind, point, p[number]) for number, point in enumerate(lanes)]
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *programs)

    def derivatives(p, points):
        def outputs(p):
            found = jax.vmap(lambda data, warm: solve_differentiable(Nearby(False), data, warm))(stacked(p), points)
            return (found.point.x, found.objective), found

        return outputs(p)[1], jax.jacrev(outputs, has_aux=True)(p)[0], jax.jacfwd(outputs, has_aux=True)(p)[0]

    p = jnp.zeros(len(lanes))
    solutions = jax.jit(jax.vmap(lambda data: Method(Settings(), choice)(data, None)))(stacked(p))
    found = jax.jit(derivatives)(p, solutions.point)
    return kind, *jax.tree.map(np.asarray, (solutions.status, *found))


def one_sided(kind, point: HardPoint, side):
    """The one-sided derivative of the projection of a along d."""
    a, d, step = np.asarray(point.a), np.asarray(point.d), 1e-6 * side
    project = jax.vmap(lambda v: project_cones(Cones(kind, 3, 1), v[None], jnp.zeros(0))[0])
    here, there = project(jnp.asarray([a, a + step * d]))
    return np.asarray(there - here) / step


def test_the_table(answers):
    kind, status, found, rows, columns = answers
    for number, point in enumerate(TABLE[kind]):
        evidence = found.evidence
        assert status[number] == point.status, point.name
        assert (evidence.primal[number], evidence.dual[number], evidence.objective[number]) == point.verdicts, (
            point.name
        )
        for rate, value_rate in (rows, columns):
            if point.status != Status.SOLVED:
                assert np.all(np.isnan(rate[number, :, number])) and np.isnan(value_rate[number, number])
                continue
            assert np.isclose(value_rate[number, number], -found.point.x[number] @ np.asarray(point.d), atol=1e-9)
            if not point.flat:
                ends = np.stack([one_sided(kind, point, side) for side in (-1, 1)])
                low, high = ends.min(axis=0) - 1e-5, ends.max(axis=0) + 1e-5
                assert np.all((rate[number, :, number] >= low) & (rate[number, :, number] <= high)), point.name


def test_no_lane_knows_of_another(answers):
    kind, _, _, rows, columns = answers
    others = ~np.eye(len(TABLE[kind]), dtype=bool)
    for rate, value_rate in (rows, columns):
        assert not np.any(np.moveaxis(rate, 1, 2)[others]) and not np.any(value_rate[others])


def test_forward_and_reverse_take_the_same_element(answers):
    directed = [not point.flat for point in TABLE[answers[0]]]  # a tangent of zero has a derivative everywhere
    for by_rows, by_columns in zip(*answers[3:], strict=True):
        assert np.allclose(by_rows[directed], by_columns[directed], atol=1e-9, equal_nan=True)
