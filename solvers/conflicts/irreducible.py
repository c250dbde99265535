"""Irreducible conflicts: k conditions that no point satisfies together, while any k − 1 of them have one.

A Farkas certificate is  yᵀA = 0, yᵀb > 0, y ≥ 0  over the rows of Ax ≥ b. Its basic solutions are exactly the
irreducible conflicts (Gleeson & Ryan, ORSA J. Computing 2 (1990) 61–63), so the certificate of a solver is brought to
a basic one (vertices.py): no further program is solved for it, however many rows there are.

Then "any k − 1 of them" is shown point by point. With the pseudo-inverse of the k rows, of rank k − 1, and v = yᵀb,

    x_j = A⁺b − (v / y_j) A⁺e_j        has        A x_j = b − (v / y_j) e_j :

all rows hold but row j, which misses by v / y_j. Each such point is tried on all rows. Conditions that are always there
(rows that define an atom, say) are part of every conflict; where the point leaves one of them unsatisfied, the
conflict without j is solved, many j in one batch: a deletion filter (Chinneck & Dravnieks, ORSA J. Computing 3 (1991)
157–168), first on groups of conditions, then on single ones. A batch that finds another conflict starts anew with it.

Beside rows in cones, which are always there, a certificate has no basic form, and all is done by solving.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from karush.solvers import interior_point
from karush.solvers.conflicts import beside_cones
from karush.solvers.conflicts.conditions import FEASIBLE, Conditions
from karush.solvers.conflicts.vertices import basic
from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.result import Status

Array = np.ndarray

NEGLIGIBLE = 1e-7
"""A row takes part in a certificate if its weight times its largest entry is more than this part of the greatest."""
PROVED = 1e-9
"""A certificate is one if |Aᵀy| is at most this part of its largest term, and yᵀb at least that of its own."""
REFITS = 4
"""A basic certificate is fitted so many times, each time without the rows whose weight turned out to be 0."""
LANES = 8
"""So many programs are solved in one batch."""
MOST_SOLVES = 256
"""After so many solves what is left of a conflict is returned as it is."""


@dataclass(frozen=True)
class Conflict:
    """``members`` (k,): conditions that have no common point together with the fixed ones.

    ``weights`` (k,): their multipliers in a certificate of value 1, of either sign for equations. ``needed`` (k,):
    where it was shown that the others (and the fixed ones) have a common point.
    """

    members: Array
    weights: Array
    needed: Array

    @property
    def is_irreducible(self) -> bool:
        """Whether leaving out any one of the members leaves a common point."""
        return bool(self.needed.all())


def feasibility(problem: QuadraticProgram) -> QuadraticProgram:
    """The same constraints with nothing to minimise."""
    return replace(
        problem, quadratic=None, linear=jnp.zeros_like(problem.linear), constant=jnp.zeros_like(problem.constant)
    )


def common_point(problem: QuadraticProgram, conditions: Conditions) -> tuple[Status, Array]:
    """Whether all conditions of a program have a common point; if not the weights (K,) of a certificate."""
    if conditions.cone_rows is not None:
        every = np.ones(len(conditions.side), bool)
        status, _, weights = beside_cones.solve(conditions, every, np.zeros((len(every), 0)), np.zeros(0))
        return Status(status), weights
    solution = jax.jit(interior_point.solve)(feasibility(problem))
    return Status(int(solution.status)), conditions.weights(solution.certificate)


def irreducible(conditions: Conditions, weights: Array, fixed: Array) -> Conflict:
    """An irreducible conflict within the support of a certificate (K,); ``fixed`` (K,) are always there."""
    crossing = conditions.crossing()
    weights = weights if crossing is None else crossing
    always = np.flatnonzero(fixed & conditions.present)
    conflict = _basic_conflict(conditions, weights, fixed, always)
    if conflict is None:
        members = _support(conditions, np.where(fixed, 0, weights))
        conflict = Conflict(members, weights[members], np.zeros(len(members), bool))
    return _filtered(conditions, conflict, fixed, always)


# ---------------------------------------------------------------- by linear algebra


def _basic_conflict(conditions: Conditions, weights: Array, fixed: Array, always: Array) -> Conflict | None:
    """The conflict of a basic certificate, with the points that show which members are needed.

    None where the basic one is no certificate within rounding, or there are cones.
    """
    if conditions.cone_rows is not None:
        return None
    support = _support(conditions, weights)
    y = weights[support]
    rows, side = _pressed(conditions, support, y)
    found = _basic_weights(rows, side, np.abs(y))
    if found is None:
        return None
    kept = found > 0
    support, rows, side, y = support[kept], rows[kept], side[kept], np.where(y < 0, -found, found)[kept]
    points = _points(rows, side, np.abs(y))
    own = np.flatnonzero(~fixed[support])
    needed = [_holds(conditions, np.union1d(np.delete(support, j), always), points[j]) for j in own]
    return Conflict(support[own], y[own], np.array(needed, bool))


def _basic_weights(rows: Array, side: Array, y: Array) -> Array | None:
    """A basic certificate of value 1 for  rows x ≥ side  within the support of y, None if what is found is none."""
    size = _sizes(rows, side)
    columns = np.concatenate([rows, side[:, None]], axis=1).T
    found = basic(columns, y, size) if len(y) > 1 else y
    for _ in range(REFITS):
        kept = found * size > NEGLIGIBLE * (found * size).max(initial=0.0)
        found = np.where(kept, found, 0)
        found[kept] = _refitted(columns[:, kept])
        if found[kept].min(initial=np.inf) > 0:
            break
    terms = np.abs(rows[kept] * found[kept, None]).max(axis=0, initial=0.0)
    defect = np.abs(rows[kept].T @ found[kept]) / np.where(terms > 0, terms.max(initial=0.0), 1)
    value, largest = side[kept] @ found[kept], np.abs(side[kept] * found[kept]).max(initial=0.0)
    sound = found[kept].min(initial=np.inf) > 0 and defect.max(initial=0.0) <= PROVED and value > PROVED * largest
    return found / value if sound else None


def _refitted(columns: Array) -> Array:
    """y with  columns y = (0, …, 0, 1), by least squares on scaled rows and columns."""
    scale = 1 / np.abs(columns).max(axis=0)
    rows = np.abs(columns * scale).max(axis=1)
    rows = 1 / np.where(rows > 0, rows, 1)
    aim = np.zeros(len(rows))
    aim[-1] = rows[-1]
    return scale * np.linalg.lstsq(rows[:, None] * columns * scale, aim, rcond=None)[0]


def _sizes(rows: Array, side: Array) -> Array:
    """The largest entry of each row; of an empty row its side."""
    size = np.abs(rows).max(axis=1, initial=0.0)
    return np.where(size > 0, size, np.abs(side))


def _support(conditions: Conditions, weights: Array) -> Array:
    taking = np.flatnonzero((weights != 0) & conditions.present)
    size = _sizes(conditions.rows(taking), conditions.side[taking]) * np.abs(weights[taking])
    return taking[size > NEGLIGIBLE * size.max(initial=0.0)]


def _pressed(conditions: Conditions, members: Array, y: Array) -> tuple[Array, Array]:
    """(A, b) of  Ax ≥ b: each condition with its sign, an equation on the side that its multiplier presses on."""
    sign = conditions.sign[members] * np.where(y < 0, -1.0, 1.0)
    return sign[:, None] * conditions.rows(members), sign * conditions.side[members]


def _points(rows: Array, side: Array, y: Array) -> Array:
    """The points x_j, (k, n); y has the value 1."""
    scale = np.abs(rows).max(axis=1, initial=0.0)
    scale = 1 / np.where(scale > 0, scale, 1)
    inverse = np.linalg.pinv(scale[:, None] * rows, rcond=1e-11)
    centre = inverse @ (scale * side)
    return centre - (inverse * scale / np.where(y > 0, y, 1)).T


def _holds(conditions: Conditions, members: Array, x: Array) -> bool:
    """Whether a point satisfies some conditions."""
    rows, side = conditions.rows(members), conditions.side[members]
    defect = conditions.sign[members] * (side - rows @ x)
    defect = np.where(conditions.is_equation[members], np.abs(defect), np.maximum(defect, 0))
    terms = np.maximum(np.abs(rows * x).max(axis=1, initial=0.0), np.abs(side))
    return bool(np.all(defect <= FEASIBLE * (1 + terms)))


# ---------------------------------------------------------------- by solving


def _filtered(conditions: Conditions, conflict: Conflict, fixed: Array, always: Array) -> Conflict:
    """The conflict made irreducible by solving it without groups of its members, then without single ones."""
    solves, group = 0, None
    while solves < MOST_SOLVES:
        open_ones = np.flatnonzero(~conflict.needed)
        if not len(open_ones):
            return conflict
        group = -(-len(open_ones) // LANES) if group is None else min(group, len(open_ones))
        pieces = [open_ones[at : at + group] for at in range(0, len(open_ones), group)]
        smaller = None
        for at in range(0, len(pieces), LANES):
            batch = pieces[at : at + LANES]
            status, weights = _without(conditions, conflict.members, always, batch)
            solves += len(batch)
            conflict = _noted(conflict, batch, status)
            without = np.flatnonzero(status == Status.INFEASIBLE)
            left_out = [batch[lane] for lane in without]
            smaller = _smallest(conditions, conflict, left_out, weights[without], fixed, always)
            if smaller is not None:
                break
        if smaller is not None:
            conflict, group = smaller, None
        elif group == 1:
            return conflict
        else:
            group = -(-group // 2)
    return conflict


def _noted(conflict: Conflict, batch: list[Array], status: Array) -> Conflict:
    """A member without which the rest was solved is needed."""
    needed = conflict.needed.copy()
    for piece, word in zip(batch, status, strict=True):
        needed[piece] |= len(piece) == 1 and word <= Status.SOLVED_INACCURATE
    return replace(conflict, needed=needed)


def _smallest(
    conditions: Conditions, conflict: Conflict, pieces: list[Array], weights: Array, fixed: Array, always: Array
) -> Conflict | None:
    """The smallest of the conflicts that were found without some pieces, with certificates (r, K); None if none was.

    Members that were needed in a larger conflict are needed in it.
    """
    found = []
    for piece, one in zip(pieces, weights, strict=True):
        less = np.delete(conflict.members, piece)
        basic_one = _basic_conflict(conditions, one, fixed, always)
        if basic_one is None:
            rest = np.intersect1d(less, _support(conditions, one))
            basic_one = Conflict(rest, one[rest], np.zeros(len(rest), bool))
        found.append(basic_one)
    if not found:
        return None
    best = min(found, key=lambda c: len(c.members))
    known = conflict.members[conflict.needed]
    return replace(best, needed=best.needed | np.isin(best.members, known))


def _without(conditions: Conditions, members: Array, always: Array, batch: list[Array]) -> tuple[Array, Array]:
    """Status and certificate (K,) of the members less each of some groups, beside what is always there."""
    if conditions.cone_rows is not None:
        return _without_beside_cones(conditions, members, always, batch)
    taken = np.concatenate([members, always])
    keep = np.ones((LANES, len(taken)), bool)
    for lane, piece in enumerate(batch):
        keep[lane, piece] = False
    keep[len(batch) :] = keep[len(batch) - 1]
    rows, _ = _pressed(conditions, taken, np.ones(len(taken)))
    side = conditions.sign[taken] * conditions.side[taken]
    rows = rows[:, np.abs(rows).max(axis=0, initial=0.0) > 0]
    status, multipliers = _solve_lanes(rows, side, keep, conditions.is_equation[taken])
    weights = np.zeros((len(batch), len(conditions.side)))
    weights[:, taken] = np.asarray(multipliers)[: len(batch)]
    return np.asarray(status)[: len(batch)], weights


def _without_beside_cones(
    conditions: Conditions, members: Array, always: Array, batch: list[Array]
) -> tuple[Array, Array]:
    """The same where there are cones: one after the other."""
    nothing, free = np.zeros((len(conditions.side), 0)), np.zeros(0)
    found = []
    for piece in batch:
        keep = np.zeros(len(conditions.side), bool)
        keep[always] = keep[np.delete(members, piece)] = True
        found.append(beside_cones.solve(conditions, keep, nothing, free))
    return np.array([status for status, *_ in found]), np.stack([weights for *_, weights in found])


@jax.jit
def _solve_lanes(
    rows: jax.Array, side: jax.Array, keep: jax.Array, is_equation: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Status (L,) and multipliers (L, k) of  rows x ≥ side (= side for equations)  where ``keep`` (L, k)."""
    n = rows.shape[1]

    def one(kept: jax.Array) -> tuple[jax.Array, jax.Array]:
        none = jnp.zeros((0,), rows.dtype)
        problem = QuadraticProgram(
            None, jnp.zeros(n, rows.dtype), jnp.zeros((), rows.dtype), jnp.zeros((0, n), rows.dtype), none,
            rows, side, side, None, None, has_lower=kept, has_upper=kept & is_equation,
        )  # fmt: skip
        solution = interior_point.solve(problem)
        return solution.status, solution.certificate.z

    return jax.vmap(one)(keep)
