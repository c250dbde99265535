"""Every solver on every kind of problem it accepts: residuals, statuses, certificates, derivatives, both precisions.

The kinds share one static shape and are lanes of one batch: a bad lane stands next to every good one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from karush.solvers import certificates
from karush.solvers.evidence import DerivativeStatus
from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.protocol import Settings
from karush.solvers.quadratic_driver import SOLVERS, Choice, Method, choose, facts_of, refusal, solve
from karush.solvers.residuals import default_tolerance, kkt_residuals, worst
from karush.solvers.result import Status

VARIABLES, EQUALITIES, ROWS = 6, 2, 7
SEED = 3
Arrays = dict[str, np.ndarray]
# of the outputs below: one of x, of y, of z, of w, and the objective
PULLED = (0, VARIABLES, VARIABLES + EQUALITIES, VARIABLES + EQUALITIES + ROWS, -1)


@dataclass(frozen=True)
class Kind:
    """``change`` makes the kind out of a strongly convex, feasible, bounded problem with rows of all sorts."""

    name: str
    change: Callable[[Arrays, np.random.Generator], None]
    strongly_convex: bool = True
    regular: bool = False
    status: Status = Status.SOLVED


def base(rng: np.random.Generator) -> Arrays:
    n, p, m = VARIABLES, EQUALITIES, ROWS
    root, x = rng.normal(size=(n, n)), rng.normal(size=n)
    A, G = rng.normal(size=(p, n)), rng.normal(size=(m, n))
    return {
        "x": x,
        "quadratic": root @ root.T + 0.1 * np.eye(n),
        "linear": rng.normal(size=n),
        "equality_matrix": A,
        "equality_rhs": A @ x,
        "inequality_matrix": G,
        "lower": G @ x - rng.uniform(0.1, 1, size=m),
        "upper": G @ x + rng.uniform(0.1, 1, size=m),
        "bound_lower": x - rng.uniform(0.5, 1, size=n),
        "bound_upper": x + rng.uniform(0.5, 1, size=n),
        "has_lower": np.ones(m, bool),
        "has_upper": np.arange(m) % 2 == 0,
        "has_bound_lower": np.arange(n) < 4,
        "has_bound_upper": np.arange(n) > 2,
    }


def nothing(data: Arrays, rng: np.random.Generator) -> None:
    """The problem as it is."""


def free_rows(data: Arrays, rng: np.random.Generator) -> None:
    data["has_lower"][:3] = data["has_upper"][:3] = False


def no_rows_at_all(data: Arrays, rng: np.random.Generator) -> None:
    for mask in ("has_lower", "has_upper", "has_bound_lower", "has_bound_upper"):
        data[mask][:] = False


def ranges_of_width_zero(data: Arrays, rng: np.random.Generator) -> None:
    data["has_upper"][:2] = True
    data["lower"][:2] = data["upper"][:2] = data["inequality_matrix"][:2] @ data["x"]


def redundant_equations(data: Arrays, rng: np.random.Generator) -> None:
    data["equality_matrix"][1], data["equality_rhs"][1] = -2 * data["equality_matrix"][0], -2 * data["equality_rhs"][0]


def duplicated_rows(data: Arrays, rng: np.random.Generator) -> None:
    for name in ("inequality_matrix", "lower", "upper", "has_lower", "has_upper"):
        data[name][3:6] = data[name][:3]


def weakly_active(data: Arrays, rng: np.random.Generator) -> None:
    """The unconstrained minimiser is x itself, and rows and bounds pass through it."""
    data["linear"] = -data["quadratic"] @ data["x"]
    data["lower"][:3] = data["inequality_matrix"][:3] @ data["x"]
    data["bound_lower"][0] = data["x"][0]


def rows_through_a_point(data: Arrays, rng: np.random.Generator) -> None:
    data["linear"] = -data["quadratic"] @ (data["x"] - data["inequality_matrix"].sum(axis=0))
    data["lower"][:] = data["inequality_matrix"] @ data["x"]


def bad_scales(data: Arrays, rng: np.random.Generator) -> None:
    rows = 10 ** rng.uniform(-3, 3, size=ROWS)
    data["inequality_matrix"] *= rows[:, None]
    data["lower"] *= rows
    data["upper"] *= rows


def infeasible(data: Arrays, rng: np.random.Generator) -> None:
    data["inequality_matrix"][1] = data["inequality_matrix"][0]
    data["has_upper"][1] = True
    data["upper"][1] = data["lower"][1] = data["lower"][0] - 1


def contradicting_equations(data: Arrays, rng: np.random.Generator) -> None:
    data["equality_matrix"][1], data["equality_rhs"][1] = data["equality_matrix"][0], data["equality_rhs"][0] + 1


def low_rank(data: Arrays, rng: np.random.Generator) -> None:
    root = rng.normal(size=(VARIABLES, 3))
    data["quadratic"] = root @ root.T
    data["has_bound_lower"][:] = data["has_bound_upper"][:] = True


def no_curvature(data: Arrays, rng: np.random.Generator) -> None:
    data["quadratic"][:] = 0
    data["has_bound_lower"][:] = data["has_bound_upper"][:] = True


def unused_variable(data: Arrays, rng: np.random.Generator) -> None:
    """The last variable occurs nowhere but in its bounds."""
    last = data["x"][-1]
    data["equality_rhs"] -= last * data["equality_matrix"][:, -1]
    for side in ("lower", "upper"):
        data[side] -= last * data["inequality_matrix"][:, -1]
    data["quadratic"][-1, :] = data["quadratic"][:, -1] = 0
    data["equality_matrix"][:, -1] = data["inequality_matrix"][:, -1] = data["linear"][-1] = 0


def unbounded(data: Arrays, rng: np.random.Generator) -> None:
    unused_variable(data, rng)
    data["linear"][-1] = 1.0
    data["has_bound_lower"][-1] = False


KINDS = (
    Kind("regular", nothing, regular=True),
    Kind("free rows", free_rows, regular=True),
    Kind("no rows at all", no_rows_at_all, regular=True),
    Kind("ranges of width zero", ranges_of_width_zero),
    Kind("redundant equations", redundant_equations),
    Kind("duplicated rows", duplicated_rows),
    Kind("weakly active", weakly_active),
    Kind("rows through a point", rows_through_a_point),
    Kind("bad scales", bad_scales, regular=True),
    Kind("infeasible", infeasible, status=Status.INFEASIBLE),
    Kind("contradicting equations", contradicting_equations, status=Status.INFEASIBLE),
    Kind("low rank", low_rank, strongly_convex=False),
    Kind("no curvature", no_curvature, strongly_convex=False),
    Kind("unused variable", unused_variable, strongly_convex=False),
    Kind("unbounded", unbounded, strongly_convex=False, status=Status.UNBOUNDED),
)


def problem_of(kind: Kind) -> QuadraticProgram:
    rng = np.random.default_rng(SEED)
    data = base(rng)
    kind.change(data, rng)
    del data["x"]
    return QuadraticProgram(
        constant=jnp.array(0.3, jnp.float64), **{name: jnp.asarray(value) for name, value in data.items()}
    )


def stacked(kinds: tuple[Kind, ...]) -> QuadraticProgram:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *(problem_of(kind) for kind in kinds))


def accepted(name: str) -> tuple[Kind, ...]:
    """The kinds that a solver takes, as it says itself."""
    return tuple(k for k in KINDS if refusal(name, facts_of(problem_of(k), k.strongly_convex)) is None)


# a solver of one structure takes none of these kinds, by what it says itself, and has tests of its own
NAMES = [*(solver.name for solver in SOLVERS if accepted(solver.name)), "auto"]


def choice_of(name: str) -> Choice:
    """The choice for a batch in which P may be anything that the solver takes."""
    known = True if name == "active_set" else None
    return choose(facts_of(problem_of(KINDS[0]), known), name)


def floats(problem: QuadraticProgram) -> dict:
    arrays = {name: leaf for name, leaf in vars(problem).items() if isinstance(leaf, jax.Array | np.ndarray)}
    return {name: leaf for name, leaf in arrays.items() if leaf.dtype != bool}


def tangent_of(problem: QuadraticProgram) -> dict:
    rng = np.random.default_rng(1)
    tangent = {name: jnp.asarray(rng.normal(size=leaf.shape)) for name, leaf in floats(problem).items()}
    P = tangent["quadratic"]
    return {**tangent, "quadratic": P + jnp.swapaxes(P, -1, -2)}


def moved(problem: QuadraticProgram, tangent: dict, step) -> QuadraticProgram:
    return replace(problem, **{name: leaf + step * tangent[name] for name, leaf in floats(problem).items()})


@jax.jit
@jax.vmap
def defects(problem: QuadraticProgram, found):
    """The error of a solution, of a certificate that there is no point, and of one that there is no bound."""
    empty = certificates.infeasibility_defect(problem, found.certificate)
    endless = certificates.unboundedness_defect(problem, found.certificate)
    return worst(kkt_residuals(problem, found.point)), empty, endless


class Answers:
    """A solver's compiled functions on a batch of all the kinds it accepts, and what they gave."""

    def __init__(self, name: str) -> None:
        self.kinds = accepted(name)
        self.choice = choice_of(name)
        self.problem = stacked(self.kinds)
        self.tangent = tangent_of(self.problem)
        self.everything = jax.jit(jax.vmap(self._everything))
        answers = jax.tree.map(np.asarray, self.everything(self.problem, self.tangent))
        self.solution, _, self.forward, self.reverse = answers

    def _everything(self, problem: QuadraticProgram, tangent: dict):
        """The solution of a lane, and the derivatives of smooth functions of it along a change of all data at once.

        In reverse: those of the functions in PULLED. Both come from one linearisation, so that one solve is compiled.
        """

        def outputs(step):
            found = solve(moved(problem, tangent, step), Settings(), self.choice)
            point = found.point
            return jnp.concatenate([jnp.sin(point.x), point.y, point.z, point.w, found.objective[None]]), found

        values, push, found = jax.linearize(outputs, jnp.zeros(()), has_aux=True)
        pull = jax.linear_transpose(push, jnp.zeros(()))
        reverse = jax.vmap(lambda row: pull(row)[0])(jnp.eye(values.shape[0])[np.array(PULLED)])
        return found, values, push(jnp.ones(())), reverse

    def at(self, step: float) -> np.ndarray:
        return np.asarray(self.everything(moved(self.problem, self.tangent, step), self.tangent)[1])


@pytest.fixture(scope="module", params=NAMES)
def answers(request):
    return Answers(request.param)


def test_every_lane_ends_as_it_should(answers):
    got = {kind.name: Status(int(s)).word for kind, s in zip(answers.kinds, answers.solution.status, strict=True)}
    assert got == {kind.name: kind.status.word for kind in answers.kinds}


def test_solutions_are_within_tolerance_and_the_rest_is_certified(answers):
    tolerance = default_tolerance(jnp.float64)
    found = answers.solution
    errors, empty, endless = defects(answers.problem, found)
    for number, kind in enumerate(answers.kinds):
        defect = {Status.INFEASIBLE: empty, Status.UNBOUNDED: endless}.get(kind.status, errors)
        assert defect[number] <= tolerance, kind.name


def test_forward_and_reverse_agree_lane_by_lane(answers):
    forward, reverse, evidence = answers.forward, answers.reverse, answers.solution.evidence
    undefined = (evidence.primal == DerivativeStatus.UNDEFINED) | (evidence.dual == DerivativeStatus.UNDEFINED)
    for number, kind in enumerate(answers.kinds):
        if kind.status != Status.SOLVED:
            assert np.all(np.isnan(forward[number])) and np.all(np.isnan(reverse[number])), kind.name
            continue
        size = 1 + np.nanmax(np.abs(forward[number]))
        defined = [-1] if undefined[number] else list(range(len(PULLED)))  # the objective has a derivative in any case
        pushed = forward[number][np.array(PULLED)]
        np.testing.assert_allclose(reverse[number][defined], pushed[defined], atol=1e-8 * size, err_msg=kind.name)
        assert np.all(np.isfinite(pushed[defined])), kind.name


def test_what_is_not_unique_has_no_derivative(answers):
    solved = [number for number, kind in enumerate(answers.kinds) if kind.status == Status.SOLVED]
    moving = [n for n in solved if answers.solution.evidence.primal[n] == DerivativeStatus.UNDEFINED]
    wanted = {"unused variable"} & {kind.name for kind in answers.kinds}
    assert {answers.kinds[number].name for number in moving} == wanted
    assert all(np.isnan(answers.forward[number][:VARIABLES]).any() for number in moving)


def test_regular_lanes_agree_with_differences(answers):
    step = 1e-6
    difference = (answers.at(step) - answers.at(-step)) / (2 * step)
    evidence, forward = answers.solution.evidence, answers.forward
    for number, kind in enumerate(answers.kinds):
        if kind.regular:
            assert evidence.primal[number] == evidence.dual[number] == DerivativeStatus.UNIQUE, kind.name
            size = 1 + np.abs(forward[number]).max()
            assert np.allclose(forward[number], difference[number], atol=1e-5 * size), kind.name


def test_a_batch_is_its_lanes(answers):
    method = Method(Settings(), answers.choice)
    alone = jax.jit(lambda data: method(data, None).point.x)(problem_of(answers.kinds[0]))
    assert np.allclose(alone, answers.solution.point.x[0], atol=1e-9)


def solved_without_derivatives(problem: QuadraticProgram, choice: Choice):
    """The solutions of a batch and their defects as arrays of NumPy."""
    found = jax.jit(jax.vmap(lambda data: Method(Settings(), choice)(data, None)))(problem)
    return replace(found, factor=None), *map(np.asarray, defects(problem, replace(found, factor=None)))


@pytest.mark.parametrize("name", NAMES)
def test_single_precision_is_right_within_its_own_tolerance_or_marked(name):
    kinds = tuple(kind for kind in accepted(name) if kind.name != "bad scales")
    problem = jax.tree.map(lambda a: a if a.dtype == bool else a.astype(jnp.float32), stacked(kinds))
    found, *defect = solved_without_derivatives(problem, choice_of(name))
    assert found.point.x.dtype == jnp.float32
    ends = [Status(int(status)) for status in found.status]
    for number, (kind, status) in enumerate(zip(kinds, ends, strict=True)):
        marked = Status.SOLVED_INACCURATE if kind.status == Status.SOLVED else Status.LIMIT
        assert status in (kind.status, marked), kind.name
        if status == kind.status:
            verdicts = (Status.SOLVED, Status.INFEASIBLE, Status.UNBOUNDED)
            assert defect[verdicts.index(status)][number] <= default_tolerance(jnp.float32), kind.name
    right = sum(kind.status == status for kind, status in zip(kinds, ends, strict=True))
    assert right >= len(kinds) - 2


def test_linear_programs():
    names = ("low rank", "no curvature", "infeasible", "unbounded")
    kinds = tuple(kind for kind in KINDS if kind.name in names)
    problem = replace(stacked(kinds), quadratic=None)
    choice = choose(facts_of(replace(problem_of(kinds[0]), quadratic=None)))
    found, errors, empty, endless = solved_without_derivatives(problem, choice)
    assert choice.name == "ipm"
    for number, kind in enumerate(kinds):
        assert found.status[number] == kind.status, kind.name
        defect = {Status.INFEASIBLE: empty, Status.UNBOUNDED: endless}.get(kind.status, errors)
        assert defect[number] <= default_tolerance(jnp.float64), kind.name
