"""Matrices of programs whose variables separate (forms/separable.py), without the zeros that this implies.

A row of a part has entries at the part's own variables and at the others, any other row at the others alone: a few
rows of a few entries in place of a matrix of all rows and variables, which a batch would read from memory in every
product. `PartedMatrix` has what matrices.py asks of a matrix, and the rows of a cone may be mixed (`mixed`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from karush.solvers.forms.separable import Separable
from karush.solvers.operator_matrix import OperatorMatrix
from karush.solvers.parted_rows import PartRows, Span, gathered, placed, split


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PartedMatrix:
    """A matrix M of ``shape`` (r, n): ``rest`` (q, w) or None at ``rest_rows`` and ``others``, and the rows of parts.

    ``others`` are the variables in no part, w of them. A row that is in neither is zero; a kind of parts that has no
    row here is None. No array is empty.
    """

    rest: Array | None
    parts: tuple[PartRows | None, ...]
    rest_rows: tuple[Span, ...] = field(metadata={"static": True})
    others: tuple[Span, ...] = field(metadata={"static": True})
    shape: tuple[int, int] = field(metadata={"static": True})

    @property
    def _own(self) -> tuple[PartRows, ...]:
        return tuple(part for part in self.parts if part is not None)

    @property
    def T(self) -> TransposedMatrix:  # noqa: N802, the name that arrays have
        """Mᵀ."""
        return TransposedMatrix(self)

    def __matmul__(self, x: Array) -> Array:
        """M x for x (n,) or (n, c)."""
        others = gathered(x, self.others)
        pieces = [] if self.rest is None else split(self.rest @ others, self.rest_rows)
        for part in self._own:
            pieces += part.rows_of(part.times(part.variables(x), others))
        return placed(pieces, self.shape[0], x)

    def adjoint(self, u: Array) -> Array:
        """Mᵀ u for u (r,) or (r, c)."""
        width = sum(length for _, length in self.others)
        total = jnp.zeros((width, *u.shape[1:]), u.dtype)
        if self.rest is not None:
            total = self.rest.T @ gathered(u, self.rest_rows)
        return self._at_variables(total, [part.transposed_times(part.rows(u)) for part in self._own], jnp.add, u)

    def _at_variables(
        self, total: Array, found: list[tuple[Array, Array | None]], join: Callable[[Array, Array], Array], like: Array
    ) -> Array:
        """One vector (n, …) from what the rest and each part say of the others, and each part of its own."""
        pieces = []
        for part, (own, others) in zip(self._own, found, strict=True):
            pieces += part.at_columns(own)
            total = total if others is None else join(total, others)
        return placed([*pieces, *split(total, self.others)], self.shape[1], like)

    def row_terms(self, x: Array) -> Array:
        """max_j |M_ij x_j| for each row, (r,)."""
        others = gathered(x, self.others)
        pieces = []
        if self.rest is not None:
            pieces += split(jnp.max(jnp.abs(self.rest * others), axis=1, initial=0.0), self.rest_rows)
        for part in self._own:
            pieces += part.rows_of(part.row_terms(part.variables(x), others))
        return placed(pieces, self.shape[0], x)

    def column_terms(self, u: Array) -> Array:
        """max_i |M_ij u_i| for each column, (n,)."""
        total = jnp.zeros(sum(length for _, length in self.others), u.dtype)
        if self.rest is not None:
            total = jnp.max(jnp.abs(self.rest * gathered(u, self.rest_rows)[:, None]), axis=0, initial=0.0)
        return self._at_variables(total, [part.column_terms(part.rows(u)) for part in self._own], jnp.maximum, u)

    def scaled(self, left: Array, right: Array) -> PartedMatrix:
        """diag(left) M diag(right)."""
        others = gathered(right, self.others)
        rest = None
        if self.rest is not None:
            rest = self.rest * gathered(left, self.rest_rows)[:, None] * others
        parts = tuple(
            None if part is None else part.scaled(part.rows(left), part.variables(right), others) for part in self.parts
        )
        return replace(self, rest=rest, parts=parts)

    def magnitudes(self) -> PartedMatrix:
        """|M|, entry by entry."""
        return jax.tree.map(jnp.abs, self)

    def symmetric_part(self) -> PartedMatrix:
        """(M + Mᵀ)/2 of a square matrix with no rows of parts."""
        assert not self.parts and self.rest is not None and self.rest_rows == self.others
        return replace(self, rest=0.5 * (self.rest + self.rest.T))

    def squared(self) -> PartedMatrix:
        """MᵀM of a square matrix with no rows of parts."""
        assert not self.parts and self.rest is not None and self.rest_rows == self.others
        return replace(self, rest=self.rest.T @ self.rest)

    def below(self, more: PartedMatrix) -> PartedMatrix:
        """These rows, and those of ``more`` below them."""
        by = self.shape[0]
        rest = [rows for rows in (self.rest, more.rest) if rows is not None]
        return PartedMatrix(
            jnp.concatenate(rest) if rest else None,
            tuple(_joined(part, extra, by) for part, extra in zip(self.parts, more.parts, strict=True)),
            (*self.rest_rows, *((first + by, length) for first, length in more.rest_rows)),
            self.others,
            (by + more.shape[0], self.shape[1]),
        )

    def mixed(self, change: Callable[[Array], Array]) -> PartedMatrix:
        """Q M for a ``change`` S ↦ Q S of blocks (r, c) that mixes the rows of each part's span alone, or other rows.

        It is applied to the compact form of the parts' rows: narrow parts at once, those that widen with the rest.
        """
        parts = [None if part is None else part.widened() for part in self.parts]
        narrow, _ = self._changed(change, [part for part in parts if part is not None and part.is_narrow()], None)
        wide, rest = self._changed(
            change, [part for part in parts if part is not None and not part.is_narrow()], self.rest
        )
        found = iter(narrow), iter(wide)
        new = (None if part is None else part.of_compact(next(found[not part.is_narrow()])) for part in parts)
        return replace(self, rest=rest, parts=tuple(new))

    def _changed(
        self, change: Callable[[Array], Array], parts: list[PartRows], rest: Array | None
    ) -> tuple[list[Array], Array | None]:
        """What ``change`` makes of the compact rows of some parts and of the rest; the other rows are zeros."""
        compact = [part.compact() for part in parts]
        widths = [rows.shape[2] for rows in compact] + ([] if rest is None else [rest.shape[1]])
        if not widths:
            return [], None
        width = max(widths)
        pieces = [] if rest is None else split(_padded(rest, width), self.rest_rows)
        for part, rows in zip(parts, compact, strict=True):
            pieces += part.rows_of(_padded(rows, width))
        like = pieces[0][1]
        changed = change(placed(pieces, self.shape[0], like))
        found = [part.rows(changed)[:, :, : rows.shape[2]] for part, rows in zip(parts, compact, strict=True)]
        return found, None if rest is None else gathered(changed, self.rest_rows)[:, : rest.shape[1]]

    def todense(self) -> Array:
        """The dense matrix."""
        return self @ jnp.eye(self.shape[1], dtype=jnp.result_type(*(jax.tree.leaves(self) or [float])))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TransposedMatrix:
    """Mᵀ of a matrix M in parts, or one that is known by its products."""

    matrix: PartedMatrix | OperatorMatrix

    @property
    def T(self) -> PartedMatrix | OperatorMatrix:  # noqa: N802, the name that arrays have
        """M."""
        return self.matrix

    @property
    def shape(self) -> tuple[int, int]:
        """(n, r)."""
        return self.matrix.shape[::-1]

    def __matmul__(self, u: Array) -> Array:
        """Mᵀ u."""
        return self.matrix.adjoint(u)


def _joined(part: PartRows | None, more: PartRows | None, by: int) -> PartRows | None:
    if more is None:
        return part
    return more.moved(by) if part is None else part.below(more.moved(by))


def _padded(rows: Array, width: int) -> Array:
    """With zeros behind the last axis."""
    return jnp.pad(rows, [(0, 0)] * (rows.ndim - 1) + [(0, width - rows.shape[-1])])


# ---------------------------------------------------------------- from a dense matrix


def other_columns(separable: tuple[Separable, ...], n: int) -> tuple[Span, ...]:
    """The variables that are in no part."""
    taken = [(first, part.count) for part in separable for first in part.columns]
    return _gaps(taken, n)


def parted_matrix(matrix: Array, separable: tuple[Separable, ...], offset: int) -> PartedMatrix:
    """A dense matrix that is the rows from ``offset`` on of [G; F]; its entries that the parts rule out are ignored."""
    r, n = matrix.shape
    others = other_columns(separable, n)
    parts = tuple(_part(matrix, part, offset, others) for part in separable)
    held = [(first, width * part.count) for part in parts if part is not None for first, width in part.spans]
    rest_rows = _gaps(held, r)
    rest = gathered(gathered(matrix, rest_rows).T, others).T if rest_rows else None
    return PartedMatrix(rest, parts, rest_rows, others, (r, n))


def corner(matrix: Array, separable: tuple[Separable, ...]) -> PartedMatrix:
    """A square matrix with entries at the variables in no part alone."""
    others = other_columns(separable, matrix.shape[0])
    rest = gathered(gathered(matrix, others).T, others).T
    return PartedMatrix(rest, (), others, others, (matrix.shape[0], matrix.shape[1]))


def _part(matrix: Array, part: Separable, offset: int, others: tuple[Span, ...]) -> PartRows | None:
    """The rows of one kind of parts, if there are any."""
    chosen = [i for i, (first, _) in enumerate(part.rows) if 0 <= first - offset < matrix.shape[0]]
    spans = tuple((part.rows[i][0] - offset, part.rows[i][1]) for i in chosen)
    inside, links, link_of = [], [], []
    number = 0
    for i, (first, width) in zip(chosen, spans, strict=True):
        own = matrix[first : first + part.count * width].reshape(part.count, width, -1)
        blocks = [own[:, :, column : column + part.count] for column in part.columns]
        inside.append(jnp.stack([jnp.diagonal(block, axis1=0, axis2=2) for block in blocks], axis=1))
        linked = part.linked(i)
        link_of += [number + linked.index(row) if row in linked else -1 for row in range(width)]
        number += len(linked)
        links += [gathered(own[:, row].T, others).T for row in linked]
    if not spans:
        return None
    return PartRows(
        jnp.concatenate(inside),
        jnp.stack(links) if links else None,
        None,
        part.columns,
        spans,
        tuple(link_of),
    )


def _gaps(taken: list[Span], size: int) -> tuple[Span, ...]:
    """What some spans leave of an axis."""
    free = np.ones(size, bool)
    for first, length in taken:
        free[first : first + length] = False
    edges = np.flatnonzero(np.diff(np.concatenate([[0], free, [0]])))
    return tuple((int(a), int(b - a)) for a, b in zip(edges[::2], edges[1::2], strict=True))
