"""What is known about a derivative before anybody asks for one: masks, rank, conditioning, and three
verdicts.

UNIQUE         the output is differentiable there (in every direction that the kernel of the system does not
see). CONSERVATIVE   a kink: what is returned is one element of the conservative derivative, by the rule of
linearisation.py. UNDEFINED      there is no derivative: no solution, or the output is not unique.

    primal      undefined if x can move within the solutions; conservative at a kink; else unique
    dual        undefined if the multipliers can move; conservative at a kink; else unique
    objective   undefined without a solution; conservative where inequality multipliers can move; else unique, by the
                envelope formula, whether or not x is

A kink is a weakly active row, or inequality multipliers that can move: then the active rows depend on each other, and
which of them hold x, or carry the optimal value, changes with the side of each one.

Everything comes from products and triangular solves: inverse iteration for σ_min, the trace of a projector
for the rank. SVD, QR and eigh do not lower everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

import jax
import jax.numpy as jnp
from jax import Array, lax

from karush.solvers import linearisation as linear
from karush.solvers.branching import at_most_once
from karush.solvers.cone_frame import from_frame
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.kkt import flatten, unflatten
from karush.solvers.linearisation import Linearisation
from karush.solvers.matrices import Diagonal, dense
from karush.solvers.sparse_factor import has_sparse_matrix, row_rank

INVERSE_ITERATIONS = 4


class DerivativeStatus(IntEnum):
    """The verdict on a derivative; the value travels through XLA (int32), the name is printed."""

    UNIQUE = 0
    CONSERVATIVE = 1
    UNDEFINED = 2

    @property
    def word(self) -> str:
        """The name as printed: ``unique``, ``conservative``, ``undefined``."""
        return self.name.lower()


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Evidence:
    """The evidence of a solution's derivative.

    ``active_z``, ``weak_z`` (m,) and ``active_w``, ``weak_w`` (n,) or None: boolean masks of the rows that
    count as active and of the weakly active ones; ``active_u``, ``weak_u`` (r,) or None the rows of cones that
    press, and of those at a kink of their projection. ``rank`` of the active rows, equalities and bounds
    included, int32; ``sigma_min`` an estimate of the least singular value of the KKT matrix, 0 if it is
    singular; ``gap`` the least max(slack, multiplier) over the inequalities, relative: the distance to a
    kink. ``primal``, ``dual``, ``objective``: `DerivativeStatus`, int32.
    """

    active_z: Array
    weak_z: Array
    active_w: Array | None
    weak_w: Array | None
    rank: Array
    sigma_min: Array
    gap: Array
    primal: Array
    dual: Array
    objective: Array
    active_u: Array | None = None
    weak_u: Array | None = None


def sigma_min(problem: QuadraticProgram, lin: Linearisation) -> Array:
    """Inverse iteration on K with the factorisation at hand; rows and bounds that are not active take no part."""
    active_z = lin.active_z if lin.frame is None else jnp.ceil(lin.active_z)
    ones = Point(jnp.ones_like(problem.linear), jnp.ones_like(problem.equality_rhs), active_z, lin.active_w)
    part = flatten(ones)

    def normalised(u: Array) -> tuple[Array, Array]:
        length = jnp.linalg.norm(u)
        return u / jnp.where(length > 0, length, 1), length

    def turn(_: int, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        return normalised(part * linear.approximate(problem, lin, carry[0]))

    start = normalised(part * linear.probes(1, part)[0])
    _, length = lax.fori_loop(0, INVERSE_ITERATIONS, turn, start)
    return jnp.where(length > 0, 1 / jnp.where(length > 0, length, 1), 0)


def rank(problem: QuadraticProgram, lin: Linearisation, dependent: Array) -> Array:
    """The rank of the active rows, equalities and bounds included: their number, unless they are ``dependent``.

    Of a cone's frame those count that are held without give.

    The factorisation behind it waits for that verdict, and so for all others: batched LAPACK calls that XLA runs side
    by side on a CPU can wait for each other's threads for ever (jaxlib 0.10).
    """
    if lin.frame is not None:
        problem, lin = linear.system(problem, lin), replace(lin, active_z=jnp.floor(lin.active_z))
    equalities = jnp.sum(jnp.ones_like(problem.equality_rhs))
    count = equalities + jnp.sum(lin.active_z) + (0 if lin.active_w is None else jnp.sum(lin.active_w))
    count = at_most_once(dependent, lambda most: jnp.minimum(most, _projector_rank(problem, lin)), count)
    return count.astype(jnp.int32)


def _projector_rank(problem: QuadraticProgram, lin: Linearisation) -> Array:
    """The trace of the projector C(CᵀC + εI)⁻¹Cᵀ on the active rows' span, rounded; as a float."""
    q = problem.linear
    free = jnp.ones_like(q) if lin.active_w is None else 1 - lin.active_w
    fixed = jnp.sum(1 - free)
    if isinstance(problem.quadratic, Diagonal):  # at most one row
        rows = jnp.concatenate(
            [dense(problem.equality_matrix), lin.active_z[:, None] * dense(problem.inequality_matrix)]
        )
        return jnp.sum(jnp.any(rows * free != 0, axis=1)) + fixed
    if has_sparse_matrix(problem):
        return row_rank(problem, lin.active_z, free) + fixed

    def unit(rows: Array) -> Array:
        norm = jnp.sqrt(jnp.sum(rows**2, axis=1, keepdims=True))
        return rows / jnp.where(norm > 0, norm, 1)

    A = unit(dense(problem.equality_matrix) * free)
    G = unit(lin.active_z[:, None] * dense(problem.inequality_matrix) * free)
    epsilon = float(jnp.finfo(q.dtype).eps) ** 0.7
    identity = jnp.eye(q.shape[0], dtype=q.dtype)
    lower = lax.linalg.cholesky(A.T @ A + G.T @ G + epsilon * identity, symmetrize_input=False)
    inverse = lax.linalg.triangular_solve(lower, identity, left_side=True, lower=True)
    return jnp.round(jnp.sum(jnp.ones_like(q)) - epsilon * jnp.sum(inverse**2)) + fixed


def moves(problem: QuadraticProgram, lin: Linearisation, kernel: Array) -> Point:
    """Which variables and multipliers the vectors of a kernel, (r, N), move: boolean masks in the shape of a point."""
    moving = unflatten(linear.system(problem, lin), jnp.any(kernel != 0, axis=0), lin.active_w is not None)
    if lin.frame is None:
        return moving
    m = problem.inequality_matrix.shape[0]
    first = problem.linear.shape[0] + problem.equality_rhs.shape[0] + m
    return replace(moving, z=moving.z[:m], u=_cones_moved(lin, kernel, first) > 0)


def movements(lin: Linearisation, kernel: Array, like: Point) -> Point:
    """How far the vectors of a kernel, (r, N), move each entry of a point: the greatest size."""
    flat = jnp.max(jnp.abs(kernel), axis=0)
    sizes = [part.shape[0] for part in (like.x, like.y, like.z)]
    x, y, z = flat[: sizes[0]], flat[sizes[0] : sizes[0] + sizes[1]], flat[sizes[0] + sizes[1] : sum(sizes)]
    u = None if lin.frame is None else _cones_moved(lin, kernel, sum(sizes))
    last = sum(sizes) if u is None else sum(sizes) + u.shape[0]
    return Point(x, y, z, None if like.w is None else flat[last:], u)


def _cones_moved(lin: Linearisation, kernel: Array, first: int) -> Array:
    """The same for the multipliers of cones, whose coordinates in the frame begin at ``first``; 0 for rounding."""
    assert lin.frame is not None
    of_frame = (lin.weight * kernel)[:, first : first + lin.frame.share.shape[0]]
    change = jnp.max(jnp.abs(from_frame(lin.frame, of_frame.T)), axis=1, initial=0.0)
    return jnp.where(change > linear.kernel_tolerance(change) * jnp.max(change, initial=0.0), change, 0)


def any_inequality(moving: Point) -> Array:
    """Whether a mask of `moves` has a multiplier of an inequality, a bound or a cone."""
    found = jnp.any(moving.z) if moving.w is None else jnp.any(moving.z) | jnp.any(moving.w)
    return found if moving.u is None else found | jnp.any(moving.u)


def _any_multiplier(moving: Point) -> Array:
    return jnp.any(moving.y) | any_inequality(moving)


def evidence(problem: QuadraticProgram, lin: Linearisation) -> Evidence:
    """The evidence at a linearised solution; never differentiated."""
    problem, lin = lax.stop_gradient((problem, lin))
    solved, weak = lin.solved > 0, linear.any_weak(lin)
    primal_moves = jnp.any(moves(problem, lin, lin.kernel).x)
    wide = moves(problem, lin, lin.wide_kernel)
    kinked = any_inequality(wide)
    dual_moves = _any_multiplier(wide)
    kink = jnp.where(weak | kinked, DerivativeStatus.CONSERVATIVE, DerivativeStatus.UNIQUE)
    undefined = DerivativeStatus.UNDEFINED
    value = jnp.where(kinked, DerivativeStatus.CONSERVATIVE, DerivativeStatus.UNIQUE)

    def verdict(defined: Array, status: Array) -> Array:
        return jnp.where(solved & defined, status, undefined).astype(jnp.int32)

    own = linear.of_rows(problem, lin)
    return Evidence(
        active_z=own.active_z > 0,
        weak_z=own.weak_z > 0,
        active_w=None if lin.active_w is None else lin.active_w > 0,
        weak_w=None if lin.weak_w is None else lin.weak_w > 0,
        rank=rank(problem, lin, dual_moves),
        sigma_min=jnp.where(solved & ~primal_moves & ~dual_moves, sigma_min(problem, lin), 0),
        gap=jnp.where(solved, lin.gap, jnp.nan),
        primal=verdict(~primal_moves, kink),
        dual=verdict(~dual_moves, kink),
        objective=verdict(jnp.asarray(True), value),
        active_u=None if lin.frame is None else solved & (lin.frame.presses > 0),
        weak_u=None if lin.frame is None else solved & (lin.frame.weak > 0),
    )
