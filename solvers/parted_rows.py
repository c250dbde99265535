"""The rows of a matrix that belong to equal parts: each has entries at its part's own variables and at the others.

Row r of part i is

    inside[r, :, i] at the k variables of part i,    coefficients[r, i] · links[l, i, :] at the others,  l = link_of[r],

and a row with link_of[r] = −1 has no entry at the others. A row is so one vector times one number beside a few
entries of its own: what mixes the rows of a cone (a rotation, a scaling) changes ``inside`` and ``coefficients``
alone as long as the cone has one link. The parts are the last axis of small blocks: it is the long one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from karush.solvers.short_sums import short_sum

Span = tuple[int, int]
"""First position and length, or, of rows, first row and number of rows of each part."""


def gathered(values: Array, spans: tuple[Span, ...]) -> Array:
    """The entries of some spans of the first axis, one after the other."""
    found = [values[first : first + length] for first, length in spans] or [values[:0]]
    return found[0] if len(found) == 1 else jnp.concatenate(found)


def split(values: Array, spans: tuple[Span, ...]) -> list[tuple[int, Array]]:
    """The inverse of `gathered`: the pieces with the first positions of their spans."""
    ends = np.cumsum([length for _, length in spans])
    return [(first, values[end - length : end]) for (first, length), end in zip(spans, ends, strict=True)]


def placed(pieces: list[tuple[int, Array]], size: int, like: Array) -> Array:
    """Pieces at their first positions on an axis of length ``size`` in front; zeros elsewhere."""
    found, reached = [], 0
    for first, piece in sorted(pieces, key=lambda pair: pair[0]):
        found += [jnp.zeros((first - reached, *like.shape[1:]), like.dtype)] * (first > reached) + [piece]
        reached = first + piece.shape[0]
    if reached < size:
        found.append(jnp.zeros((size - reached, *like.shape[1:]), like.dtype))
    if not found:
        return jnp.zeros((0, *like.shape[1:]), like.dtype)
    return found[0] if len(found) == 1 else jnp.concatenate(found)


def columns_of(x: Array, columns: tuple[int, ...], count: int) -> Array:
    """The entries ``first + i`` of x (n, …) for each ``first`` of ``columns`` and part i, (k, count, …)."""
    found = [
        x[first : first + number * count].reshape(number, count, *x.shape[1:])
        for first, _, number in _runs(tuple((first, 1) for first in columns), count)
    ]
    return found[0] if len(found) == 1 else jnp.concatenate(found)


def at_columns(values: Array, columns: tuple[int, ...]) -> list[tuple[int, Array]]:
    """The inverse: entries (k, count, …) as pieces of x."""
    found, start, count = [], 0, values.shape[1]
    for first, _, number in _runs(tuple((first, 1) for first in columns), count):
        found.append((first, values[start : start + number].reshape(number * count, *values.shape[2:])))
        start += number
    return found


def of_links(links: Array, pressed: Array) -> Array:
    """Σ links[l, i] pressed[l, i], (w, …), for links (ℓ, count, w): one product of matrices."""
    together = links.shape[0] * links.shape[1]
    return links.reshape(together, links.shape[2]).T @ pressed.reshape(together, *pressed.shape[2:])


def _runs(spans: tuple[Span, ...], count: int) -> list[tuple[int, int, int]]:
    """(first, width, number): spans of one width that follow each other, taken together."""
    runs: list[tuple[int, int, int]] = []
    for first, width in spans:
        if runs and runs[-1][1] == width and first == runs[-1][0] + runs[-1][2] * count * width:
            runs[-1] = (runs[-1][0], width, runs[-1][2] + 1)
        else:
            runs.append((first, width, 1))
    return runs


def _beside(values: Array, trailing: int) -> Array:
    """With axes of length 1 behind, so that it multiplies arrays with so many more."""
    return values.reshape(values.shape + (1,) * trailing)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PartRows:
    """``inside`` (R, k, count), ``links`` (ℓ, count, w) or None, ``coefficients`` (R, count), or None.

    Without coefficients they are 1, and no two rows take the same link. Variable j of part i is ``columns[j] + i``;
    ``spans`` are (first, width) of rows: part i holds the rows ``first + i·width …`` of each, R rows in all, and
    ``link_of`` has an entry for each of these.
    """

    inside: Array
    links: Array | None
    coefficients: Array | None
    columns: tuple[int, ...] = field(metadata={"static": True})
    spans: tuple[Span, ...] = field(metadata={"static": True})
    link_of: tuple[int, ...] = field(metadata={"static": True})

    @property
    def count(self) -> int:
        """The number of parts."""
        return self.inside.shape[2]

    # ------------------------------------------------------------ between whole vectors and parts

    def variables(self, x: Array) -> Array:
        """The parts' own entries of x (n, …), (k, count, …)."""
        return columns_of(x, self.columns, self.count)

    def at_columns(self, values: Array) -> list[tuple[int, Array]]:
        """Entries (k, count, …) as pieces of x."""
        return at_columns(values, self.columns)

    def rows(self, u: Array) -> Array:
        """The parts' entries of u (r, …), (R, count, …)."""
        found = []
        for first, width, number in _runs(self.spans, self.count):
            piece = u[first : first + number * self.count * width]
            piece = jnp.moveaxis(piece.reshape(number, self.count, width, *u.shape[1:]), 1, 2)
            found.append(piece.reshape(number * width, self.count, *u.shape[1:]))
        return found[0] if len(found) == 1 else jnp.concatenate(found)

    def rows_of(self, values: Array) -> list[tuple[int, Array]]:
        """Entries (R, count, …) as pieces of u."""
        found, row = [], 0
        for first, width, number in _runs(self.spans, self.count):
            piece = values[row : row + number * width].reshape(number, width, *values.shape[1:])
            found.append((first, jnp.moveaxis(piece, 1, 2).reshape(number * self.count * width, *values.shape[2:])))
            row += number * width
        return found

    # ------------------------------------------------------------ rows and links

    @property
    def _is_plain(self) -> bool:
        return self.links is not None and self.link_of == tuple(range(self.links.shape[0]))

    def factors(self) -> Array:
        """What each row takes of its link, (R, count) or (R, 1): 0 where it has none."""
        if self.coefficients is not None:
            return self.coefficients
        return jnp.asarray([[float(link >= 0)] for link in self.link_of], self.inside.dtype)

    def spread(self, values: Array) -> Array:
        """Values of links (ℓ, count, …) at the rows that take them, not yet times `factors`; (R or 1, count, …)."""
        if self._is_plain or values.shape[0] == 1:
            return values
        return values[np.maximum(self.link_of, 0)]

    def collected(self, values: Array) -> Array:
        """Sums over the rows of each link of values (R, count, …) that hold 0 at rows without one; (ℓ, count, …)."""
        assert self.links is not None
        if self._is_plain:
            return values
        if self.links.shape[0] == 1:
            return short_sum(values, 0)[None]
        return jnp.tensordot(self._takes(values.dtype), values, 1)

    def greatest(self, values: Array) -> Array:
        """The largest of the nonnegative values (R, count) of the rows of each link, (ℓ, count)."""
        assert self.links is not None
        if self._is_plain:
            return values
        return jnp.max(self._takes(values.dtype)[:, :, None] * values, axis=1)

    def _takes(self, dtype: jnp.dtype) -> Array:
        """1 where a row takes a link, (ℓ, R)."""
        assert self.links is not None
        number = self.links.shape[0]
        return jnp.asarray(np.arange(number)[:, None] == np.asarray(self.link_of), dtype)

    # ------------------------------------------------------------ products

    def times(self, own: Array, others: Array) -> Array:
        """The rows' values (R, count, …) at the parts' variables (k, count, …) and the others (w, …)."""
        trailing = own.ndim - 2
        value = short_sum(_beside(self.inside, trailing) * own, 1)
        if self.links is None:
            return value
        return value + _beside(self.factors(), trailing) * self.spread(jnp.tensordot(self.links, others, 1))

    def transposed_times(self, u: Array) -> tuple[Array, Array | None]:
        """What the rows give to the parts' variables (k, count, …) and to the others (w, …) for u (R, count, …)."""
        trailing = u.ndim - 2
        own = short_sum(_beside(self.inside, trailing) * u[:, None], 0)
        if self.links is None:
            return own, None
        pressed = self.collected(_beside(self.factors(), trailing) * u)
        return own, of_links(self.links, pressed)

    def row_terms(self, own: Array, others: Array) -> Array:
        """The largest entry of each row, the variables being multiplied first; (R, count)."""
        most = jnp.max(jnp.abs(self.inside * own), axis=1, initial=0.0)
        if self.links is None:
            return most
        longest = jnp.max(jnp.abs(self.links * others), axis=2, initial=0.0)
        return jnp.maximum(most, jnp.abs(self.factors()) * self.spread(longest))

    def column_terms(self, u: Array) -> tuple[Array, Array | None]:
        """The largest entry of each column, the rows being multiplied by u (R, count) first; (k, count) and (w,)."""
        own = jnp.max(jnp.abs(self.inside * u[:, None]), axis=0, initial=0.0)
        if self.links is None:
            return own, None
        most = self.greatest(jnp.abs(self.factors() * u))
        return own, jnp.max(jnp.abs(self.links) * most[:, :, None], axis=(0, 1), initial=0.0)

    # ------------------------------------------------------------ other rows of the same kind

    def scaled(self, left: Array, own: Array, others: Array) -> PartRows:
        """Rows times ``left`` (R, count), the parts' columns times ``own`` (k, count), the others times (w,)."""
        inside = self.inside * left[:, None] * own
        if self.links is None:
            return replace(self, inside=inside)
        if self.coefficients is not None:
            return replace(self, inside=inside, links=self.links * others, coefficients=self.coefficients * left)
        return replace(self, inside=inside, links=self.links * self._takers(left)[:, :, None] * others)

    def _takers(self, values: Array) -> Array:
        """Of values (R, count) those of the rows that take the links, (ℓ, count): one each without coefficients."""
        if self._is_plain or self.links is None:
            return values
        rows = [self.link_of.index(link) for link in range(self.links.shape[0])]
        return values[np.asarray(rows)]

    def magnitudes(self) -> PartRows:
        """Every entry's size."""
        return jax.tree.map(jnp.abs, self)

    def moved(self, by: int) -> PartRows:
        """The same rows further down."""
        return replace(self, spans=tuple((first + by, width) for first, width in self.spans))

    def below(self, more: PartRows) -> PartRows:
        """These rows and ``more`` of the same parts."""
        spans = (*self.spans, *more.spans)
        inside = jnp.concatenate([self.inside, more.inside])
        links = [links for links in (self.links, more.links) if links is not None]
        number = 0 if self.links is None else self.links.shape[0]
        link_of = (*self.link_of, *(-1 if link < 0 else link + number for link in more.link_of))
        coefficients = None
        if links and (self.coefficients is not None or more.coefficients is not None):
            factors = [jnp.broadcast_to(p.factors(), (p.inside.shape[0], p.count)) for p in (self, more)]
            coefficients = jnp.concatenate(factors)
        joined = jnp.concatenate(links) if links else None
        return PartRows(inside, joined, coefficients, self.columns, spans, link_of)

    # ------------------------------------------------------------ mixing the rows of a cone

    def is_narrow(self) -> bool:
        """Whether no span has rows of more than one link: then mixing the rows within a span keeps the links."""
        return all(len(links - {-1}) <= 1 for links in self._span_links())

    def _span_links(self) -> list[set[int]]:
        starts = np.cumsum([0, *(width for _, width in self.spans)])
        return [set(self.link_of[a:b]) for a, b in pairwise(starts)]

    def widened(self) -> PartRows:
        """The same with a link of its own for each row, if `is_narrow` does not hold."""
        if self.is_narrow():
            return self
        assert self.links is not None
        links = self.factors()[:, :, None] * self.spread(self.links)
        links = jnp.broadcast_to(links, (len(self.link_of), *links.shape[1:]))
        return replace(self, links=links, coefficients=None, link_of=tuple(range(len(self.link_of))))

    def compact(self) -> Array:
        """The rows as they are mixed, (R, count, c): k entries inside, then the coefficient or, where widened, the
        link.
        """
        own = jnp.moveaxis(self.inside, 1, 2)
        if self.links is None:
            return own
        if not self.is_narrow():
            return jnp.concatenate([own, self.links], axis=2)
        factors = jnp.broadcast_to(self.factors(), own.shape[:2])
        return jnp.concatenate([own, factors[:, :, None]], axis=2)

    def of_compact(self, rows: Array) -> PartRows:
        """The inverse of `compact` for rows that were mixed within each span."""
        k = self.inside.shape[1]
        inside = jnp.moveaxis(rows[:, :, :k], 2, 1)
        if self.links is None:
            return replace(self, inside=inside)
        if not self.is_narrow():
            return replace(self, inside=inside, links=rows[:, :, k:])
        link_of = []
        for (_, width), links in zip(self.spans, self._span_links(), strict=True):
            link_of += [max(links)] * width
        return replace(self, inside=inside, coefficients=rows[:, :, k], link_of=tuple(link_of))
