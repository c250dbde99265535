"""The linearised conditions of a cone program in the unknowns (x, y, z, w, v), v = s − u.

    P dx + Aᵀν + GᵀMμ + Wω + Fᵀ(I − D) dv = r_x,    F dx − D dv = r_v,    and the rest as in kkt.py,

D = DΠ(v). The operator is not symmetric, but it and its transpose are solved by the one symmetric factorisation of
cone_system.py. As D is the JVP of the projection at v, a function of the problem's data, the operator can be
differentiated in them (second derivatives), no derivative of the frame being taken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import Array, lax

from karush.solvers import kkt as kkt_system
from karush.solvers import linearisation as linear
from karush.solvers.cone_frame import from_frame, to_frame
from karush.solvers.cone_system import framed
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.linearisation import Linearisation
from karush.solvers.projections.cones import project_rows


def product(problem: QuadraticProgram, lin: Linearisation, v: Array, direction: Array) -> Array:
    """The operator above on a flat direction (dx, ν, μ, ω, dv)."""
    rows, own = problem.cone_rows, linear.of_rows(problem, lin)
    assert rows is not None
    change = kkt_system.unflatten(problem, direction, lin.active_w is not None)
    assert change.u is not None
    _, moved = jax.jvp(lambda point: project_rows(rows, point), (v,), (change.u,))
    base = kkt_system.symmetric_product(replace(problem, cone_rows=None), own.active_z, own.active_w, change)
    x = base.x + rows.matrix.T @ (change.u - moved)
    return kkt_system.flatten(replace(base, x=x, u=rows.matrix @ change.x - moved))


def framed_product(problem: QuadraticProgram, lin: Linearisation, direction: Array, transposed: bool) -> Array:
    """The operator, or its transpose, with the D of the frame: at a tie the element that it took."""
    rows, own, frame = problem.cone_rows, linear.of_rows(problem, lin), lin.frame
    assert rows is not None and frame is not None
    change = kkt_system.unflatten(problem, direction, lin.active_w is not None)
    assert change.u is not None
    share = lin.active_z[problem.inequality_matrix.shape[0] :]

    def active_part(of: Array) -> Array:
        return from_frame(frame, share * to_frame(frame, of))

    still = active_part(change.u)
    base = kkt_system.symmetric_product(replace(problem, cone_rows=None), own.active_z, own.active_w, change)
    image = rows.matrix @ change.x
    x = base.x + rows.matrix.T @ (change.u if transposed else still)
    last = (active_part(image) if transposed else image) - (change.u - still)
    return kkt_system.flatten(replace(base, x=x, u=last))


def kernel_image(problem: QuadraticProgram, lin: Linearisation, kernel: Array) -> Array:
    """Kernel vectors of the framed system, (count, N), as vectors of the transposed operator's kernel.

    With another sign of the last part they are the changes (dx, ν, μ, ω, du) that the kernel makes.
    """
    frame, bounded, m = lin.frame, lin.active_w is not None, problem.inequality_matrix.shape[0]
    assert frame is not None
    root = jnp.sqrt(lin.active_z[m:])

    def one(k: Array) -> Array:
        part = kkt_system.unflatten(framed(problem, frame), k, bounded)
        return kkt_system.flatten(replace(part, z=part.z[:m], u=from_frame(frame, root * part.z[m:])))

    return jax.vmap(one)(kernel)


def solve(problem: QuadraticProgram, lin: Linearisation, rhs: Array, transposed: bool = False) -> tuple[Array, Array]:
    """Solve with the operator, or with its transpose, by the frame; returns (direction, relative residual), flat."""
    rows, frame = problem.cone_rows, lin.frame
    assert rows is not None and frame is not None
    bounded, m = lin.active_w is not None, problem.inequality_matrix.shape[0]
    right = kkt_system.unflatten(problem, rhs, bounded)
    assert right.u is not None
    root = jnp.sqrt(lin.active_z[m:])
    x = right.x + rows.matrix.T @ right.u if transposed else right.x
    z = jnp.concatenate([right.z, root * to_frame(frame, right.u)])
    flat, residual = linear.solve(problem, lin, kkt_system.flatten(Point(x, right.y, z, right.w)))
    found = kkt_system.unflatten(framed(problem, frame), flat, bounded)
    last = from_frame(frame, root * found.z[m:]) - right.u
    if not transposed:
        last = last + rows.matrix @ found.x
    return kkt_system.flatten(Point(found.x, found.y, found.z[:m], found.w, last)), residual


def linear_solve(
    problem: QuadraticProgram,
    lin: Linearisation,
    v: Array,
    rhs: Array,
    masked: Callable[[Array, Array, Array], Array],
) -> Array:
    """The operator's inverse on ``rhs``, which JAX can transpose and differentiate in the data.

    ``masked(right, solution, residual)`` is what a solve returns.
    """
    frozen = lax.stop_gradient(problem)

    def forth(_: Callable[[Array], Array], right: Array) -> Array:
        return masked(right, *solve(frozen, lin, right))

    def back(_: Callable[[Array], Array], right: Array) -> Array:
        return masked(right, *solve(frozen, lin, right, transposed=True))

    return lax.custom_linear_solve(lambda d: product(problem, lin, v, d), rhs, forth, back)
