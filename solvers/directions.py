"""The derivative of a solution in one direction of the data: at a kink too it is a number.

Along a direction dθ of the data the solution x and the optimal value V of a quadratic program have the one-sided
derivatives (Robinson, Math. Programming Study 19 (1982); Shapiro, Math. Programming 33 (1985); Gol'shtein 1972)

    ξ(dθ) = argmin ½ ξᵀPξ + rᵀξ over the directions that the active rows allow,     r = ∂(∇ₓL),
    V'(dθ) = min over solutions x, max over multipliers (y, z, w), of ∂L,           ∂ being the rate along dθ.

They are not linear in dθ: the derivative from the left is minus the one along −dθ. Three programs give them, with
"row i" standing for bounds too, ∂ᵢ for ∂(side − Gᵢx), and ≥ turned round where the upper side is in force:

    critical      min ½ ξᵀPξ + rᵀξ       A ξ = ∂(b − Ax),  Gᵢξ = ∂ᵢ where row i is held,  Gᵢξ ≥ ∂ᵢ where it is tight
    multipliers   min (Px + q)ᵀe         A e = ∂(b − Ax),  Gᵢe ≥ ∂ᵢ for all tight rows
    value         min ∂(Px + q)ᵀξ + (Px + q)ᵀe    x + ξ a solution,  and A e + ∂A ξ = ∂(b − Ax),  Gᵢe + ∂Gᵢ ξ ≥ ∂ᵢ

The dual of the second is max ∂L over the multipliers: so where they are not unique it gives those that carry the
change, a row is held if its own is positive, and its optimal value is the part of V' that the rows have. If x is not
unique the third gives V', min and max at once. The multipliers of the first are the derivatives of the multipliers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers.active_rows import ActiveRows
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.linearisation import Linearisation
from karush.solvers.matrices import dense
from karush.solvers.residuals import Sides, bound_sides, has_bounds, row_sides

Rows = tuple[Array, Array, Array, Array]
"""Lower and upper sides of a family of rows, and the masks of those that are there."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Tight:
    """The tight rows of one family: boolean masks (k,) of tight sides and of the sides held as equations.

    ``below`` and ``above`` (k,) are the rates ∂(side − Gx) of the lower and the upper side.
    """

    lower: Array
    upper: Array
    held_lower: Array
    held_upper: Array
    below: Array
    above: Array

    def open(self) -> Rows:
        """The sides with no row held."""
        return self.below, self.above, self.lower, self.upper

    def held(self) -> Rows:
        """The sides with the held rows as equations."""
        below = jnp.where(self.held_upper, self.above, self.below)
        above = jnp.where(self.held_lower, self.below, self.above)
        return below, above, self.lower | self.held_upper, self.upper | self.held_lower

    def pressed(self, rows: ActiveRows) -> Tight:
        """The same with those rows held that are strongly active."""
        at_lower = rows.lower > 0
        return replace(self, held_lower=rows.strong & at_lower, held_upper=rows.strong & ~at_lower)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Rates:
    """How fast the conditions move at a fixed x: ∂(Px + q) (n,), ∂(b − Ax) (p,), and the tight rows with theirs."""

    gradient: Array
    equalities: Array
    rows: Tight
    bounds: Tight | None


def _gradient(problem: QuadraticProgram, x: Array) -> Array:
    P = problem.quadratic
    return problem.linear if P is None else problem.linear + 0.5 * (P @ x + P.T @ x)


def _tight(sides: Sides, below: Array, above: Array, masks: tuple[Array, Array, Array], multiplier: Array) -> Tight:
    """From the masks of active and weakly active rows and of the side in force.

    Of a row with two equal sides both are tight, and it is its multiplier alone that holds one of them.
    """
    active, weak, at_lower = (mask > 0 for mask in masks)
    tight = active | weak
    both = tight & sides.has_lower & sides.has_upper & (sides.lower == sides.upper)
    size = jnp.max(jnp.abs(multiplier), initial=0.0)
    pulls = jnp.abs(multiplier) > float(jnp.finfo(multiplier.dtype).eps) ** 0.375 * (1 + size)
    held = active & ~weak & (~both | pulls)
    lower, upper = at_lower | both, ~at_lower | both
    return Tight(tight & lower, tight & upper, held & at_lower, held & ~at_lower, below, above)


def rates_of(problem: QuadraticProgram, change: QuadraticProgram, point: Point, lin: Linearisation) -> Rates:
    """The rates along ``change``, a tangent of the problem."""

    def values(data: QuadraticProgram) -> tuple[Array, ...]:
        rows, bounds = row_sides(data), bound_sides(data)
        image = data.inequality_matrix @ point.x
        equalities = data.equality_rhs - data.equality_matrix @ point.x
        return _gradient(data, point.x), equalities, rows.lower - image, rows.upper - image, bounds.lower, bounds.upper

    gradient, equalities, *sides = jax.jvp(values, (problem,), (change,))[1]
    rows = _tight(row_sides(problem), sides[0], sides[1], (lin.active_z, lin.weak_z, lin.lower_z), point.z)
    if lin.active_w is None or lin.weak_w is None or lin.lower_w is None:
        return Rates(gradient, equalities, rows, None)
    w = jnp.zeros_like(point.x) if point.w is None else point.w
    masks = (lin.active_w, lin.weak_w, lin.lower_w)
    return Rates(gradient, equalities, rows, _tight(bound_sides(problem), sides[2], sides[3], masks, w))


def _program(problem: QuadraticProgram, linear: Array, equalities: Array, rows: Rows, bounds: Rows) -> QuadraticProgram:
    """The problem with another linear term and other sides; ``bounds`` are of no account where there are none."""
    lower, upper, has_lower, has_upper = rows
    zero = jnp.zeros_like(problem.constant)
    program = replace(problem, linear=linear, constant=zero, equality_rhs=equalities, separable=())
    program = replace(program, lower=lower, upper=upper, has_lower=has_lower, has_upper=has_upper)
    if not has_bounds(problem):
        return program
    lower, upper, has_lower, has_upper = bounds
    program = replace(program, bound_lower=lower, bound_upper=upper)
    return replace(program, has_bound_lower=has_lower, has_bound_upper=has_upper)


def critical_program(
    problem: QuadraticProgram, change: QuadraticProgram, point: Point, rates: Rates
) -> QuadraticProgram:
    """The program of ξ, with the multipliers of ``point``; that of its rows in cones is in cone_directions.py."""

    def pressing(data: QuadraticProgram) -> Array:
        pressed = data.equality_matrix.T @ point.y + data.inequality_matrix.T @ point.z
        if data.cone_rows is None or point.u is None:
            return pressed
        return pressed + data.cone_rows.matrix.T @ point.u

    linear = rates.gradient - jax.jvp(pressing, (problem,), (change,))[1]
    rows = rates.rows.held()
    return _program(problem, linear, rates.equalities, rows, rows if rates.bounds is None else rates.bounds.held())


def multiplier_program(problem: QuadraticProgram, x: Array, rates: Rates) -> QuadraticProgram:
    """The linear program whose multipliers are those of the problem that carry the change."""
    rows = rates.rows.open()
    bounds = rows if rates.bounds is None else rates.bounds.open()
    return _program(replace(problem, quadratic=None), _gradient(problem, x), rates.equalities, rows, bounds)


def _apart(sides: Sides, image: Array, tight: Tight) -> Rows:
    """How far x + ξ may go from x within the solutions: not at all in a held row."""
    held = tight.held_lower | tight.held_upper
    below, above = (jnp.where(held, 0, side - image) for side in (sides.lower, sides.upper))
    return jnp.minimum(below, 0), jnp.maximum(above, 0), sides.has_lower | held, sides.has_upper | held


def _joined(first: Rows, second: Rows) -> Rows:
    a, b, c, d = (jnp.concatenate(pair) for pair in zip(first, second, strict=True))
    return a, b, c, d


def value_program(problem: QuadraticProgram, change: QuadraticProgram, x: Array, rates: Rates) -> QuadraticProgram:
    """The linear program of (ξ, e), for dense matrices and a P that does not move."""
    A, G = dense(problem.equality_matrix), dense(problem.inequality_matrix)
    P = None if problem.quadratic is None else dense(problem.quadratic)
    n, fixed = x.shape[0], jnp.zeros_like
    unmoved = [] if P is None else [[P, fixed(P)]]
    joined = replace(
        problem,
        quadratic=None,
        equality_matrix=jnp.block([[A, fixed(A)], [dense(change.equality_matrix), A], *unmoved]),
        inequality_matrix=jnp.block([[G, fixed(G)], [dense(change.inequality_matrix), G]]),
    )
    linear = jnp.concatenate([rates.gradient, _gradient(problem, x)])
    equalities = [fixed(problem.equality_rhs), rates.equalities, *([] if P is None else [jnp.zeros(n, x.dtype)])]
    rows = _joined(_apart(row_sides(problem), G @ x, rates.rows), rates.rows.open())
    bounds = rows
    if rates.bounds is not None:
        bounds = _joined(_apart(bound_sides(problem), x, rates.bounds), rates.bounds.open())
    return _program(joined, linear, jnp.concatenate(equalities), rows, bounds)
