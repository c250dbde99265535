"""Where values are kept while a model is traced: one scope for the top, one for every clause and guarded branch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jax import Array

from karush.compiler.dependence import Dependence
from karush.compiler.model import At, Binder, Expr, Range, Subscript
from karush.stdlib.shape import Shape, Size


@dataclass(frozen=True)
class Inputs:
    """What a model is evaluated at: sizes of the dims, arrays of params, vars and multipliers by name.

    Vars are absent where only expressions without vars are asked for. Multipliers of a chain are a mapping from
    ``lower`` and ``upper``. ``dtype`` is the type of every real value.
    """

    dims: Mapping[str, Any]
    params: Mapping[str, Array]
    vars: Mapping[str, Array]
    dtype: Any
    duals: Mapping[str, Any] = field(default_factory=dict)

    def size(self, size: Size) -> Any:
        """The number a size has (a symbolic one while tracing for symbolic dims)."""
        return size.evaluate(self.dims)

    def shape(self, shape: Shape) -> tuple[Any, ...]:
        """The numbers a shape has."""
        return tuple(map(self.size, shape))


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
        inputs = Inputs(
            self.inputs.dims,
            self.inputs.params,
            {**self.inputs.vars, **values},
            self.inputs.dtype,
            self.inputs.duals,
        )
        dependence, names = self.dependence, frozenset(values)
        return Scope(
            inputs, dependence, self, {}, self.guards, lambda expr: not names.isdisjoint(dependence.vars(expr))
        )
