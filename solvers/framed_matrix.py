"""Linear rows G and the rows of a frame of sparse cone rows F, as the matrix [G; diag(scale) QᵀF] by its products.

QᵀF has entries where F has none: a second-order cone of d rows with one entry each would make d² of them. So the rows
of the frame are not formed (cone_frame.py has Q); the products cost those of F, and of Q cone by cone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
from jax import Array
from jax.experimental.sparse import BCOO

from karush.solvers.cone_bases import change
from karush.solvers.forms.cones import Cones
from karush.solvers.matrices import Matrix, column_terms, row_terms
from karush.solvers.operator_matrix import OperatorMatrix
from karush.solvers.parted_matrix import TransposedMatrix


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class FramedMatrix(OperatorMatrix):
    """``above`` G (m, n), ``matrix`` F (r, n), ``bases`` Q, ``scale`` (r,); ``cones`` are those of F.

    ``on_host`` says that systems with it are factorised on the host; else they are solved by products alone.
    """

    above: Matrix
    matrix: BCOO
    bases: tuple[Array, ...]
    scale: Array
    cones: tuple[Cones, ...] = field(metadata={"static": True})
    on_host: bool = field(metadata={"static": True})

    @property
    def shape(self) -> tuple[int, int]:
        """(m + r, n)."""
        return self.above.shape[0] + self.matrix.shape[0], self.matrix.shape[1]

    @property
    def T(self) -> TransposedMatrix:  # noqa: N802, the name that arrays have
        """The transpose."""
        return TransposedMatrix(self)

    def __matmul__(self, x: Array) -> Array:
        """(G x, diag(scale) QᵀF x)."""
        return jnp.concatenate([self.above @ x, self.scale * self.to_frame(self.matrix @ x)])

    def adjoint(self, u: Array) -> Array:
        """Gᵀu + FᵀQ diag(scale) u, each of its own part of u."""
        m = self.above.shape[0]
        return self.above.T @ u[:m] + self.matrix.T @ self.from_frame(self.scale * u[m:])

    def to_frame(self, rows: Array) -> Array:
        """QᵀS for S (r,)."""
        return change(self.cones, self.bases, rows, True)

    def from_frame(self, rows: Array) -> Array:
        """Q S for S (r,)."""
        return change(self.cones, self.bases, rows, False)

    def row_terms(self, x: Array) -> Array:
        """max_j |M_ij x_j| for the rows of G; for those of a cone the largest of them, as Q only turns them."""
        return jnp.concatenate([row_terms(self.above, x), self.scale * self._by_cone(row_terms(self.matrix, x))])

    def column_terms(self, u: Array) -> Array:
        """max_i |M_ij u_i|, with the largest u of each cone."""
        m = self.above.shape[0]
        turned = column_terms(self.matrix, self._by_cone(jnp.abs(self.scale * u[m:])))
        return jnp.maximum(column_terms(self.above, u[:m]), turned)

    def _by_cone(self, values: Array) -> Array:
        """The largest of the values (r,) of each cone, at each of its rows."""
        parts, first = [], 0
        for group in self.cones:
            block = values[first : first + group.rows].reshape(group.count, group.dimension)
            first += group.rows
            most = jnp.max(block, axis=1, keepdims=True, initial=0.0)
            parts.append(jnp.broadcast_to(most, block.shape).reshape(-1))
        return jnp.concatenate(parts)
