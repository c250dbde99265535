"""The programs of all sets in the solvers' form, and how an answer to one is judged.

Linear and quadratic programs are judged in NumPy from the files' data (sparse_judge.py), programs with rows in cones by
the residuals that karush reports (karush.solvers.residuals), whoever gave the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import conic_files, problem_files
from benchmarks.conic_files import KINDS, ConeProgram
from benchmarks.problem_files import SparseProgram, coordinates, quadratic_program
from benchmarks.sparse_judge import farkas_error, kkt_error
from karush.solvers.certificates import (
    infeasibility_defect,
    normalised_farkas,
    normalised_ray,
    unboundedness_defect,
)
from karush.solvers.forms.cones import ConeRows, Cones
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.residuals import kkt_residuals, worst
from karush.solvers.result import Status

CONE_SETS = ("conic", "sdp")

# A cone program with more variables than this has sparse matrices: the size from which dense ones are slow.
DENSE = 500

# P counts as positive definite where its least eigenvalue is above this share of the largest.
DEFINITE = 1e-10


@dataclass(frozen=True)
class Program:
    """``problem`` in the solvers' form, with the file's own data for the judge of programs without cones."""

    name: str
    problem: QuadraticProgram
    data: SparseProgram | None
    strongly_convex: bool | None

    @property
    def variables(self) -> int:
        """n."""
        return int(self.problem.linear.shape[0])

    @property
    def rows(self) -> int:
        """All rows, bounds left out."""
        cones = self.problem.cone_rows
        inequalities = self.problem.inequality_matrix.shape[0]
        return int(self.problem.equality_rhs.shape[0] + inequalities + (0 if cones is None else cones.offset.shape[0]))


def paths(set_name: str) -> list[Path]:
    """The files of a set, smaller ones first."""
    return conic_files.paths(set_name) if set_name in CONE_SETS else problem_files.paths(set_name)


def read(set_name: str, path: Path) -> Program:
    """The program of a file."""
    if set_name in CONE_SETS:
        data = conic_files.read(path)
        return Program(data.name, cone_program(data), None, None)
    given = problem_files.read(path)
    return Program(given.name, quadratic_program(given), given, _definite(given))


def _definite(data: SparseProgram) -> bool | None:
    """Whether P is positive definite; None where it is too large to say."""
    if data.P.nnz == 0 or data.q.size >= 1000:
        return None
    values = np.linalg.eigvalsh(data.P.toarray())
    return bool(values[0] > DEFINITE * values[-1])


def _groups(data: ConeProgram) -> dict[tuple[str, int], list[tuple[np.ndarray, float]]]:
    """The rows (as indices into A) of each kind and size of cone, with the exponent."""
    groups: dict[tuple[str, int], list[tuple[np.ndarray, float]]] = {}
    first = 0
    for kind, size, exponent in data.cones:
        groups.setdefault((kind, size if kind in KINDS else 0), []).append((np.arange(first, first + size), exponent))
        first += size
    return groups


def _order(data: ConeProgram) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rows that are equalities, nonnegative, and in other cones, the last in the order of the form."""
    groups = _groups(data)

    def rows(keep: list[tuple[str, int]]) -> np.ndarray:
        parts = [at for key in keep for at, _ in groups[key]]
        return np.concatenate([np.zeros(0, int), *parts])

    kinds = [[key for key in groups if key[0] == kind] for kind in ("zero", "nonneg")]
    return rows(kinds[0]), rows(kinds[1]), rows([key for key in groups if key[0] in KINDS])


def cone_program(data: ConeProgram) -> QuadraticProgram:
    """The program in the solvers' form: A x + s = b, s ∈ K as rows −A x + b ∈ K."""
    n = data.c.size
    is_sparse = n > DENSE
    A = data.A.tocsr()
    zero, nonneg, curved = _order(data)
    groups = {key: members for key, members in _groups(data).items() if key[0] in KINDS}
    cones = tuple(Cones(KINDS[kind], size, len(members)) for (kind, size), members in groups.items())
    exponents = [exponent for (kind, _), members in groups.items() if kind == "pow" for _, exponent in members]
    E, G, F = (
        coordinates(part) if is_sparse else jnp.asarray(part.toarray()) for part in (A[zero], -A[nonneg], -A[curved])
    )
    in_cones = ConeRows(F, jnp.asarray(data.b[curved]), jnp.asarray(exponents, float), cones) if cones else None
    return QuadraticProgram(
        quadratic=None,
        linear=jnp.asarray(data.c),
        constant=jnp.zeros(()),
        equality_matrix=E,
        equality_rhs=jnp.asarray(data.b[zero]),
        inequality_matrix=G,
        lower=jnp.asarray(-data.b[nonneg]),
        upper=None,
        bound_lower=None,
        bound_upper=None,
        cone_rows=in_cones,
    )


def _stacked(data: SparseProgram, point: Point) -> np.ndarray:
    """Multipliers of equalities and rows in the order of the file's rows, and those of the bounds."""
    rows = np.empty(data.A.shape[0])
    rows[data.is_equality], rows[~data.is_equality] = point.y, point.z
    return np.concatenate([rows, np.zeros_like(data.q) if point.w is None else point.w])


def judged(program: Program, status: Status, point: Point) -> float:
    """The relative KKT error of a point, or the defect of a certificate where the status says that it is one."""
    if program.data is not None and status != Status.UNBOUNDED:
        v = _stacked(program.data, point)
        is_proof = status == Status.INFEASIBLE
        return farkas_error(program.data, v) if is_proof else kkt_error(program.data, np.asarray(point.x), v)
    return _cone_error(program.problem, status, point)


def _cone_error(problem: QuadraticProgram, status: Status, point: Point) -> float:
    u = None if problem.cone_rows is None else jnp.asarray(point.u)
    bounds = problem.bound_lower is not None or problem.bound_upper is not None
    w = jnp.asarray(point.w) if bounds and point.w is not None else None
    given = Point(jnp.asarray(point.x), jnp.asarray(point.y), jnp.asarray(point.z), w, u)
    if status == Status.INFEASIBLE:
        return _number(infeasibility_defect(problem, normalised_farkas(problem, given)))
    if status == Status.UNBOUNDED:
        return _number(unboundedness_defect(problem, normalised_ray(problem, given)))
    return _number(worst(kkt_residuals(problem, given)))


def _number(value: jax.Array) -> float:
    found = float(value)
    return found if np.isfinite(found) else float("inf")
