"""The convex quadratic program, of which the linear program is the case without a quadratic term.

A cone program is one that has rows in cones as well (cones.py).

    minimize    ½ xᵀPx + qᵀx + c
    subject to  A x = b                          multipliers y
                lower ≤ G x ≤ upper              signed multipliers z
                bound_lower ≤ x ≤ bound_upper    signed multipliers w

with the Lagrangian  L = f(x) − yᵀ(Ax − b) − zᵀ(Gx − side) − wᵀ(x − side),  so that y = d(optimal value)/db, and
z > 0 presses on the lower side, z < 0 on the upper one; the same for w.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import jax
from jax import Array
from jax.experimental.sparse import BCOO

from karush.solvers.forms.cones import ConeRows
from karush.solvers.forms.separable import Separable
from karush.solvers.matrices import Matrix, Symmetric


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class QuadraticProgram:
    """The data of a quadratic program; an absent part is None, which is static knowledge.

    Shapes: ``quadratic`` P (n, n) symmetric or None (LP); ``linear`` q (n,); ``constant`` c (); ``equality_matrix`` A
    (p, n) and ``equality_rhs`` b (p,), p may be 0; ``inequality_matrix`` G (m, n), m may be 0; ``lower``, ``upper``
    (m,) or None; ``bound_lower``, ``bound_upper`` (n,) or None. ``has_*`` are boolean masks of the same shape, True
    where the side is there, or None where every entry is there. Values under a False mask are finite and ignored:
    infinities never enter. A row with no side at all is free. ``cone_rows`` is None where no row lies in a cone.
    ``separable`` are variables that a factorisation may do without, an empty tuple where nothing is known of them.

    Matrices are dense arrays or sparse ones (matrices.py); solvers that factorise densely take dense arrays alone. A
    sparse P holds both triangles; a `Diagonal` P stands beside dense matrices with at most one row between them.
    """

    quadratic: Symmetric | None
    linear: Array
    constant: Array
    equality_matrix: Matrix
    equality_rhs: Array
    inequality_matrix: Matrix
    lower: Array | None
    upper: Array | None
    bound_lower: Array | None
    bound_upper: Array | None
    has_lower: Array | None = None
    has_upper: Array | None = None
    has_bound_lower: Array | None = None
    has_bound_upper: Array | None = None
    cone_rows: ConeRows | None = None
    separable: tuple[Separable, ...] = field(default=(), metadata={"static": True})

    @property
    def is_dense(self) -> bool:
        """Whether no matrix is sparse: static."""
        cones = None if self.cone_rows is None else self.cone_rows.matrix
        matrices = (self.quadratic, self.equality_matrix, self.inequality_matrix, cones)
        return not any(isinstance(matrix, BCOO) for matrix in matrices)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Point:
    """A primal-dual point: ``x`` (n,), ``y`` (p,), ``z`` (m,), ``w`` (n,) or None where no bound exists at all.

    ``u`` (r,) are the multipliers of the rows in cones, None where there is no such row.
    """

    x: Array
    y: Array
    z: Array
    w: Array | None
    u: Array | None = None
