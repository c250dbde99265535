"""The linear system behind a derivative: which rows it holds, its factorisation, its solve, its kernel.

**Which rows.** Strongly active rows and equalities are in; a weakly active row is a kink of the solution map,
and the rule is to treat it as inactive. One case asks for more: where the strongly active rows alone leave a
direction d free (Pd = 0, no active row sees d) that the weakly active rows block both ways, x is unique all
the same, and they count as active (``widened``). If d or −d is open, x is not unique and its derivative is
undefined.

**Which factorisation.** The solver's own where it left one and its working set holds no weakly active row;
otherwise that of kkt.py, computed in a loop that does not run while no lane of a batch needs it.

**The kernel.** For a random v, k = v − K⁺(Kv) is the part of v in the kernel of K: zero to rounding if K is
regular, and otherwise it sees, with probability one, every variable and multiplier that the kernel moves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers import kkt as kkt_system
from karush.solvers.active_rows import ActiveRows, active_rows
from karush.solvers.branching import at_most_once
from karush.solvers.cone_frame import Frame
from karush.solvers.cone_system import frame_at, framed, open_ways
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.kkt import KktFactor
from karush.solvers.matrices import dense, row_maxima
from karush.solvers.protocol import Factorisation
from karush.solvers.refinement import STEPS, refine
from karush.solvers.result import Solution, Status

PROBES = 3


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Packed:
    """A solver's factorisation with masks and indices as floats, so that it may be a residual of a derivative."""

    leaves: list[Array]
    structure: Any = field(metadata={"static": True})
    dtypes: tuple[Any, ...] = field(metadata={"static": True})

    def unpack(self) -> Any:
        """The factorisation as the solver left it."""
        return self.structure.unflatten([a.astype(t) for a, t in zip(self.leaves, self.dtypes, strict=True)])


def pack(native: Any, dtype: jnp.dtype) -> Packed:
    """See `Packed`; ``dtype`` is the float type that carries the rest."""
    leaves, structure = jax.tree.flatten(native)
    floats = [a if jnp.issubdtype(a.dtype, jnp.floating) else a.astype(dtype) for a in leaves]
    return Packed(floats, structure, tuple(a.dtype for a in leaves))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Linearisation:
    """A KKT system K with its factorisation; masks and flags are floats, 0 or 1 (no integer reaches a
    derivative rule).

    ``active_z`` (m,) and ``active_w`` (n,) or None are the rows in K, ``weak_*`` the weakly active ones,
    ``lower_*`` the share of the lower side; ``gap`` as in `ActiveRows`; ``solved`` whether there is a point
    at all; ``widened`` as above; ``weight`` (N,) the scale of each equation; ``kkt`` and ``native`` the two
    factorisations, ``use_native`` which of them holds. For a cone program K is that of `system`: ``frame`` holds the
    rows that follow the m others in ``active_z`` (shares between 0 and 1), ``weak_z`` and ``lower_z``.
    """

    active_z: Array
    active_w: Array | None
    weak_z: Array
    weak_w: Array | None
    lower_z: Array
    lower_w: Array | None
    gap: Array
    solved: Array
    widened: Array
    weight: Array
    kkt: KktFactor | None
    native: Any
    use_native: Array
    kernel: Array
    wide_kernel: Array
    frame: Frame | None = None


def system(problem: QuadraticProgram, lin: Linearisation) -> QuadraticProgram:
    """The quadratic program whose KKT system K is: the problem itself, or with the frame's rows for its cones."""
    return framed(problem, lin.frame)


def of_rows(problem: QuadraticProgram, lin: Linearisation) -> Linearisation:
    """With the masks of the problem's own m rows alone."""
    if lin.frame is None:
        return lin
    m = problem.inequality_matrix.shape[0]
    return replace(lin, active_z=lin.active_z[:m], weak_z=lin.weak_z[:m], lower_z=lin.lower_z[:m])


def probes(count: int, like: Array) -> Array:
    """``count`` fixed pseudo-random vectors in (−1, 1), shape (count, N) for ``like`` (N,)."""
    index = jnp.arange(like.shape[0], dtype=like.dtype)
    seeds = jnp.arange(1, count + 1, dtype=like.dtype)[:, None]
    noise = jnp.sin((index % 1009 + 1) * 12.9898 + (index // 1009) * 4.1414 + seeds * 78.233) * 437.585453
    return 2 * (noise - jnp.floor(noise)) - 1


def product(problem: QuadraticProgram, lin: Linearisation, u: Array) -> Array:
    """K u on flat vectors (dx, ν, μ, ω)."""
    problem = system(problem, lin)
    point = kkt_system.unflatten(problem, u, lin.active_w is not None)
    return kkt_system.flatten(kkt_system.symmetric_product(problem, lin.active_z, lin.active_w, point))


def _native_solve(problem: QuadraticProgram, lin: Linearisation, r: Array) -> Array:
    """The solver's factorisation applied to K u = r: its system has the multipliers' other sign."""
    native = lin.native.unpack()
    right = kkt_system.unflatten(problem, r, lin.active_w is not None)
    idle_z = (1 - lin.active_z) * right.z
    if right.w is None or lin.active_w is None:
        x, y, z, _ = native.solve(right.x, right.y, lin.active_z * right.z, None)
        return kkt_system.flatten(Point(x, -y, -lin.active_z * z - idle_z, None))
    rhs_w = lin.active_w * right.w
    x, y, z, w = native.solve(right.x, right.y, lin.active_z * right.z, rhs_w)
    w = -lin.active_w * w - (1 - lin.active_w) * right.w
    return kkt_system.flatten(Point(x, -y, -lin.active_z * z - idle_z, w))


def _own_solve(problem: QuadraticProgram, lin: Linearisation, r: Array) -> Array:
    """kkt.py's factorisation applied to K u = r."""
    assert lin.kkt is not None
    right = kkt_system.unflatten(problem, r, lin.active_w is not None)
    return kkt_system.flatten(kkt_system.precondition(problem, lin.kkt, right))


def approximate(problem: QuadraticProgram, lin: Linearisation, r: Array) -> Array:
    """An approximate K⁻¹ r by the factorisation at hand."""
    problem = system(problem, lin)
    if lin.native is None:
        return _own_solve(problem, lin, r)
    native = _native_solve(problem, lin, r)
    if lin.kkt is None:
        return native
    return at_most_once(lin.use_native == 0, lambda _: _own_solve(problem, lin, r), native)


def solve(problem: QuadraticProgram, lin: Linearisation, r: Array, steps: int = STEPS) -> tuple[Array, Array]:
    """Solve K u = r, flat; returns (u, relative residual)."""
    problem = system(problem, lin)

    def refined(once: Callable[[QuadraticProgram, Linearisation, Array], Array]) -> tuple[Array, Array]:
        return refine(lambda u: product(problem, lin, u), lambda s: once(problem, lin, s), r, lin.weight, steps)

    if lin.native is None:
        return refined(_own_solve)
    if lin.kkt is None:
        return refined(_native_solve)
    return at_most_once(lin.use_native == 0, lambda _: refined(_own_solve), refined(_native_solve))


def kernel_vectors(problem: QuadraticProgram, lin: Linearisation, count: int) -> Array:
    """Vectors of the kernel of K in the scaled unknowns u/weight, (count, N): zero, to rounding, if K is regular."""

    def one(v: Array) -> Array:
        u, _ = solve(problem, lin, product(problem, lin, lin.weight * v))
        k = v - u / lin.weight
        return jnp.where(jnp.abs(k) > kernel_tolerance(v), k, 0)

    return jax.vmap(one)(probes(count, lin.weight))


def kernel_tolerance(like: Array) -> float:
    """Below this share of a vector a part in the kernel, or an inconsistency, counts as rounding."""
    return float(jnp.finfo(like.dtype).eps) ** 0.375


def _factorised(problem: QuadraticProgram, lin: Linearisation) -> tuple[KktFactor, Array]:
    """kkt.py's factorisation of the rows in K, and its scales."""
    factor = kkt_system.factor(problem, lin.active_z, lin.active_w, lin.frame is not None)
    return factor, kkt_system.weights(factor)


def _own(problem: QuadraticProgram, lin: Linearisation) -> Linearisation:
    kkt, weight = _factorised(problem, lin)
    return replace(lin, kkt=kkt, weight=weight, use_native=jnp.zeros_like(lin.use_native))


def _is_open(problem: QuadraticProgram, lin: Linearisation, k: Array) -> Array:
    """Whether the weakly active rows let x move along the kernel direction k, or along −k."""
    direction = kkt_system.unflatten(problem, lin.weight * k, lin.active_w is not None).x
    tolerance = kernel_tolerance(k) * jnp.max(jnp.abs(direction), initial=0.0)
    rates = lin.weak_z * (2 * lin.lower_z - 1) * (problem.inequality_matrix @ direction)
    size = row_maxima(problem.inequality_matrix)
    if lin.frame is None:
        forth, back = jnp.all(rates >= -tolerance * size), jnp.all(rates <= tolerance * size)
    else:
        m = rates.shape[0] - lin.frame.share.shape[0]
        forth, back = open_ways(lin.frame, lin.weak_z[m:], rates[m:], tolerance * jnp.max(size, initial=0.0))
        rates, size = rates[:m], size[:m]
        forth, back = forth & jnp.all(rates >= -tolerance * size), back & jnp.all(rates <= tolerance * size)
    if lin.weak_w is not None and lin.lower_w is not None:
        moves = lin.weak_w * (2 * lin.lower_w - 1) * direction
        forth, back = forth & jnp.all(moves >= -tolerance), back & jnp.all(moves <= tolerance)
    return forth | back


def _wide(problem: QuadraticProgram, lin: Linearisation) -> Linearisation:
    """The same with the weakly active rows as active ones, factorised anew, with its kernel (in its own scales)."""
    active_w = None if lin.active_w is None or lin.weak_w is None else lin.active_w + lin.weak_w
    wide = _own(problem, replace(lin, active_z=lin.active_z + lin.weak_z, active_w=active_w))
    kernel = kernel_vectors(problem, wide, lin.kernel.shape[0])
    return replace(wide, widened=jnp.ones_like(lin.widened), kernel=kernel, wide_kernel=kernel)


def _wide_kernel(lin: Linearisation, wide: Linearisation) -> Array:
    return wide.kernel * (wide.weight / lin.weight)


def _settled(problem: QuadraticProgram, lin: Linearisation) -> Linearisation:
    """At a kink: the weakly active rows let in, where x is free without them and only without them."""
    wide = _wide(problem, lin)
    lin = replace(lin, wide_kernel=_wide_kernel(lin, wide))
    n = problem.linear.shape[0]
    free, still_free = jnp.any(lin.kernel[:, :n] != 0), jnp.any(wide.kernel[:, :n] != 0)
    open_ = jax.vmap(lambda k: _is_open(problem, lin, k))(lin.kernel)
    take = free & ~still_free & ~jnp.any(open_)
    return jax.tree.map(lambda a, b: jnp.where(take, a, b), wide, lin)


def any_weak(lin: Linearisation) -> Array:
    """Whether some row or cone is weakly active: the point is at a kink."""
    weak = jnp.any(lin.weak_z > 0)
    if lin.frame is not None:
        weak = weak | ((lin.solved > 0) & jnp.any(lin.frame.weak > 0))
    return weak if lin.weak_w is None else weak | jnp.any(lin.weak_w > 0)


def _masks(rows: ActiveRows, solved: Array, dtype: jnp.dtype) -> tuple[Array, Array]:
    return (rows.strong & solved).astype(dtype), (rows.weak & solved).astype(dtype)


def linearise(problem: QuadraticProgram, solution: Solution, active: float, may_widen: bool = True) -> Linearisation:
    """The system of a solution's derivative.

    ``active`` is the threshold τ of active_rows.py. ``may_widen`` False says that x is unique whatever the rows (P is
    positive definite), so that the search for rows to let in is not compiled.
    """
    lin = _strong(problem, solution, active)
    problem = system(problem, lin)
    kernel = kernel_vectors(problem, lin, PROBES if may_widen else 1)
    lin = replace(lin, kernel=kernel, wide_kernel=kernel)
    unsure = (lin.solved > 0) & any_weak(lin)
    if not may_widen or lin.kkt is None:
        wide = at_most_once(unsure, lambda _: _wide_kernel(lin, _wide(problem, lin)), kernel)
        return replace(lin, wide_kernel=wide)
    bare = replace(lin, native=None)  # the loop holds what it may change, and the solver's factorisation is not that
    return replace(at_most_once(unsure, lambda old: _settled(problem, old), bare), native=lin.native)


def _strong(problem: QuadraticProgram, solution: Solution, active: float) -> Linearisation:
    """The system of the strongly active rows; without a kkt.py factorisation where the solver's is complete."""
    point: Point = solution.point
    native: Factorisation | None = solution.factor
    dtype = problem.linear.dtype
    solved = solution.status <= Status.SOLVED_INACCURATE
    rows, bounds = active_rows(problem, point, active)
    active_z, weak_z = _masks(rows, solved, dtype)
    active_w, weak_w = (None, None) if bounds is None else _masks(bounds, solved, dtype)
    if native is not None:
        left_out = None if active_w is None else solved & (active_w == 0)
        native = native.without(solved & (active_z == 0), left_out)
    gap = rows.gap if bounds is None else jnp.minimum(rows.gap, bounds.gap)
    lower_z, frame = rows.lower, None
    if problem.cone_rows is not None:
        frame = frame_at(problem, point, solved, active)
        shares, weak = solved * frame.share, solved * (frame.wide - frame.share)
        active_z, weak_z = jnp.concatenate([active_z, shares]), jnp.concatenate([weak_z, weak])
        lower_z, gap = jnp.concatenate([lower_z, jnp.ones_like(shares)]), jnp.minimum(gap, frame.gap)
        problem = framed(problem, frame)
    blank = kkt_system.unfactored(problem, active_z, active_w)
    weight = kkt_system.weights(blank) if native is None else _native_weights(problem, native)
    zero = jnp.zeros((), dtype)
    kernel = jnp.zeros((1, *weight.shape), dtype)
    lin = Linearisation(
        active_z=active_z,
        active_w=active_w,
        weak_z=weak_z,
        weak_w=weak_w,
        lower_z=lower_z,
        lower_w=None if bounds is None else bounds.lower,
        gap=gap,
        solved=solved.astype(dtype),
        widened=zero,
        weight=weight,
        kkt=blank,
        native=None if native is None else pack(native, dtype),
        use_native=zero,
        kernel=kernel,
        wide_kernel=kernel,
        frame=frame,
    )
    if native is None:
        return _own(problem, lin)
    if native.complete:
        return replace(lin, kkt=None, use_native=jnp.ones_like(zero))
    lin = replace(lin, use_native=native.usable.astype(dtype))
    kkt, weight = at_most_once(solved & ~native.usable, lambda _: _factorised(problem, lin), (blank, weight))
    return replace(lin, kkt=kkt, weight=weight)


def _native_weights(problem: QuadraticProgram, native: Factorisation) -> Array:
    """The scale of each equation of K, from P's diagonal and the scale of the solver's rows."""
    assert problem.quadratic is not None
    diagonal = jnp.diagonal(dense(problem.quadratic))
    column = 1 / jnp.sqrt(jnp.where(diagonal > 0, diagonal, 1))
    return kkt_system.flatten(Point(column, *native.row_scale))
