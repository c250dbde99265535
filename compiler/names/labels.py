"""Labels: which rows of a model have a name, and the shape and sides of their duals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from karush.compiler.model import Complementarity, Constraint, Expr, InSet, Model, Relation, SetUse, Var
from karush.dsl.source import Span
from karush.stdlib.shape import Shape

SIDES = ("lower", "upper")


@dataclass(frozen=True)
class LabelInfo:
    """The rows under one name: the shape of the dual, and the sides of a chain (empty for single rows).

    The label of an objective, and that of ``perp`` rows, is a name too, but has no dual.
    """

    name: str
    span: Span
    shape: Shape
    sides: tuple[str, ...] = ()
    has_dual: bool = True


def common_shape(items: Iterable[Expr]) -> Shape:
    """The shape of an elementwise relation: that of its arrays, or scalar."""
    return next((item.shape for item in items if item.shape), ())


def label_of(constraint: Constraint) -> LabelInfo | None:
    """The label of a constraint; None where it has none, and for ``perp`` rows, which have no dual."""
    if constraint.label is None or isinstance(constraint, Complementarity):
        return None
    lengths: Shape = tuple(binder.length for binder in constraint.binders)
    if isinstance(constraint, InSet):
        shape = lengths + constraint.value.shape
        return LabelInfo(constraint.label, constraint.span, shape, sides_of_set(constraint.set))
    return LabelInfo(
        constraint.label, constraint.span, lengths + common_shape(constraint.operands), sides_of(constraint)
    )


def sides_of(relation: Relation) -> tuple[str, ...]:
    """``lower`` and ``upper`` for a chain of three."""
    return SIDES if len(relation.operands) == 3 else ()


def sides_of_set(use: SetUse) -> tuple[str, ...]:
    """``lower`` and ``upper`` for a box."""
    return SIDES if use.name == "box" else ()


def label_of_var(var: Var) -> LabelInfo | None:
    """The rows of ``var w in S`` carry the name ``w``; None for a free var."""
    if var.set is None or var.set.name == "free":
        return None
    return LabelInfo(var.name, var.span, var.shape, sides_of_set(var.set))


def labels_of(model: Model) -> dict[str, LabelInfo]:
    """All labels of a model with duals, those of its vars first."""
    found = [label_of_var(v) for v in model.vars.values()] + [label_of(c) for c in model.constraints]
    return {info.name: info for info in found if info is not None}
