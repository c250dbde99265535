"""From a point of the quadratic program back to the model: vars, multipliers and evidence by label, in its signs.

With L = f − yᵀ(Ax − b) − zᵀ(Gx − side) − wᵀ(x − side) (forms/quadratic.py) the gain of the optimal value per unit of
slack is z on a lower side and −z on an upper one, whatever the sense of the objective; an equation row = rhs + ε has
the derivative y, times −1 where the program minimises the negative of the stated objective.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax import Array

from karush.compiler.lowering.families import Bound, Family
from karush.compiler.lowering.standardise import Template
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
        return found

    def masks(self, rows: Array, bounds: Array | None) -> Entries:
        """Masks over the inequality rows and the bounds, by label."""
        found: Entries = {}
        for family, values in self._by_family(self.template.inequalities, rows):
            if family.label is not None:
                _join(found, family.label, values)
        if bounds is not None:
            for bound, values in self._by_bound(bounds):
                found[bound.var.name] = values
        return found

    def conflict(self, certificate: Point) -> dict[str, Array]:
        """By the name of a family (its label, or ``line 14``): does the certificate weigh a row of it? Scalars."""
        weights = [certificate.y, certificate.z] + ([] if certificate.w is None else [certificate.w])
        largest = jnp.max(jnp.concatenate([jnp.abs(w) for w in weights]), initial=0.0)
        found: dict[str, Array] = {}

        def note(name: str, values: Array) -> None:
            takes_part = jnp.any(jnp.abs(values) > NEGLIGIBLE * largest)
            found[name] = found[name] | takes_part if name in found else takes_part

        for family, values in self._by_family(self.template.equalities, certificate.y):
            note(family.name, values)
        for family, values in self._by_family(self.template.inequalities, certificate.z):
            note(family.name, values)
        if certificate.w is not None:
            for bound, values in self._by_bound(certificate.w):
                note(bound.var.name, values)
        return found

    # ------------------------------------------------------------ cutting vectors

    def _by_family(self, families: tuple[Family, ...], vector: Array) -> Iterator[tuple[Family, Array]]:
        at: Any = 0
        for family in families:
            number = self.template.rows(family)
            shape = self.template.shape(family.shape)
            yield family, vector[at : at + number].reshape(shape)
            at = at + number

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
