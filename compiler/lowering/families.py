"""Constraints as families of rows: what a solver sees of ``e1 <= e2 <= e3 for i in n if c``, before any number.

A family is ``lower ≤ minuend − subtrahend ≤ upper`` (or ``= rhs``) with sides free of vars. Where one side of a
relation has no vars it *is* the side, so that in ``G @ x <= h`` the rows are G and the side is h, without arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from karush.compiler.dependence import Dependence
from karush.compiler.model import Binder, Constant, Constraint, Expr, InSet, Model, Relation, Var
from karush.dsl.source import Span
from karush.solvers.forms.cones import ConeKind
from karush.stdlib.shape import SCALAR, Shape


@dataclass(frozen=True, eq=False)
class Family:
    """``lower ≤ row ≤ upper`` with row = minuend − subtrahend (None: 0), over binders where the condition holds.

    An equality has ``rhs``, and ``direction`` is 1 where row = rhs + ε is the stated equation disturbed by ε, −1 where
    it is row = rhs − ε. ``entry`` says which part of the label's dual an inequality is: None for all of it; a family
    with both sides has the parts ``lower`` and ``upper``. ``name`` is what a conflict is reported by.
    """

    label: str | None
    name: str
    entry: str | None
    binders: tuple[Binder, ...]
    condition: Expr | None
    minuend: Expr
    subtrahend: Expr | None
    lower: Expr | None
    upper: Expr | None
    rhs: Expr | None
    direction: int
    span: Span

    @property
    def is_equality(self) -> bool:
        """Is it a family of equations?"""
        return self.rhs is not None

    @property
    def expressions(self) -> tuple[Expr, ...]:
        """Everything that is evaluated for a row, the condition first."""
        parts = (self.condition, self.minuend, self.subtrahend, self.lower, self.upper, self.rhs)
        return tuple(part for part in parts if part is not None)

    @property
    def inner_shape(self) -> Shape:
        """The shape of one row expression."""
        parts = (self.minuend, self.subtrahend, self.lower, self.upper, self.rhs)
        return next((part.shape for part in parts if part is not None and part.shape), SCALAR)

    @property
    def shape(self) -> Shape:
        """One axis for each binder, then those of the expression."""
        return (*(binder.length for binder in self.binders), *self.inner_shape)


CONES: Mapping[str, ConeKind] = {
    "soc": "second_order",
    "exp_cone": "exponential",
    "pow_cone": "power",
    "psd": "semidefinite",
}
"""The sets that are cones of the program, and which."""


def is_cone(constraint: Constraint) -> bool:
    """Is it a constraint to a cone of the program?"""
    return isinstance(constraint, InSet) and constraint.set.name in CONES


class UnsupportedConstraintError(Exception):
    """A constraint that has no linear rows: an internal error, for classification refuses it before."""


def families_of(model: Model, dependence: Dependence, owners: Mapping[Constraint, str]) -> tuple[Family, ...]:
    """The families of all constraints but those to cones (cone_families.py), in the order of the file."""
    found: list[Family] = []
    for constraint in model.constraints:
        if is_cone(constraint):
            continue
        if not isinstance(constraint, Relation):
            raise UnsupportedConstraintError(type(constraint).__name__)
        name = constraint.label or owners.get(constraint) or f"line {constraint.span.line}"
        found.extend(_Builder(constraint, name, dependence).families())
    return tuple(found)


@dataclass(frozen=True)
class _Builder:
    relation: Relation
    name: str
    dependence: Dependence

    def families(self) -> tuple[Family, ...]:
        operands, operators = self.relation.operands, self.relation.operators
        if operators == ("==",):
            return (self._equality(*operands),)
        ordered = operands if operators[0] == "<=" else operands[::-1]
        if len(ordered) == 2:
            return (self._inequality(*ordered, None),)
        low, middle, high = ordered
        if self._varies(low) or self._varies(high):
            return (self._inequality(low, middle, "lower"), self._inequality(middle, high, "upper"))
        return (self._family(None, middle, None, lower=low, upper=high),)

    def _varies(self, expr: Expr) -> bool:
        return bool(self.dependence.vars(expr))

    def _equality(self, left: Expr, right: Expr) -> Family:
        if not self._varies(right):
            return self._family(None, left, None, rhs=right)
        if not self._varies(left):
            return self._family(None, right, None, rhs=left, direction=-1)
        return self._family(None, left, right, rhs=self._zero())

    def _inequality(self, less: Expr, more: Expr, entry: str | None) -> Family:
        """``less <= more``."""
        if not self._varies(more):
            return self._family(entry, less, None, upper=more)
        if not self._varies(less):
            return self._family(entry, more, None, lower=less)
        return self._family(entry, less, more, upper=self._zero())

    def _zero(self) -> Expr:
        return Constant(0.0, shape=SCALAR, span=self.relation.span)

    def _family(
        self,
        entry: str | None,
        minuend: Expr,
        subtrahend: Expr | None,
        *,
        lower: Expr | None = None,
        upper: Expr | None = None,
        rhs: Expr | None = None,
        direction: int = 1,
    ) -> Family:
        relation = self.relation
        return Family(
            relation.label,
            self.name,
            entry,
            relation.binders,
            relation.condition,
            minuend,
            subtrahend,
            lower,
            upper,
            rhs,
            direction,
            relation.span,
        )


# ---------------------------------------------------------------- bounds on vars


@dataclass(frozen=True, eq=False)
class Bound:
    """lower ≤ x ≤ upper for the entries of a var, either side None. A ``box`` has a dual in two parts."""

    var: Var
    lower: Expr | None
    upper: Expr | None

    @property
    def is_box(self) -> bool:
        """Has the dual the parts ``lower`` and ``upper``?"""
        return self.lower is not None and self.upper is not None


def bounds_of(model: Model) -> tuple[Bound, ...]:
    """The bounds of the vars that have a set."""
    found = []
    for var in model.vars.values():
        use = var.set
        if use is None or use.name in ("free", *CONES):
            continue
        zero = Constant(0.0, shape=SCALAR, span=use.span)
        match use.name:
            case "nonneg" | "pos":
                found.append(Bound(var, zero, None))
            case "nonpos" | "neg":
                found.append(Bound(var, None, zero))
            case "box":
                found.append(Bound(var, *use.arguments))
            case _:
                raise UnsupportedConstraintError(f"var in {use.name}")
    return tuple(found)
