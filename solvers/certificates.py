"""Certificates that a quadratic program has no solution, and their verification on the problem's own data.

Infeasible (Farkas): multipliers (y, z, w), signed as in forms/quadratic.py, with

    Aᵀy + Gᵀz + w = 0,   bᵀy + Σ_{z>0} lower z + Σ_{z<0} upper z + the same for w = 1,

no z pressing on a side that is not there: for every x in the rows and bounds the second line would be at most
(Aᵀy + Gᵀz + w)ᵀx = 0. Sides that cross, lower_i > upper_i, are their own contradiction, which signed multipliers
cannot say (both sides press): there the certificate is 1/(lower_i − upper_i) at the most crossed row, 0 elsewhere.

Unbounded: a direction d with

    Pd = 0,  Ad = 0,  (Gd)_i ≥ 0 where row i has a lower side, ≤ 0 where it has an upper one,  d alike,  qᵀd = −1

along which the objective falls for ever from any feasible point (that there is one is not claimed: an infeasible
problem that has such a direction may be reported either way). Rows in cones add to both what cone_certificates.py says.

Defects are relative to the largest term of all the rows, so that no scaling of the problem makes one look small.
"""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers.cone_certificates import farkas_parts, ray_defect, still_rows
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.matrices import Symmetric, row_maxima, row_terms
from karush.solvers.projections.cones import project_dual_rows
from karush.solvers.residuals import largest
from karush.solvers.rows import Rows, rows_of
from karush.solvers.separable import gram_inverse

CORRECTIONS = 4


def _pressing(rows: Rows, v: Array) -> tuple[Array, Array]:
    """The side each multiplier presses on, and whether it is there (true for a zero multiplier)."""
    sides = rows.sides
    side = jnp.where(v > 0, sides.lower, sides.upper)
    return side, jnp.where(v > 0, sides.has_lower, sides.has_upper) | (v == 0)


def _signed(rows: Rows, v: Array) -> Array:
    """v with the entries removed that press on a side which is not there."""
    return jnp.where(_pressing(rows, v)[1], v, 0)


def farkas_value(problem: QuadraticProgram, certificate: Point) -> Array:
    """bᵀy + Σ_{z>0} lower z + Σ_{z<0} upper z + the same for w."""
    rows = rows_of(problem)
    v = rows.multipliers(certificate)
    value = problem.equality_rhs @ certificate.y + _pressing(rows, v)[0] @ v
    return value + farkas_parts(problem, certificate.u, inside=True)[3]


def crossing(problem: QuadraticProgram) -> Array:
    """The largest relative crossing (lower − upper)/(1 + the larger of the two) of all rows and bounds, or 0."""
    sides = rows_of(problem).sides
    width = 1 + jnp.maximum(jnp.abs(sides.lower), jnp.abs(sides.upper))
    return largest(jnp.where(sides.has_lower & sides.has_upper, (sides.lower - sides.upper) / width, 0))


def crossing_certificate(problem: QuadraticProgram) -> Point:
    """1/(lower_i − upper_i) at the row i that crosses most."""
    rows = rows_of(problem)
    sides = rows.sides
    excess = jnp.where(sides.has_lower & sides.has_upper, sides.lower - sides.upper, 0)
    most = excess == jnp.max(excess, initial=-jnp.inf)
    first = most & (jnp.cumsum(most) == 1) & (excess > 0)
    v = jnp.where(first, 1 / jnp.where(first, excess, 1), 0)
    none = rows.point(jnp.zeros_like(problem.linear), jnp.zeros_like(problem.equality_rhs), v)
    return none if problem.cone_rows is None else replace(none, u=jnp.zeros_like(problem.cone_rows.offset))


def infeasibility_defect(problem: QuadraticProgram, certificate: Point, inside: bool = False) -> Array:
    """How far the multipliers are from a Farkas certificate, relatively; infinite if the value is not positive.

    The largest of |Aᵀy + Gᵀz + w|, of the multipliers on absent sides (as terms of that sum), both over the largest
    term of the sum, and of |value − 1|; infinite too if the value is within rounding of its own terms. ``inside``:
    u is known to be in K*.
    """
    rows = rows_of(problem)
    A, y, v = problem.equality_matrix, certificate.y, rows.multipliers(certificate)
    side, present = _pressing(rows, v)
    m = rows.matrix.shape[0]
    cones = farkas_parts(problem, certificate.u, inside)
    sum_ = A.T @ y + rows.adjoint(v) + cones[0]
    terms = jnp.maximum(largest(row_terms(A.T, y)), largest(row_terms(rows.matrix.T, v[:m])))
    terms = jnp.maximum(jnp.maximum(terms, largest(jnp.abs(v[m:]))), cones[1])
    absent = jnp.where(present, 0, jnp.abs(v))
    wrong = jnp.maximum(largest(row_terms(rows.matrix.T, absent[:m])), largest(absent[m:]))
    wrong = jnp.maximum(wrong, cones[2])
    value = problem.equality_rhs @ y + side @ v + cones[3]
    value_terms = jnp.maximum(largest(jnp.abs(problem.equality_rhs * y)), largest(jnp.abs(side * v)))
    value_terms = jnp.maximum(value_terms, cones[4])
    eps = jnp.finfo(value.dtype).eps
    defect = jnp.maximum(largest(jnp.abs(sum_)), wrong) / jnp.where(terms > 0, terms, 1)
    defect = jnp.maximum(defect, jnp.abs(value - 1))
    sound = (value > 100 * eps * value_terms) & jnp.isfinite(defect)
    return jnp.where(sound, defect, jnp.inf)


def unboundedness_defect(problem: QuadraticProgram, certificate: Point, slack: Array | None = None) -> Array:
    """How far the direction is from a ray of descent, relatively; infinite if qᵀd is not negative.

    Each row's defect is over its largest term (|A_ij d_j|), or over the largest of d if that is larger in the bounds.
    Fd is measured from the point ``slack`` of K where one is given, else from the nearest one.
    """
    rows = rows_of(problem)
    d = certificate.x
    scale = largest(jnp.abs(d))
    m = rows.matrix.shape[0]

    def relative(values: Array, matrix: Symmetric) -> Array:
        terms = row_maxima(matrix) * scale
        return jnp.abs(values) / jnp.where(terms > 0, terms, 1)

    value = rows.apply(d)
    leaving = jnp.maximum(jnp.where(rows.sides.has_lower, -value, 0), jnp.where(rows.sides.has_upper, value, 0))
    leaving = jnp.maximum(leaving, 0)
    defect = largest(relative(problem.equality_matrix @ d, problem.equality_matrix))
    defect = jnp.maximum(defect, largest(relative(leaving[:m], rows.matrix)))
    defect = jnp.maximum(defect, largest(leaving[m:]) / jnp.where(scale > 0, scale, 1))
    if problem.quadratic is not None:
        defect = jnp.maximum(defect, largest(relative(problem.quadratic @ d, problem.quadratic)))
    defect = jnp.maximum(defect, ray_defect(problem, d, slack))
    slope = problem.linear @ d
    eps = jnp.finfo(slope.dtype).eps
    sound = slope < -100 * eps * largest(jnp.abs(problem.linear * d))
    defect = jnp.maximum(defect, jnp.abs(slope + 1))
    return jnp.where(sound & jnp.isfinite(defect), defect, jnp.inf)


def normalised_farkas(problem: QuadraticProgram, certificate: Point, inside: bool = False) -> Point:
    """The multipliers with x = 0, freed of those on absent sides and divided by their value (by 1 if not > 0).

    Those of rows in cones are projected on K*, unless they are known to be ``inside``.
    """
    rows, cones = rows_of(problem), problem.cone_rows
    v = _signed(rows, rows.multipliers(certificate))
    value = problem.equality_rhs @ certificate.y + _pressing(rows, v)[0] @ v
    if cones is None or certificate.u is None:
        scale = jnp.where(value > 0, value, 1)
        return rows.point(jnp.zeros_like(certificate.x), certificate.y / scale, v / scale)
    u = certificate.u if inside else project_dual_rows(cones, certificate.u)
    value = value - cones.offset @ u
    scale = jnp.where(value > 0, value, 1)
    return replace(rows.point(jnp.zeros_like(certificate.x), certificate.y / scale, v / scale), u=u / scale)


def normalised_ray(problem: QuadraticProgram, certificate: Point) -> Point:
    """The direction divided by −qᵀd, multipliers zero; a direction of ascent is turned round."""
    rows = rows_of(problem)
    slope = -(problem.linear @ certificate.x)
    d = certificate.x / jnp.where(slope != 0, slope, 1)
    ray = rows.point(d, jnp.zeros_like(certificate.y), jnp.zeros_like(rows.sides.lower))
    return ray if certificate.u is None else replace(ray, u=jnp.zeros_like(certificate.u))


def sharpened_farkas(problem: QuadraticProgram, certificate: Point, delta: Array) -> Point:
    """The nearest multipliers with the same zeros that satisfy Aᵀy + Gᵀz + w = 0; wants a scaled problem.

    Least squares over the support by the normal equations in the variables, refined. Small entries, which the
    correction might turn, are dropped first: what is left presses clearly. Multipliers of cones are corrected as if
    they were inside: what that spoils the projection on K* takes back, or the result is not the sharper one.
    """
    rows, cones = rows_of(problem), problem.cone_rows
    A, v = problem.equality_matrix, rows.multipliers(certificate)
    clear = jnp.abs(v) > jnp.sqrt(delta) * jnp.maximum(largest(jnp.abs(v)), largest(jnp.abs(certificate.y)))
    v = jnp.where(clear, v, 0)
    F = jnp.zeros((0, problem.linear.shape[0]), v.dtype) if cones is None else cones.matrix
    u = jnp.zeros(0, v.dtype) if certificate.u is None else certificate.u
    inverse = gram_inverse(replace(problem, quadratic=None), clear.astype(v.dtype), jnp.ones_like(u), delta)

    def correct(_: int, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        y, v, u = carry
        t = inverse(A.T @ y + rows.adjoint(v) + F.T @ u)
        return y - A @ t, jnp.where(clear, v - rows.apply(t), 0), u - F @ t

    y, v, u = jax.lax.fori_loop(0, CORRECTIONS, correct, (certificate.y, v, u))
    sharp = rows.point(jnp.zeros_like(certificate.x), y, v)
    return normalised_farkas(problem, sharp if certificate.u is None else replace(sharp, u=u))


def sharpened_ray(problem: QuadraticProgram, certificate: Point, delta: Array) -> Point:
    """The nearest direction with Pd = 0, Ad = 0, and 0 in every row it does not clearly move; wants it scaled.

    d ← δ(δI + PᵀP + AᵀA + CᵀC)⁻¹d repeated tends to the projection on that subspace.
    """
    rows = rows_of(problem)
    A, d = problem.equality_matrix, certificate.x
    value = rows.apply(d)
    held = (rows.sides.has_lower | rows.sides.has_upper) & (jnp.abs(value) <= jnp.sqrt(delta) * largest(jnp.abs(value)))
    still = d[:0] if problem.cone_rows is None else still_rows(problem.cone_rows, d, delta)
    held = held.astype(d.dtype)
    inverse = gram_inverse(problem, held, still, delta)

    def pressed(d: Array) -> Array:
        """H d without δ."""
        total = A.T @ (A @ d) + rows.adjoint(held * rows.apply(d))
        if problem.quadratic is not None:
            total = total + problem.quadratic.T @ (problem.quadratic @ d)
        if problem.cone_rows is not None:
            total = total + problem.cone_rows.matrix.T @ (still * (problem.cone_rows.matrix @ d))
        return total

    def correct(_: int, d: Array) -> Array:
        return d - inverse(pressed(d))

    d = jax.lax.fori_loop(0, CORRECTIONS, correct, d)
    return normalised_ray(problem, replace(certificate, x=d))
