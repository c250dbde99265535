"""A cone program at a point as the quadratic program that has the rows of the cones' frame beside its own.

With v = s − u and the frame Q, e of cone_frame.py, B = QᵀF, the linearised conditions P dx + … + Fᵀ(I − D) dv = r_x and
F dx − D dv = r_v become, with dv = Qη, ω = √e η and ρ = Qᵀr_v,

    P dx + … + (√e B)ᵀ ω = r_x,    √e B dx − (1 − e) ω = √e ρ,    η = √e ω + B dx − ρ:

the symmetric system of kkt.py with the mask e, for rows B/√e where 0 < e < 1 and B else. The transposed conditions
P a + … + Fᵀγ = t_x, (I − D)F a − Dγ = t_v have the same matrix: with τ = Qᵀt_v the right-hand side is
(t_x + Bᵀτ, √e τ), and γ = Q(√e ω − τ).
"""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
from jax import Array

from karush.solvers.active_rows import dual_scale
from karush.solvers.cone_frame import Frame, frame_of, from_frame
from karush.solvers.cone_residuals import multiplier_weight, slack_scale
from karush.solvers.forms.cones import ConeRows
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.framed_matrix import FramedMatrix
from karush.solvers.matrices import below
from karush.solvers.parted_matrix import PartedMatrix
from karush.solvers.projections.cones import project_cones, project_dual_rows
from karush.solvers.separable import in_parts


def image(problem: QuadraticProgram, point: Point) -> Array | None:
    """v = Fx + g − u, whose projection is the slack; None without rows in cones."""
    rows = problem.cone_rows
    if rows is None or point.u is None:
        return None
    return rows.matrix @ point.x + rows.offset - point.u


def filler(rows: ConeRows) -> Array:
    """Generic numbers in place of v, (r,), outside of every power cone and its polar one: so exponents matter too."""
    numbers = jnp.cos(1.7 * jnp.arange(rows.offset.shape[0], dtype=rows.offset.dtype) + 0.5)
    outside = jnp.array([0.3, 0.2, 1.0], numbers.dtype)
    for cones, at, _ in rows.groups():
        if cones.kind == "power":
            numbers = numbers.at[at].set(jnp.tile(outside, cones.count))
    return numbers


def frame_at(problem: QuadraticProgram, point: Point, solved: Array, active: float) -> Frame:
    """The frame at a point; where there is none at generic numbers."""
    rows = problem.cone_rows
    assert rows is not None
    v = image(problem, point)
    assert v is not None
    v = jnp.where(solved, v, filler(rows))
    scale = jnp.where(solved, slack_scale(rows, point.x), 1)
    weight = jnp.where(solved, multiplier_weight(rows, dual_scale(problem, point)), 1)
    return frame_of(rows, v, 1 / scale, weight, active)


def framed(problem: QuadraticProgram, frame: Frame | None) -> QuadraticProgram:
    """The quadratic program with the rows of the frame below its own; their sides do not matter."""
    if problem.cone_rows is None or frame is None:
        return problem
    if isinstance(frame.rows, FramedMatrix):
        rows = replace(frame.rows, above=problem.inequality_matrix)
        return replace(problem, inequality_matrix=rows, cone_rows=None)
    if isinstance(frame.rows, PartedMatrix):
        problem = in_parts(problem)
    return replace(problem, inequality_matrix=below(problem.inequality_matrix, frame.rows), cone_rows=None)


def open_ways(frame: Frame, weak: Array, rates: Array, tolerance: Array) -> tuple[Array, Array]:
    """Whether the cones at a tie let x pass along a direction, and whether along its negative.

    ``weak`` (r,) are the coordinates at a tie, ``rates`` (r,) the frame's rows times the direction: what is left of
    them must point into the cone of the tie. A cone of three rows may be taken for open where it is not.
    """
    inward, forth, back, first = from_frame(frame, weak * rates), jnp.asarray(True), jnp.asarray(True), 0
    for cones in frame.cones:
        block = inward[first : first + cones.rows].reshape(cones.count, cones.dimension)
        first += cones.rows
        if cones.kind in ("second_order", "semidefinite"):  # Π(-h) = Π(h) - h: these are their own duals
            kept = project_cones(cones, block, jnp.zeros(0, block.dtype))
            forth, back = (
                forth & jnp.all(jnp.abs(kept - block) <= tolerance),
                back & jnp.all(jnp.abs(kept) <= tolerance),
            )
        else:
            inner = jnp.array([1.0, 1.0, 0.0] if cones.kind == "power" else [-1.05, 0.56, 1.26], block.dtype)
            forth, back = forth & jnp.all(block @ inner >= -tolerance), back & jnp.all(block @ inner <= tolerance)
    return forth, back


def multipliers(rows: ConeRows, v: Array, u: Array) -> Array:
    """u as it depends on the exponents of power cones at a fixed v; the rest of it as given."""
    if rows.exponents.shape[0] == 0:
        return u
    bent = project_dual_rows(rows, -v)
    for cones, at, _ in rows.groups():
        if cones.kind == "power":
            u = u.at[at].set(bent[at])
    return u
