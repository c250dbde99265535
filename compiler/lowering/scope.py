"""Where values are kept while a model is traced: one scope for the top, one for every clause and guarded branch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import jax.numpy as jnp
from jax import Array

from karush.compiler.dependence import Dependence
from karush.compiler.model import At, Binder, Expr, Kind, ParamValue, Range, Subscript, VarValue
from karush.stdlib.shape import Shape, Size


def moved_alone(
    inputs: Inputs, params: Mapping[str, Array], variables: Mapping[str, Array], needed: frozenset[str]
) -> Inputs:
    """The inputs with other values of some params and vars, where nothing is computed from these."""
    del needed
    return replace(inputs, params={**inputs.params, **params}, vars={**inputs.vars, **variables})


Move = Callable[["Inputs", Mapping[str, Array], Mapping[str, Array], frozenset[str]], "Inputs"]
"""(inputs, params, vars, names as in `Dependence.names` of what is to be evaluated) ↦ moved inputs."""


@dataclass(frozen=True)
class Inputs:
    """What a model is evaluated at: sizes of the dims, arrays of params, vars and multipliers by name.

    Vars are absent where only expressions without vars are asked for. Multipliers of a chain are a mapping from
    ``lower`` and ``upper``. ``dtype`` is the type of every real value. ``move`` gives the inputs at other values of
    some params and vars; what inner problems compute from them moves too. ``probe`` (operations × 2) is there where
    ties are counted, see watching.py.
    """

    dims: Mapping[str, Any]
    params: Mapping[str, Array]
    vars: Mapping[str, Array]
    dtype: Any
    duals: Mapping[str, Any] = field(default_factory=dict)
    move: Move = moved_alone
    probe: Array | None = None

    def size(self, size: Size) -> Any:
        """The number a size has (a symbolic one while tracing for symbolic dims)."""
        return size.evaluate(self.dims)

    def shape(self, shape: Shape) -> tuple[Any, ...]:
        """The numbers a shape has."""
        return tuple(map(self.size, shape))


def entry_type(kind: Kind, dtype: Any) -> Any:
    """The type of the entries of a param, where ``dtype`` is that of real ones."""
    if kind is Kind.REAL:
        return dtype
    return jnp.zeros((), bool if kind is Kind.BOOLEAN else int).dtype


@dataclass(frozen=True, eq=False)
class View:
    """A subscript of which some items are taken: ``array`` still has one axis for each of ``items``."""

    array: Array
    items: tuple[At | Range, ...]


@dataclass(eq=False)
class Scope:
    """Values by node; what is not found here is looked up in the parent, unless ``fresh`` says it differs here.

    ``binders`` are the binders bound in this scope itself, ``guards`` conditions that hold where a value is used,
    ``affine`` keeps affine forms by node as ``values`` keeps values.
    """

    inputs: Inputs
    dependence: Dependence
    parent: Scope | None = None
    binders: Mapping[Binder, Any] = field(default_factory=dict)
    guards: tuple[Array, ...] = ()
    fresh: Callable[[Expr], bool] | None = None
    values: dict[Expr, Any] = field(default_factory=dict)
    views: dict[Subscript, View] = field(default_factory=dict)
    affine: dict[Expr, Any] = field(default_factory=dict)

    def lookup(self, expr: Expr) -> Any:
        """The value kept for a node, or None."""
        scope: Scope | None = self
        while scope is not None:
            if expr in scope.values:
                return scope.values[expr]
            scope = None if scope.fresh is not None and scope.fresh(expr) else scope.parent
        return None

    def lookup_affine(self, expr: Expr) -> Any:
        """The affine form kept for a node, or None."""
        scope: Scope | None = self
        while scope is not None:
            if expr in scope.affine:
                return scope.affine[expr]
            scope = None if scope.fresh is not None and scope.fresh(expr) else scope.parent
        return None

    def view(self, expr: Subscript) -> View | None:
        """The view kept for a subscript, or None."""
        scope: Scope | None = self
        while scope is not None:
            if expr in scope.views:
                return scope.views[expr]
            scope = None if scope.fresh is not None and scope.fresh(expr) else scope.parent
        return None

    def binder(self, binder: Binder) -> Any:
        """The index a binder has here."""
        scope: Scope | None = self
        while scope is not None:
            if binder in scope.binders:
                return scope.binders[binder]
            scope = scope.parent
        raise KeyError(f"binder {binder.name} is not bound here")

    def binds(self, expr: Expr) -> bool:
        """Are all binders that occur free in the expression bound here?"""
        return self.binds_beyond(expr, ())

    def binds_beyond(self, expr: Expr, others: tuple[Binder, ...]) -> bool:
        """Are all binders that occur free in the expression bound here or among the others?"""
        missing = set(self.dependence.binders(expr)) - set(others)
        scope: Scope | None = self
        while scope is not None and missing:
            missing -= scope.binders.keys()
            scope = scope.parent
        return not missing

    def known(self, expr: Expr) -> bool:
        """Can the expression be evaluated here: its binders are bound, and its vars have values?"""
        return self.binds(expr) and self.dependence.vars(expr) <= self.inputs.vars.keys()

    # ------------------------------------------------------------ inner scopes

    def inner(self, binders: Mapping[Binder, Any]) -> Scope:
        """A scope that binds more."""
        return Scope(self.inputs, self.dependence, self, binders, self.guards)

    def guarded(self, condition: Array) -> Scope:
        """A scope whose values are used only where the condition holds."""
        dependence = self.dependence
        return Scope(
            self.inputs, dependence, self, {}, (*self.guards, condition), lambda expr: not dependence.regular(expr)
        )

    def with_vars(self, values: Mapping[str, Array]) -> Scope:
        """A scope in which these vars have these values."""
        inputs = replace(self.inputs, vars={**self.inputs.vars, **values})
        dependence, names = self.dependence, frozenset(values)
        return Scope(
            inputs, dependence, self, {}, self.guards, lambda expr: not names.isdisjoint(dependence.vars(expr))
        )

    def moved(self, leaf: ParamValue | VarValue, value: Array, expr: Expr) -> Scope:
        """A scope for an expression in which a param or var has another value, and what is computed from it follows."""
        params: dict[str, Array] = {}
        variables: dict[str, Array] = {}
        (params if isinstance(leaf, ParamValue) else variables)[leaf.name] = value
        inputs = replace(self.inputs.move(self.inputs, params, variables, self.dependence.names(expr)), probe=None)
        old, new = (({**i.params}, {**i.vars}) for i in (self.inputs, inputs))
        changed = {f"param {name}" for name, array in new[0].items() if array is not old[0].get(name)}
        changed |= {f"var {name}" for name, array in new[1].items() if array is not old[1].get(name)}
        dependence = self.dependence
        return Scope(
            inputs, dependence, self, {}, self.guards, lambda expr: not changed.isdisjoint(dependence.names(expr))
        )
