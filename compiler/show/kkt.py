"""The optimality conditions of a model, derived from its typed form and written as a person would.

With f the objective, rows a == b (multiplier ν), a <= b (multiplier λ >= 0), the conditions are, for ``minimize``

    ∇f − Σ νᵀ∇(a − b) + Σ λᵀ∇(a − b) = 0,    λ >= 0,    λ ∘ (b − a) = 0,

and for ``maximize`` the same with −Σ λᵀ∇(a − b): multipliers are signed as language.md says, λ the gain per unit of
slack, ν the derivative of the optimal value in ε of ``a == b + ε``. A row e ∈ K has a multiplier λ in the dual cone of
K, stands in the first condition as 0 <= e would, and ⟨λ, e⟩ = 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from karush.compiler.model import (
    At,
    Binder,
    BinderValue,
    Complementarity,
    Constraint,
    Expr,
    InSet,
    Kind,
    Model,
    Relation,
    SetUse,
    Subscript,
    Var,
    VarValue,
)
from karush.compiler.nested import inner_models
from karush.compiler.show.adjoint import Gradient, Place, pull
from karush.compiler.show.gradient import stationarity
from karush.compiler.show.terms import Symbol, Term, apply
from karush.compiler.show.text import RELATIONS, Printer, call_words, pretty, show_range, show_set
from karush.dsl.source import Span

BOUND_SETS = {
    "nonneg": ("lower",),
    "pos": ("lower",),
    "nonpos": ("upper",),
    "neg": ("upper",),
    "box": ("lower", "upper"),
}

CONES = frozenset({"soc", "exp_cone", "pow_cone", "psd"})
SELF_DUAL = frozenset({"soc", "psd"})

NORMS = {"ball": "norm2", "l1_ball": "norm1"}
"""Sets that are a bound on a norm."""


@dataclass(frozen=True)
class Row:
    """One row family ``left operator right`` with its multiplier; ``operator`` is ``==`` or ``<=``.

    Where ``cone`` is given it is ``right in cone``: what the row says of a cone's order, with ``left`` zero.
    """

    multiplier: str
    binders: tuple[Binder, ...]
    condition: Expr | None
    left: Expr
    right: Expr
    operator: str
    span: Span
    cone: SetUse | None = None

    @property
    def name(self) -> str:
        """The multiplier as printed, with an index for every binder."""
        index = ", ".join(b.name for b in self.binders)
        return f"{self.multiplier}[{index}]" if index else self.multiplier

    @property
    def clause(self) -> str:
        """``for t ∈ 0..T − 1 : c``, or nothing."""
        if not self.binders:
            return ""
        ranges = ", ".join(f"{b.name} ∈ {show_range(b)}" for b in self.binders)
        condition = f" : {Printer().show(self.condition)}" if self.condition is not None else ""
        return f"   for {ranges}{condition}"


def show_kkt(model: Model) -> str:
    """The optimality conditions of a problem and of those within it, as text of several lines."""
    parts = [] if model.objective is None else [own_conditions(model)]
    for inner in reversed(inner_models(model)):
        if inner.objective is not None:
            title = f"inner problem {call_words(inner)}"
            body = own_conditions(inner).splitlines()
            parts.append("\n".join([title, *(f"  {line}" if line else "" for line in body)]) + "\n")
    return "\n".join(parts) or "no objective: a plain function has no optimality conditions\n"


def own_conditions(model: Model) -> str:
    """The optimality conditions of one problem."""
    assert model.objective is not None
    rows = [row for constraint in model.constraints for row in rows_of(constraint)]
    rows += [row for var in model.vars.values() for row in var_rows(model, var)]
    gradient = Gradient(model)
    pull(gradient, model.objective.value, Term(), Place())
    sign = 1.0 if model.objective.sense == "minimize" else -1.0
    for row in rows:
        pull_row(gradient, row, sign)
    lines = ["stationarity"]
    for var in model.vars.values():
        lines += [f"  {line}" for line in stationarity(gradient, var)]
    lines += titled("primal feasibility", [show_row(row) + row.clause for row in rows])
    inequalities = [row for row in rows if row.operator == "<="]
    lines += titled("dual feasibility", [show_sign(row) + row.clause for row in inequalities])
    lines += titled("complementarity", [show_complementarity(row) + row.clause for row in inequalities])
    others = [show_membership(c) for c in model.constraints if not isinstance(c, Relation) and not rows_of(c)]
    sets = ((var.name, var.set) for var in model.vars.values())
    others += [f"{pretty(name)} ∈ {show_set(use, Printer())}" for name, use in sets if use and is_conic(use)]
    lines += titled("in sets, by their normal cones", others)
    lines += titled("where", [f"{name} ∈ {meaning}" for name, meaning in gradient.elements.items()])
    return "\n".join(lines) + "\n"


def titled(title: str, body: Sequence[str]) -> list[str]:
    """A part with its title; nothing where it is empty."""
    return ["", title, *(f"  {line}" for line in body)] if body else []


def rows_of(constraint: Constraint) -> list[Row]:
    """The rows of one constraint, a chain as ``label.lower`` and ``label.upper``."""
    name = constraint.label or f"line{constraint.span.line}"
    if isinstance(constraint, Complementarity):
        return []
    common = (constraint.binders, constraint.condition)
    if isinstance(constraint, InSet):
        return set_rows(name, constraint.value, constraint.set, common, constraint.span)
    operands, operators = constraint.operands, constraint.operators
    if len(operators) == 1:
        return [one_row(name, common, operands[0], operands[1], operators[0])]
    first = one_row("", common, operands[0], operands[1], operators[0])
    second = one_row("", common, operands[1], operands[2], operators[1])
    sides = ("lower", "upper") if operators[0] == "<=" else ("upper", "lower")
    return [
        replace(row, multiplier=f"{'ν' if row.operator == '==' else 'λ'}_{name}.{side}")
        for row, side in zip((first, second), sides, strict=True)
    ]


def one_row(name: str, common: tuple[tuple[Binder, ...], Expr | None], left: Expr, right: Expr, operator: str) -> Row:
    """A single relation, ``>=`` turned around."""
    greek = "ν" if operator == "==" else "λ"
    if operator == ">=":
        left, right, operator = right, left, "<="
    return Row(f"{greek}_{name}", *common, left, right, operator, left.span)


def set_rows(
    name: str, value: Expr, use: SetUse, common: tuple[tuple[Binder, ...], Expr | None], span: Span
) -> list[Row]:
    """The rows of a set that is made of inequalities: bounds, simplex."""
    zero = apply("zeros", (), value.shape, span)
    if use.name in ("nonneg", "pos"):
        return [Row(f"λ_{name}", *common, zero, value, "<=", span)]
    if use.name in ("nonpos", "neg"):
        return [Row(f"λ_{name}", *common, value, zero, "<=", span)]
    if use.name == "box" and len(use.arguments) == 2:
        lower, upper = use.arguments
        return [
            Row(f"λ_{name}.lower", *common, lower, value, "<=", span),
            Row(f"λ_{name}.upper", *common, value, upper, "<=", span),
        ]
    if use.name == "simplex":
        one = apply("ones", (), (), span)
        total = apply("sum", (value,), (), span)
        return [
            Row(f"λ_{name}", *common, zero, value, "<=", span),
            Row(f"ν_{name}.sum", *common, total, one, "==", span),
        ]
    if use.name in CONES:
        return [Row(f"λ_{name}", *common, zero, value, "<=", span, use)]
    if use.name in NORMS:
        norm = apply(NORMS[use.name], (value,), (), span)
        return [Row(f"λ_{name}", *common, norm, use.arguments[0], "<=", span)]
    return []


def is_conic(use: SetUse) -> bool:
    """Whether a set of a var is none that rows can say."""
    return use.name not in BOUND_SETS and use.name not in ("simplex", "free", *CONES, *NORMS)


def var_rows(model: Model, var: Var) -> list[Row]:
    """The rows of ``var w in S``, which carry the name of the var."""
    if var.set is None:
        return []
    value = VarValue(var.name, shape=var.shape, span=var.span)
    return set_rows(pretty(var.name), value, var.set, ((), None), var.span)


def pull_row(gradient: Gradient, row: Row, sign: float) -> None:
    """Add the terms that a row brings to stationarity."""
    coefficient = -1.0 if row.operator == "==" else sign
    shape = row.left.shape or row.right.shape
    whole = tuple(b.length for b in row.binders) + shape
    multiplier: Expr = Symbol(row.multiplier, shape=whole, span=row.span)
    if row.binders:
        items = tuple(At(BinderValue(b, shape=(), kind=Kind.INTEGER, span=row.span)) for b in row.binders)
        multiplier = Subscript(multiplier, items, shape=shape, span=row.span)
    conditions = () if row.condition is None else (row.condition,)
    place = Place(row.binders, conditions)
    for side, factor in ((row.left, coefficient), (row.right, -coefficient)):
        body = multiplier if side.shape == shape else apply("sum", (multiplier,), (), row.span)
        pull(gradient, side, Term(factor, body=body), place)


def show_sign(row: Row) -> str:
    """``λ ≥ 0``, or that λ lies in the dual of the cone."""
    if row.cone is None:
        return f"{row.name} ≥ 0"
    dual = "" if row.cone.name in SELF_DUAL else "*"
    return f"{row.name} ∈ {show_set(row.cone, Printer())}{dual}"


def show_row(row: Row) -> str:
    """``a ≤ b``, ``e ∈ K``."""
    printer = Printer()
    if row.cone is not None:
        return f"{printer.show(row.right)} ∈ {show_set(row.cone, printer)}"
    return f"{printer.show(row.left, 1)} {RELATIONS[row.operator]} {printer.show(row.right, 1)}"


def show_complementarity(row: Row) -> str:
    """``λ ∘ (b − a) = 0``, ``⟨λ, e⟩ = 0``."""
    if row.cone is not None:
        return f"⟨{row.name}, {Printer().show(row.right)}⟩ = 0"
    shape = row.left.shape or row.right.shape
    slack = apply("subtract", (row.right, row.left), shape, row.span)
    zero = isinstance(row.left, Expr) and getattr(row.left, "atom", "") == "zeros"
    if getattr(row.right, "atom", "") == "zeros":
        slack = apply("negate", (row.left,), shape, row.span)
    text = Printer().show(row.right if zero else slack, 2)
    return f"{row.name} {'∘' if shape else '·'} {text} = 0"


def show_membership(constraint: Constraint) -> str:
    """A constraint that is no row: ``e ∈ K``, ``a ⟂ b``."""
    printer = Printer()
    if isinstance(constraint, InSet):
        return f"{printer.show(constraint.value)} ∈ {show_set(constraint.set, printer)}"
    return " ".join(constraint.span.text.split())
