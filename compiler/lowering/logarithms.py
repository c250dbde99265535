"""Geometric programs compiled: solved in the logarithms of their unknowns, returned in the unknowns themselves.

The derivation of the duals stands in reductions/loglog.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jax.numpy as jnp
from jax import Array

from karush.compiler.lowering.compiled import Compiled, Recovered, Start
from karush.compiler.lowering.families import Bound, Family, bounds_of, families_of
from karush.compiler.lowering.recover import Entries
from karush.compiler.lowering.scope import Scope
from karush.compiler.model import Expr, Model
from karush.solvers.implicit import DifferentiableSolution
from karush.solvers.result import Solution


@dataclass(frozen=True, eq=False, repr=False)
class GeometricCompiled(Compiled):
    """A geometric program for fixed sizes: ``form`` is the template of the problem in logarithms.

    ``logarithms`` is that problem with its sets turned into rows, before graph forms.
    """

    logarithms: Model = field(kw_only=True)

    @cached_property
    def log_families(self) -> tuple[Family, ...]:
        """The rows in logarithms."""
        return families_of(self.logarithms, self.dependence, {})

    @cached_property
    def log_bounds(self) -> tuple[Bound, ...]:
        """The bounds of the logarithms."""
        return bounds_of(self.logarithms)

    def recovered(self, start: Start, solution: DifferentiableSolution | Solution, blank: Array) -> Recovered:
        """x = exp u, f* = exp F*, and duals f* λ / h."""
        inside = super().recovered(start, solution, blank)
        scope = self.evaluator.top(self._inputs(start.params, inside.variables, {}), self.dependence)
        value = jnp.exp(inside.objective)
        duals = self._zeros(inside.variables, scope)
        for label, part, scale in self._scales(inside.variables, scope):
            entry = inside.duals[label]
            if part is None:
                duals[label] = value * scale * entry
            else:
                duals.setdefault(label, {})[part] = value * scale * entry[part]
        return Recovered({name: jnp.exp(u) for name, u in inside.variables.items()}, duals, value)

    def _scales(self, logs: Mapping[str, Array], scope: Scope) -> Iterator[tuple[str, str | None, Array]]:
        """(label, part, 1/h) of every dual."""
        for family in self.log_families:
            if family.label is not None:
                for part, side in _sides(family):
                    yield family.label, part, self._over_rows(family, side, scope)
        for bound in self.log_bounds:
            for part in ("lower", "upper") if bound.is_box else (None,):
                yield bound.var.name, part, jnp.exp(-logs[bound.var.name])

    def _over_rows(self, family: Family, side: Expr, scope: Scope) -> Array:
        """exp(-side) in every row of a family; 0 in rows that its filter leaves out."""
        shape = scope.inputs.shape(family.inner_shape)

        def run(inner: Scope) -> Array:
            value = jnp.broadcast_to(jnp.asarray(self.evaluator.value(side, inner), self.dtype), shape)
            return jnp.exp(-value)

        def kept(inner: Scope) -> Array:
            if family.condition is None:
                return run(inner)
            holds = jnp.asarray(self.evaluator.value(family.condition, inner))
            return jnp.where(holds, run(inner.guarded(holds)), 0)

        return self.evaluator.clauses.lanes(scope, family.binders, family.expressions, kept)

    def _zeros(self, logs: Mapping[str, Array], scope: Scope) -> Entries:
        """Duals of what is left out in logarithms, because there it always holds: rows like x > 0."""
        found: dict[str, Any] = {}
        for family in self.families:
            if family.label is not None and family.entry is None and (family.lower is None or family.upper is None):
                found[family.label] = jnp.zeros(scope.inputs.shape(family.shape), self.dtype)
        for bound in self.bounds:
            if not bound.is_box:
                found[bound.var.name] = jnp.zeros_like(logs[bound.var.name])
        return found


def _sides(family: Family) -> list[tuple[str | None, Expr]]:
    """(part of the dual, the logarithm of the greater side): they are equal where the dual is not 0."""
    if family.subtrahend is not None:
        return [(family.entry, family.subtrahend)]
    if family.rhs is not None:
        return [(None, family.rhs)]
    both = family.lower is not None and family.upper is not None
    sides = (("lower", family.lower), ("upper", family.upper))
    return [(part if both else family.entry, side) for part, side in sides if side is not None]
