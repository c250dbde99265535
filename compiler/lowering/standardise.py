"""A reduced model as a template: a function from params to the data of a quadratic program.

    θ  ↦  P, q, c, A, b, G, lower, upper, bounds, F, g        (solvers/forms/quadratic.py)

Everything static (which families of rows there are, their shapes and their order) is settled before any number is
known; the arrays come from the structure of the expressions (affine.py, quadratic.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from karush.compiler.dependence import Dependence
from karush.compiler.lowering.affine import AffineForms
from karush.compiler.lowering.affine_blocks import size_of
from karush.compiler.lowering.cone_families import (
    ConeFamily,
    Conic,
    QuadraticFamily,
    Stack,
    by_entries,
    cone_families_of,
    stacked,
)
from karush.compiler.lowering.cone_values import Cone, ConeValues, cone_rows, skew_rows
from karush.compiler.lowering.evaluate import Evaluator
from karush.compiler.lowering.families import Bound, Family, bounds_of, families_of
from karush.compiler.lowering.gram import Layout, assemble_matrix, assemble_vector
from karush.compiler.lowering.infinities import RAW
from karush.compiler.lowering.knowledge import Knowledge
from karush.compiler.lowering.quadratic import QuadraticTerms
from karush.compiler.lowering.quadratic_rows import QuadraticRows, SquaredTerms
from karush.compiler.lowering.row_values import Rows, RowValues, filled_side
from karush.compiler.lowering.scope import Inputs, Move, Scope, entry_type, moved_alone
from karush.compiler.lowering.separation import Said, separable_parts
from karush.compiler.lowering.symmetric import triangular, triangular_or_all
from karush.compiler.lowering.terms import multiplied
from karush.compiler.model import Constraint, Model, Param
from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.forms.separable import Separable


@dataclass(frozen=True, eq=False, repr=False)
class Template:
    """The quadratic program of a model whose objective is quadratic, and whose constraints are relations and cones.

    ``bounding`` are the params that may be infinite, which ``program`` takes split in two; ``inputs`` are all params,
    those that inner problems compute among them.
    """

    model: Model
    dims: Mapping[str, Any]
    dtype: Any
    evaluator: Evaluator
    dependence: Dependence
    owners: Mapping[Constraint, str]
    bounding: frozenset[str]
    knowledge: Knowledge
    inputs: Mapping[str, Param]

    # ------------------------------------------------------------ static knowledge

    @cached_property
    def layout(self) -> Layout:
        """Where each var lies in x."""
        shapes = {name: self.shape(var.shape) for name, var in self.model.vars.items()}
        symmetric = frozenset(n for n, var in self.model.vars.items() if var.set is not None and var.set.name == "psd")
        kept = {n: (triangular(shape[0]),) if n in symmetric else shape for n, shape in shapes.items()}
        return Layout(kept, symmetric)

    @cached_property
    def families(self) -> tuple[Family, ...]:
        """All families of rows."""
        return families_of(self.model, self.dependence, self.owners)

    @cached_property
    def equalities(self) -> tuple[Family, ...]:
        """The families of A."""
        return tuple(family for family in self.families if family.is_equality)

    @cached_property
    def inequalities(self) -> tuple[Family, ...]:
        """The families of G."""
        return tuple(f for f in self.families if not f.is_equality and not self._is_quadratic(f))

    def _is_quadratic(self, family: Family) -> bool:
        return any(map(self.knowledge.quadratic, (family.minuend, *([family.subtrahend] if family.subtrahend else ()))))

    @cached_property
    def cones(self) -> tuple[ConeFamily, ...]:
        """The families of rows in cones, as constraints state them."""
        return cone_families_of(self.model, self.owners, self.knowledge.symmetric)

    @cached_property
    def quadratics(self) -> tuple[QuadraticFamily, ...]:
        """The families of rows that are quadratic in the vars."""
        rows = (f for f in self.families if not f.is_equality and self._is_quadratic(f))
        return tuple(by_entries(family, self.knowledge.entry) for family in rows)

    def quadratics_of(self, count: int) -> tuple[QuadraticFamily, ...]:
        """Those of the first ``count`` families."""
        among = sum(not family.is_equality and self._is_quadratic(family) for family in self.families[:count])
        return self.quadratics[:among]

    @cached_property
    def stacks(self) -> tuple[Stack, ...]:
        """All rows in cones as they stand in F, equal cones together."""
        sizes: list[int] = [triangular_or_all(f.kind, self.shape(f.value.shape)[0]) for f in self.cones]
        if self.quadratics:
            sizes += [shape.shape[1] for shape in jax.eval_shape(self._quadratic_offsets, self.specification())]
        families: tuple[Conic, ...] = (*self.cones, *self.quadratics)
        counts = [size_of(self.shape(family.axes)) for family in families]
        return stacked(zip(families, sizes, counts, strict=True))

    @cached_property
    def skew(self) -> tuple[ConeFamily, ...]:
        """The families of matrices that equations make symmetric: behind the other rows of A."""
        return tuple(family for family in self.cones if family.has_equations)

    @cached_property
    def bounds(self) -> tuple[Bound, ...]:
        """The vars with bounds."""
        return bounds_of(self.model)

    @property
    def sign(self) -> float:
        """1 where the program minimises the stated objective, −1 where it minimises its negative."""
        objective = self.model.objective
        return -1.0 if objective is not None and objective.sense == "maximize" else 1.0

    def shape(self, shape: Any) -> tuple[Any, ...]:
        """The numbers of a shape."""
        return tuple(size.evaluate(self.dims) for size in shape)

    def rows(self, family: Family) -> Any:
        """The number of rows of a family."""
        return size_of(self.shape(family.shape))

    def specification(self) -> dict[str, jax.ShapeDtypeStruct]:
        """Shape and type of every param, as `program` takes them."""
        specified = {
            name: jax.ShapeDtypeStruct(self.shape(param.shape), entry_type(param.kind, self.dtype))
            for name, param in self.inputs.items()
        }
        return {**specified, **{RAW + name: specified[name] for name in self.bounding}}

    def skew_rows(self, family: ConeFamily) -> int:
        """The number of equations that make the matrices of a family symmetric."""
        order = self.shape(family.value.shape)[0]
        return size_of(self.shape(family.axes)) * (triangular(order) - order)

    def counts(self) -> dict[str, Any]:
        """Numbers of variables, of equations, and of inequalities: each side of a row and of a bound is one, and each
        row in a cone.
        """
        sides = [self.rows(f) * _sides(f) for f in self.inequalities]
        bounds = [self.layout.sizes[b.var.name] * _sides(b) for b in self.bounds]
        conic = [stack.dimension * sum(stack.counts) for stack in self.stacks]
        equalities = sum(self.rows(f) for f in self.equalities) + sum(map(self.skew_rows, self.skew))
        inequalities = sum(sides) + sum(bounds) + sum(conic)
        return {"variables": self.layout.total, "equalities": equalities, "inequalities": inequalities}

    # ------------------------------------------------------------ the program

    def program(self, params: Mapping[str, Array], move: Move = moved_alone) -> QuadraticProgram:
        """The data of the quadratic program for these params (infinities split off, see infinities.py)."""
        forms, scope = self._start(params, move)
        values = RowValues(forms, self.layout, self.bounding)
        quadratic, linear, constant, squared = self._objective(forms, scope)
        cones = self._cones(forms, scope)
        symmetry = [skew_rows(cones[family]) for family in self.skew]
        equalities = self._stack([*(values.rows(f, scope) for f in self.equalities), *symmetry])
        inequalities = self._stack([values.rows(f, scope) for f in self.inequalities])
        lower, has_lower = self._bounds(values, scope, upper=False)
        upper, has_upper = self._bounds(values, scope, upper=True)
        rhs = equalities.lower
        return QuadraticProgram(
            quadratic=quadratic,
            linear=linear,
            constant=constant,
            equality_matrix=equalities.matrix,
            equality_rhs=jnp.zeros((0,), self.dtype) if rhs is None else rhs.value,
            inequality_matrix=inequalities.matrix,
            lower=None if inequalities.lower is None else inequalities.lower.value,
            upper=None if inequalities.upper is None else inequalities.upper.value,
            bound_lower=lower,
            bound_upper=upper,
            has_lower=None if inequalities.lower is None else inequalities.lower.present,
            has_upper=None if inequalities.upper is None else inequalities.upper.present,
            has_bound_lower=has_lower,
            has_bound_upper=has_upper,
            cone_rows=cone_rows(self.stacks, cones),
            separable=self._separable(squared) if self.stacks else (),
        )

    def _separable(self, squared: frozenset[str]) -> tuple[Separable, ...]:
        """What separates beside rows in cones; ``squared`` are the vars of the quadratic term."""
        said = [Said(f.expressions) for f in self.equalities] + [Said(f.expressions) for f in self.skew]
        first = 0
        for family in self.inequalities:
            one = () if family.inner_shape else family.binders
            said.append(Said(family.expressions, one or None, self.shape(family.shape), first, 1))
            first += self.rows(family)
        for stack in self.stacks:
            for conic, count in zip(stack.families, stack.counts, strict=True):
                if isinstance(conic, ConeFamily):
                    axes, where = self.shape(conic.axes), conic.binders or None
                    said.append(Said(conic.expressions, where, axes, first, stack.dimension, conic.rows))
                else:
                    said.append(Said(conic.rows.expressions))
                first += stack.dimension * count
        shapes, starts = self.layout.shapes, self.layout.offsets
        return separable_parts(shapes, starts, said, squared | self.layout.symmetric, self.dependence)

    def _start(self, params: Mapping[str, Array], move: Move = moved_alone) -> tuple[AffineForms, Scope]:
        scope = self.evaluator.top(Inputs(self.dims, params, {}, self.dtype, {}, move), self.dependence)
        return AffineForms(self.evaluator, self.layout), scope

    def _cones(self, forms: AffineForms, scope: Scope) -> dict[Conic, Cone]:
        values = ConeValues(forms, self.layout)
        rows = QuadraticRows(values, SquaredTerms(forms, self.knowledge.affine))
        found: dict[Conic, Cone] = {family: values.cones(family, scope) for family in self.cones}
        return found | {family: rows.rows(family, scope) for family in self.quadratics}

    def _quadratic_offsets(self, params: Mapping[str, Array]) -> list[Array]:
        cones = self._cones(*self._start(params))
        return [cones[family].offset for family in self.quadratics]

    def _objective(self, forms: AffineForms, scope: Scope) -> tuple[Array | None, Array, Array, frozenset[str]]:
        """P, q, c, and the vars at which P has entries."""
        assert self.model.objective is not None
        terms = QuadraticTerms(forms, self.knowledge.affine).collect(self.model.objective.value, self.sign, scope)
        parts = [multiplied(term, self.dtype) for term in terms]
        pairs = tuple(pair for part in parts for pair in part.pairs)
        slopes = tuple(one for part in parts for one in part.slopes)
        constants = [jnp.sum(part.constant) for part in parts if part.constant is not None]
        constant = sum(constants[1:], constants[0]) if constants else jnp.zeros((), self.dtype)
        matrix = assemble_matrix(pairs, self.layout, self.dtype)
        squared = frozenset(name for pair in pairs for name in (pair.left, pair.right))
        return matrix, assemble_vector(slopes, self.layout, self.dtype), constant, squared

    def _stack(self, rows: list[Rows]) -> Rows:
        """Families one below the other; a single one is returned as it is."""
        if not rows:
            return Rows(jnp.zeros((0, self.layout.total), self.dtype), None, None)
        if len(rows) == 1:
            return rows[0]
        lower, upper = (
            filled_side([(getattr(row, side), row.matrix.shape[:1]) for row in rows], self.dtype)
            for side in ("lower", "upper")
        )
        return Rows(jnp.concatenate([row.matrix for row in rows]), lower, upper)

    def _bounds(self, values: RowValues, scope: Scope, *, upper: bool) -> tuple[Array | None, Array | None]:
        """The bounds of x from those of the vars on one side, with their mask."""
        given = {bound.var.name: values.bound(bound, scope, upper=upper) for bound in self.bounds}
        whole = filled_side([(given.get(name), (size,)) for name, size in self.layout.sizes.items()], self.dtype)
        return (None, None) if whole is None else (whole.value, whole.present)


def _sides(item: Family | Bound) -> int:
    return (item.lower is not None) + (item.upper is not None)
