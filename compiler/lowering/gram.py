"""Weighted products of blocks, and how they are put together to the matrix and the vector of a quadratic form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from karush.compiler.lowering.affine_blocks import Block, Sizes, coefficients, size_of
from karush.compiler.lowering.symmetric import unpacked


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Pair:
    """x[rows]ᵀ matrix x[columns] for entries of the vars ``left`` and ``right``; None stands for all entries.

    Leading axes, the same in all three arrays, are summed over.
    """

    left: str = field(metadata={"static": True})
    right: str = field(metadata={"static": True})
    rows: Array | None
    columns: Array | None
    matrix: Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Slope:
    """gradientᵀ x[places] for entries of a var; None stands for all. Leading axes are summed over."""

    var: str = field(metadata={"static": True})
    places: Array | None
    gradient: Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Parts:
    """Σ pairs + Σ slopes + constant: a quadratic form in pieces. The constant is None for 0."""

    pairs: tuple[Pair, ...]
    slopes: tuple[Slope, ...]
    constant: Array | None

    def summed(self, axes: int) -> Parts:
        """The sum over so many leading axes, which a clause brought; scattered entries keep theirs (see `Pair`)."""
        over = tuple(range(axes))

        def pair(p: Pair) -> Pair:
            return replace(p, matrix=jnp.sum(p.matrix, over)) if p.rows is None and p.columns is None else p

        def part(s: Slope) -> Slope:
            return replace(s, gradient=jnp.sum(s.gradient, over)) if s.places is None else s

        constant = None if self.constant is None else jnp.sum(self.constant, over)
        return Parts(tuple(map(pair, self.pairs)), tuple(map(part, self.slopes)), constant)


def times(a: Any, b: Any) -> Any:
    """The product, where a plain 1.0 costs nothing."""
    if isinstance(a, float) and a == 1.0:
        return b
    return a if isinstance(b, float) and b == 1.0 else a * b


def gram(a: Block, b: Block, weight: Any, shape: Sizes, dtype: Any) -> Array:
    """Σ_s a[s, i] weight[s] b[s, j] as a matrix over the raveled inner entries of both blocks."""
    rows, columns = size_of(a.inner), size_of(b.inner)
    if a.diagonal and b.diagonal:
        factor = times(times(weight, a.matrix), b.matrix)
        spread = jnp.broadcast_to(jnp.asarray(factor, dtype), shape).reshape(-1)
        return jnp.diag(spread)
    if a.diagonal:
        return _weighted(b, times(weight, a.matrix), shape).reshape((rows, columns))
    if b.diagonal:
        return _weighted(a, times(weight, b.matrix), shape).reshape((columns, rows)).T
    number = size_of(shape)
    left = jnp.asarray(a.matrix).reshape((number, rows))
    right = jnp.asarray(b.matrix).reshape((number, columns))
    if jnp.ndim(weight) == 0:
        return times(weight, left.T @ right)
    return (left * jnp.reshape(weight, (number, 1))).T @ right


def _weighted(block: Block, weight: Any, shape: Sizes) -> Array:
    """weight[s] matrix[s, …]."""
    matrix = jnp.asarray(block.matrix)
    if jnp.ndim(weight) == 0:
        return times(weight, matrix)
    return jnp.reshape(weight, (*shape, *(1 for _ in block.inner))) * matrix


def slope(block: Block, weight: Any, shape: Sizes, dtype: Any) -> Array:
    """Σ_s weight[s] block[s, i] as a vector over the raveled inner entries."""
    if block.diagonal:
        spread = jnp.broadcast_to(jnp.asarray(times(weight, block.matrix), dtype), shape)
        return spread.reshape(-1)
    matrix = coefficients(block, shape, dtype).reshape((size_of(shape), size_of(block.inner)))
    if not shape:
        return times(weight, matrix[0])
    return jnp.broadcast_to(jnp.asarray(weight, dtype), shape).reshape(-1) @ matrix


# ---------------------------------------------------------------- assembly


@dataclass(frozen=True)
class Layout:
    """Where each var lies in x: raveled one after the other, in the order of declaration.

    ``shapes`` are those of what is kept of each: of the matrices in ``symmetric`` the entries on and below the diagonal
    (symmetric.py), of all others every entry.
    """

    shapes: Mapping[str, Sizes]
    symmetric: frozenset[str] = frozenset()

    @property
    def sizes(self) -> dict[str, Any]:
        """Number of entries by var."""
        return {name: size_of(shape) for name, shape in self.shapes.items()}

    @property
    def offsets(self) -> dict[str, Any]:
        """First position by var."""
        found, at = {}, 0
        for name, size in self.sizes.items():
            found[name] = at
            at = at + size
        return found

    @property
    def total(self) -> Any:
        """The length of x."""
        return sum(self.sizes.values())

    def split(self, x: Array) -> dict[str, Array]:
        """The vars of a vector x."""
        offsets, sizes = self.offsets, self.sizes
        return self.whole(
            {
                name: jax.lax.slice_in_dim(x, offsets[name], offsets[name] + sizes[name]).reshape(shape)
                for name, shape in self.shapes.items()
            }
        )

    def whole(self, parts: Mapping[str, Array]) -> dict[str, Array]:
        """The vars of what is kept of them."""
        return {name: unpacked(part) if name in self.symmetric else part for name, part in parts.items()}

    def join(self, parts: Mapping[str, Array | None], axis: int, like: Sizes, dtype: Any) -> Array:
        """One array of the parts by var along an axis, zeros where a var has none.

        ``like`` is the shape of a part with the axis left out. A single var's part is returned as it is.
        """
        pieces = []
        for name, size in self.sizes.items():
            part = parts.get(name)
            pieces.append(jnp.zeros((*like[:axis], size, *like[axis:]), dtype) if part is None else part)
        if not pieces:
            return jnp.zeros((*like[:axis], 0, *like[axis:]), dtype)
        return pieces[0] if len(pieces) == 1 else jnp.concatenate(pieces, axis=axis)


def assemble_matrix(pairs: tuple[Pair, ...], layout: Layout, dtype: Any) -> Array | None:
    """The symmetric P with ½ xᵀPx = Σ pairs; None where there are no pairs: the program is linear."""
    if not pairs:
        return None
    whole: dict[str, dict[str, Array]] = {}
    scattered: list[Pair] = []
    for pair in pairs:
        if pair.rows is None and pair.columns is None:
            row = whole.setdefault(pair.left, {})
            row[pair.right] = row[pair.right] + pair.matrix if pair.right in row else pair.matrix
        else:
            scattered.append(pair)
    sizes, total = layout.sizes, layout.total
    rows = {u: layout.join(row, 1, (sizes[u],), dtype) for u, row in whole.items()}
    matrix = layout.join(rows, 0, (total,), dtype) if rows else jnp.zeros((total, total), dtype)
    for pair in scattered:
        left, right = _places(pair.rows, pair.left, layout), _places(pair.columns, pair.right, layout)
        left, right = left.reshape((-1, left.shape[-1])), right.reshape((-1, right.shape[-1]))
        values = pair.matrix.reshape((-1, *pair.matrix.shape[-2:]))
        matrix = matrix.at[left[:, :, None], right[:, None, :]].add(values, mode="promise_in_bounds")
    return matrix + matrix.T


def assemble_vector(slopes: tuple[Slope, ...], layout: Layout, dtype: Any) -> Array:
    """The q with qᵀx = Σ slopes."""
    whole: dict[str, Array] = {}
    scattered: list[Slope] = []
    for part in slopes:
        if part.places is None:
            whole[part.var] = whole[part.var] + part.gradient if part.var in whole else part.gradient
        else:
            scattered.append(part)
    vector = layout.join(whole, 0, (), dtype)
    for part in scattered:
        places = _places(part.places, part.var, layout).reshape(-1)
        vector = vector.at[places].add(part.gradient.reshape(-1), mode="promise_in_bounds")
    return vector


def _places(places: Array | None, var: str, layout: Layout) -> Array:
    inner = jnp.arange(layout.sizes[var]) if places is None else places
    return inner + layout.offsets[var]
