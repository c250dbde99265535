"""Constraints as families of cones: what a solver sees of ``e in K for i in n if c``, before any number.

    e in soc, exp_cone, pow_cone(α)    F x + g = e
    E in psd                           F x + g = svec((E + Eᵀ)/2), and E = Eᵀ as equations where it is not known
    q <= r, q convex quadratic         a second-order cone, see quadratic_rows.py

One cone for every position of the clause. Where the filter leaves a position out, F is 0 there and g a point inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from karush.compiler.lowering.families import CONES, Family, is_cone
from karush.compiler.model import Apply, At, Binder, Constraint, Expr, InSet, Model, Named
from karush.compiler.reductions.entries import entry_binders, places
from karush.dsl.source import Span
from karush.solvers.forms.cones import ConeKind
from karush.stdlib.shape import SCALAR, Shape


@dataclass(frozen=True, eq=False)
class ConeFamily:
    """``value`` in a cone, over binders where the condition holds; ``exponent`` is the α of a power cone.

    ``symmetric`` says that a matrix is known to be its own transpose. ``name`` is what a conflict is reported by.
    """

    label: str | None
    name: str
    binders: tuple[Binder, ...]
    condition: Expr | None
    value: Expr
    kind: ConeKind
    exponent: Expr | None
    symmetric: bool
    span: Span

    @property
    def expressions(self) -> tuple[Expr, ...]:
        """Everything that is evaluated for a cone, the condition first."""
        return tuple(part for part in (self.condition, self.value, self.exponent) if part is not None)

    @property
    def rows(self) -> tuple[Expr, ...]:
        """The expressions of the rows, where the value is written as a vector of them; else empty."""
        value = self.value
        while isinstance(value, Named):
            value = value.value
        is_vector = isinstance(value, Apply) and value.atom == "stack" and not any(a.shape for a in value.arguments)
        return value.arguments if is_vector and isinstance(value, Apply) else ()

    @property
    def axes(self) -> Shape:
        """One axis for each binder."""
        return tuple(binder.length for binder in self.binders)

    @property
    def inner_shape(self) -> Shape:
        """A cone has one condition for each position of the clause."""
        return SCALAR

    @property
    def has_equations(self) -> bool:
        """Do rows of their own say that the matrices are symmetric?"""
        return self.kind == "semidefinite" and not self.symmetric


@dataclass(frozen=True, eq=False)
class QuadraticFamily:
    """Rows ``minuend − subtrahend ≤ upper`` or ``≥ lower``, each a number that is quadratic in the vars."""

    rows: Family
    kind: ConeKind = "second_order"

    @property
    def label(self) -> str | None:
        """The label of the rows."""
        return self.rows.label

    @property
    def name(self) -> str:
        """What a conflict is reported by."""
        return self.rows.name

    @property
    def axes(self) -> Shape:
        """One axis for each binder."""
        return self.rows.shape

    @property
    def has_equations(self) -> bool:
        """No matrix, no symmetry."""
        return False


def by_entries(family: Family, entry: Callable[[Expr, tuple[At, ...]], Expr]) -> QuadraticFamily:
    """The same rows with a binder for every axis of the expression, so that each is a number."""
    inner = entry_binders(family.inner_shape)
    if not inner:
        return QuadraticFamily(family)
    items = places(inner, family.span)

    def one(expr: Expr | None) -> Expr | None:
        return None if expr is None else entry(expr, items)

    return QuadraticFamily(
        replace(
            family,
            binders=(*family.binders, *inner),
            minuend=entry(family.minuend, items),
            subtrahend=one(family.subtrahend),
            lower=one(family.lower),
            upper=one(family.upper),
        )
    )


Conic = ConeFamily | QuadraticFamily


def cone_families_of(
    model: Model, owners: Mapping[Constraint, str], is_symmetric: Callable[[Expr], bool]
) -> tuple[ConeFamily, ...]:
    """The families of all constraints to cones, in the order of the file; ``owners`` name unlabelled ones."""
    found: list[ConeFamily] = []
    for constraint in model.constraints:
        if isinstance(constraint, InSet) and is_cone(constraint):
            use, value = constraint.set, constraint.value
            name = constraint.label or owners.get(constraint) or f"line {constraint.span.line}"
            exponent = use.arguments[0] if use.name == "pow_cone" else None
            symmetric = use.name == "psd" and is_symmetric(value)
            where = (constraint.binders, constraint.condition)
            found.append(
                ConeFamily(constraint.label, name, *where, value, CONES[use.name], exponent, symmetric, constraint.span)
            )
    return tuple(found)


@dataclass(frozen=True)
class Stack:
    """Families of equal cones, one below the other: ``dimension`` rows a cone, ``counts`` cones a family."""

    kind: ConeKind
    dimension: int
    families: tuple[Conic, ...]
    counts: tuple[int, ...]


def stacked(families: Iterable[tuple[Conic, int, int]]) -> tuple[Stack, ...]:
    """(family, dimension, number of cones) gathered by kind and dimension, in the order of first appearance."""
    found: dict[tuple[ConeKind, int], list[tuple[Any, int]]] = {}
    for family, dimension, count in families:
        found.setdefault((family.kind, dimension), []).append((family, count))
    return tuple(
        Stack(kind, dimension, tuple(f for f, _ in members), tuple(c for _, c in members))
        for (kind, dimension), members in found.items()
    )
