"""From a point of the quadratic program back to the model: vars, multipliers and evidence by label, in its signs.

With L = f − yᵀ(Ax − b) − zᵀ(Gx − side) − wᵀ(x − side) (forms/quadratic.py) the gain of the optimal value per unit of
slack is z on a lower side and −z on an upper one, whatever the sense of the objective; an equation row = rhs + ε has
the derivative y, times −1 where the program minimises the negative of the stated objective. The gain per unit of ε in
``e + ε in K`` is u, a matrix for svec; per unit of slack of a quadratic row it is (u₀ + u₁)/2 (quadratic_rows.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax import Array

from karush.compiler.lowering.cone_families import ConeFamily, Conic, QuadraticFamily
from karush.compiler.lowering.families import Bound, Family
from karush.compiler.lowering.standardise import Template
from karush.compiler.lowering.symmetric import symmetric_matrix
from karush.solvers.forms.quadratic import Point

Entries = dict[str, Any]
"""By label: an array, or a mapping from ``lower`` and ``upper`` to arrays."""


@dataclass(frozen=True, eq=False)
class Recovery:
    """Reads vectors over the rows of a template's program."""

    template: Template

    def duals(self, point: Point) -> Entries:
        """The multipliers by label, in the language's signs."""
        found: Entries = {}
        for family, values in self._by_family(self.template.equalities, point.y):
            put(found, family.label, None, self.template.sign * family.direction * values)
        for family, values in self._by_family(self.template.inequalities, point.z):
            _put_gains(found, family.label, family.entry, family, values)
        if point.w is not None:
            for bound, values in self._by_bound(point.w):
                _put_gains(found, bound.var.name, None, bound, values)
        if self.template.stacks:
            for cones, values in self._by_cones(point.u):
                if isinstance(cones, QuadraticFamily):
                    gains = (values[:, 0] + values[:, 1]) / 2
                    put(found, cones.label, cones.rows.entry, gains.reshape(self.template.shape(cones.axes)))
                else:
                    put(found, cones.label, None, self._of_cones(cones, values))
        return found

    def masks(self, rows: Array, bounds: Array | None, in_cones: Array | None) -> Entries:
        """Masks over the inequality rows, the bounds and the rows in cones (one entry for a cone), by label."""
        found: Entries = {}
        for family, values in self._by_family(self.template.inequalities, rows):
            if family.label is not None:
                _join(found, family.label, values)
        if bounds is not None:
            for bound, values in self._by_bound(bounds):
                found[bound.var.name] = values
        for cones, values in self._by_cones(in_cones) if in_cones is not None else ():
            if cones.label is not None:
                _join(found, cones.label, jnp.any(values, axis=1).reshape(self.template.shape(cones.axes)))
        return found

    def conflict(self, certificate: Point) -> dict[str, Array]:
        """By the name of a family (its label, or ``line 14``): does the certificate weigh a row of it? Scalars."""
        weights = [part for part in (certificate.y, certificate.z, certificate.w, certificate.u) if part is not None]
        largest = jnp.max(jnp.concatenate([jnp.abs(w) for w in weights]), initial=0.0)
        found: dict[str, Array] = {}

        def note(name: str, values: Array) -> None:
            takes_part = jnp.any(jnp.abs(values) > NEGLIGIBLE * largest)
            found[name] = found[name] | takes_part if name in found else takes_part

        for family, values in self._by_family(self.template.equalities, certificate.y):
            note(family.name, values)
        for skew, values in self._by_skew(certificate.y):
            note(skew.name, values)
        for family, values in self._by_family(self.template.inequalities, certificate.z):
            note(family.name, values)
        if certificate.w is not None:
            for bound, values in self._by_bound(certificate.w):
                note(bound.var.name, values)
        if certificate.u is not None:
            for cones, values in self._by_cones(certificate.u):
                note(cones.name, values)
        return found

    # ------------------------------------------------------------ cutting vectors

    def _by_family(self, families: tuple[Family, ...], vector: Array) -> Iterator[tuple[Family, Array]]:
        at: Any = 0
        for family in families:
            number = self.template.rows(family)
            shape = self.template.shape(family.shape)
            yield family, vector[at : at + number].reshape(shape)
            at = at + number

    def _by_skew(self, vector: Array) -> Iterator[tuple[ConeFamily, Array]]:
        """The equations that make matrices symmetric, which are the last."""
        at = sum(self.template.rows(family) for family in self.template.equalities)
        for family in self.template.skew:
            number = self.template.skew_rows(family)
            yield family, vector[at : at + number]
            at = at + number

    def _by_cones(self, vector: Array | None) -> Iterator[tuple[Conic, Array]]:
        """(family, its part as (cones, dimension)); there is no vector where every clause is over nothing."""
        at = 0
        if vector is None:
            vector = jnp.zeros(0, self.template.dtype)
        for stack in self.template.stacks:
            for family, count in zip(stack.families, stack.counts, strict=True):
                number = count * stack.dimension
                yield family, vector[at : at + number].reshape((count, stack.dimension))
                at = at + number

    def _of_cones(self, family: ConeFamily, values: Array) -> Array:
        """The multipliers of a family with an axis for each binder, those of matrices as matrices."""
        each = symmetric_matrix(values) if family.kind == "semidefinite" else values
        return each.reshape((*self.template.shape(family.axes), *each.shape[1:]))

    def _by_bound(self, vector: Array) -> Iterator[tuple[Bound, Array]]:
        parts = self.template.layout.split(vector)
        for bound in self.template.bounds:
            yield bound, parts[bound.var.name]


NEGLIGIBLE = 1e-6
"""A row takes part in a conflict if its weight is more than this part of the greatest."""


def put(found: Entries, label: str | None, part: str | None, values: Any) -> None:
    """Enter a value under a label, or under a part of it; an unlabelled one has no entry."""
    if label is None:
        return
    if part is None:
        found[label] = values
    else:
        found.setdefault(label, {})[part] = values


def _put_gains(found: Entries, label: str | None, entry: str | None, sides: Family | Bound, values: Array) -> None:
    if sides.lower is not None and sides.upper is not None:
        put(found, label, "lower", jnp.where(values > 0, values, 0))
        put(found, label, "upper", jnp.where(values < 0, -values, 0))
    else:
        put(found, label, entry, values if sides.lower is not None else -values)


def _join(found: Entries, label: str, values: Array) -> None:
    same = label in found and found[label].shape == values.shape
    found[label] = found[label] | values if same else values


def map_entries(entries: Entries, function: Callable[[Any], Any]) -> Entries:
    """A function applied to every array."""
    return {
        label: {part: function(v) for part, v in value.items()} if isinstance(value, dict) else function(value)
        for label, value in entries.items()
    }
