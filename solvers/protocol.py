"""What a solver of quadratic programs is to the rest: a name, what it accepts, and how it is called.

A solver is one record `Solver` in one file's registry (quadratic_driver.py); the conformance tests run every record on
every kind of problem it accepts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.residuals import default_tolerance
from karush.solvers.result import Solution


@dataclass(frozen=True)
class Settings:
    """What a user may set; hashable, so that it is part of what a compiled function is compiled for.

    ``tol`` bounds the relative KKT residuals, None for the default of the precision (1e-9 in double, 1e-4 in single).
    ``max_iterations`` None for the solver's own limit. ``active`` is the relative threshold below which a slack or a
    multiplier counts as zero in the derivative. ``solver`` is a solver's name or "auto". ``one_sided`` asks for the
    derivative along a tangent from one side (one_sided.py), for ``jax.jvp`` alone: it is not linear in the tangent.
    """

    tol: float | None = None
    max_iterations: int | None = None
    active: float = 1e-6
    solver: str = "auto"
    one_sided: bool = False

    def tolerance(self, dtype: DTypeLike) -> float:
        """The tolerance in force for a precision."""
        return default_tolerance(dtype) if self.tol is None else self.tol

    def threshold(self, dtype: DTypeLike) -> float:
        """The threshold ``active`` in force: never below the square root of the machine epsilon."""
        return max(self.active, float(jnp.finfo(dtype).eps) ** 0.5)


@dataclass(frozen=True)
class Facts:
    """What is known of a quadratic program before it is solved: sizes, P's presence and definiteness.

    ``variables`` n, ``equalities`` p, ``inequalities`` m and ``bounds`` (n or 0) may be symbolic dimensions of an
    export. ``strongly_convex`` is None where it is not known. ``nonzeros`` counts the stored entries of P, A, G and F
    where one of them is sparse, None where all are dense. ``platform`` is that of the device: cpu, gpu, …
    ``has_diagonal`` says that P is given as its diagonal; ``conic`` counts the rows in cones.
    """

    variables: Any
    equalities: Any
    inequalities: Any
    bounds: Any
    has_quadratic: bool
    strongly_convex: bool | None
    nonzeros: int | None = None
    has_cones: bool = False
    platform: str = "cpu"
    has_diagonal: bool = False
    conic: Any = 0

    @property
    def has_known_sizes(self) -> bool:
        """Whether all sizes are numbers."""
        return all(isinstance(k, int) for k in (self.variables, self.equalities, self.inequalities, self.bounds))


class Factorisation(Protocol):
    """What a solver may leave for the derivative: kkt.py's system at its final working set, kept as products."""

    @property
    def complete(self) -> bool:
        """Whether it holds in every lane that has a solution: static."""
        ...

    @property
    def usable(self) -> Array:
        """Whether it holds at all in this lane, a boolean scalar."""
        ...

    @property
    def active_z(self) -> Array:
        """The rows of G in it, (m,) boolean."""
        ...

    @property
    def active_w(self) -> Array | None:
        """The bounds in it, (n,) boolean, or None where no bound exists at all."""
        ...

    @property
    def row_scale(self) -> tuple[Array, Array, Array | None]:
        """Factors (p,), (m,), (n,) or None that bring each row to unit length in the metric of P⁻¹."""
        ...

    def without(self, rows: Array, bounds: Array | None) -> Factorisation:
        """The same for the working set less some rows of G and bounds, boolean masks (m,) and (n,) or None."""
        ...

    def solve(
        self, rhs_x: Array, rhs_y: Array, rhs_z: Array, rhs_w: Array | None
    ) -> tuple[Array, Array, Array, Array | None]:
        """(dx, dy, dz, dw) for (r_x, r_y, r_z, r_w)."""
        ...


@dataclass(frozen=True)
class Solver:
    """A solver: ``refuses`` gives the reason why it does not take a problem, None if it does.

    ``solve(problem, settings, warm)`` returns a `Solution` whose ``factor`` is a `Factorisation` or None. Matrices
    reach it dense unless ``takes_sparse``, or in parts where variables separate and it ``takes_parts``. ``on_host``
    says that it leaves XLA, so that it cannot be exported.
    """

    name: str
    summary: str
    refuses: Callable[[Facts], str | None]
    solve: Callable[[QuadraticProgram, Settings, Point | None], Solution]
    takes_sparse: bool = False
    takes_parts: bool = False
    on_host: bool = False


class Method(Protocol):
    """A solver with its settings: hashable, so that functions are compiled once for it."""

    @property
    def strongly_convex(self) -> bool:
        """Whether P is known to be positive definite."""
        ...

    @property
    def one_sided(self) -> bool:
        """Whether the derivative along a tangent is the one-sided one, which is not linear in it at a kink."""
        ...

    def active(self, dtype: DTypeLike) -> float:
        """The relative threshold below which a slack or a multiplier counts as zero."""
        ...

    def solve_auxiliary(self, problem: QuadraticProgram) -> Solution:
        """Solve another program with the same P or none, which a one-sided derivative asks for."""
        ...

    def __call__(self, problem: QuadraticProgram, warm: Point | None) -> Solution:
        """Solve one problem."""
        ...
