"""The syntax tree of a ``.opt`` file.

Every node is frozen, keeps the place it was written at, and compares without it: two trees are equal
when they say the same, wherever it stands. Parentheses leave no node.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from karush.dsl.ast_expressions import (
    Argument,
    Array,
    Attribute,
    Binary,
    Binder,
    Boolean,
    Call,
    Clause,
    Compare,
    Comprehension,
    Expr,
    IfElse,
    Index,
    Membership,
    Name,
    Node,
    Number,
    Perp,
    Slice,
    String,
    Unary,
)
from karush.dsl.source import Source, Span

__all__ = [
    "Argument",
    "Array",
    "AtomCurvature",
    "AtomDeclaration",
    "AtomGraph",
    "AtomMonotonicity",
    "AtomProx",
    "AtomRange",
    "AtomRule",
    "AtomValue",
    "Attribute",
    "Binary",
    "Binder",
    "Boolean",
    "Call",
    "Clause",
    "Compare",
    "Comprehension",
    "Constraint",
    "Declaration",
    "Derivative",
    "Dim",
    "Expr",
    "Find",
    "Fn",
    "IfElse",
    "Import",
    "Index",
    "Let",
    "Membership",
    "ModelBlock",
    "Module",
    "Name",
    "Node",
    "Number",
    "Objective",
    "Param",
    "Perp",
    "Return",
    "Saddle",
    "SetDeclaration",
    "Slice",
    "Statement",
    "String",
    "SubjectTo",
    "Unary",
    "Using",
    "Var",
]


@dataclass(frozen=True)
class Statement(Node):
    """A statement; ``doc`` is the text of the ``##`` comments that belong to it, lines joined by newlines."""

    doc: str | None = field(default=None, kw_only=True, compare=False, repr=False)


@dataclass(frozen=True)
class Declaration(Node):
    """``name[sizes] in set = default``: one item of a ``param`` or ``var`` statement or of a header.

    ``sizes`` is empty for a scalar. ``name_span`` is the place of the name alone.
    """

    name: str
    sizes: tuple[Expr, ...]
    set: Expr | None
    default: Expr | None
    name_span: Span = field(compare=False, repr=False, kw_only=True)
    doc: str | None = field(default=None, kw_only=True, compare=False, repr=False)


@dataclass(frozen=True)
class Dim(Statement):
    """``dim n, T = 20``: items are Declarations without sizes and set."""

    items: tuple[Declaration, ...]


@dataclass(frozen=True)
class Param(Statement):
    """``param …``."""

    items: tuple[Declaration, ...]


@dataclass(frozen=True)
class Var(Statement):
    """``var …``."""

    items: tuple[Declaration, ...]


@dataclass(frozen=True)
class Let(Statement):
    """``let name = value``."""

    name: str
    value: Expr
    name_span: Span = field(compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class Return(Statement):
    """``return value``: the last statement of a fn block."""

    value: Expr


@dataclass(frozen=True)
class Fn(Statement):
    """``fn f(x, y[n]) = expr`` (body is one Return) or ``fn f(x) { let …; return … }``."""

    name: str
    header: tuple[Declaration, ...]
    body: tuple[Let | Return, ...]
    name_span: Span = field(compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class ModelBlock(Statement):
    """``model name(header) { body }``."""

    name: str
    header: tuple[Declaration, ...]
    body: tuple[Statement, ...]
    name_span: Span = field(compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class SetDeclaration(Statement):
    """``set halfspace(a[n], b) = {x[n] : a @ x <= b}``."""

    name: str
    header: tuple[Declaration, ...]
    element: Declaration
    condition: Expr
    name_span: Span = field(compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class AtomValue(Statement):
    """``value = expr``, or ``value = primitive "name"`` (then ``primitive`` is the name and value None)."""

    value: Expr | None
    primitive: str | None


@dataclass(frozen=True)
class AtomRange(Statement):
    """``range SET``."""

    set: Expr


@dataclass(frozen=True)
class AtomCurvature(Statement):
    """``convex in x, y``; ``curvature`` is ``convex``, ``concave`` or ``affine``."""

    curvature: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class AtomMonotonicity(Statement):
    """``nondecreasing in x [for x in SET]``; ``monotonicity`` is ``nondecreasing`` or ``nonincreasing``."""

    monotonicity: str
    names: tuple[str, ...]
    clause: Clause | None


@dataclass(frozen=True)
class AtomRule(Statement):
    """``rule x = expr``: the partial derivative in x."""

    name: str
    value: Expr


@dataclass(frozen=True)
class AtomGraph(Statement):
    """``graph { … }``: a nameless inner model whose optimal value is the atom."""

    body: tuple[Statement, ...]


@dataclass(frozen=True)
class AtomProx(Statement):
    """``prox(step) = expr``, or ``prox(step) = primitive "name"`` (then ``value`` is the name as a `String`)."""

    step: str
    value: Expr


@dataclass(frozen=True)
class AtomDeclaration(Statement):
    """``atom name(header) { clauses }``."""

    name: str
    header: tuple[Declaration, ...]
    clauses: tuple[Statement, ...]
    name_span: Span = field(compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class Import(Statement):
    """``import "svm.opt" as svm`` (``path``) or ``import stdlib.losses`` (``module``)."""

    path: str | None
    module: tuple[str, ...] | None
    alias: str | None


@dataclass(frozen=True)
class Objective(Statement):
    """``minimize [label:] value`` or ``maximize``; ``sense`` is ``minimize`` or ``maximize``."""

    sense: str
    label: str | None
    value: Expr


@dataclass(frozen=True)
class Saddle(Statement):
    """``minimize [label:] value over x, y maximize over z``."""

    label: str | None
    value: Expr
    minimized: tuple[Name, ...]
    maximized: tuple[Name, ...]


@dataclass(frozen=True)
class Find(Statement):
    """``find z, y``."""

    unknowns: tuple[Name, ...]


@dataclass(frozen=True)
class SubjectTo(Statement):
    """The marker ``subject to``; its constraints follow it as statements of the same list."""


@dataclass(frozen=True)
class Constraint(Statement):
    """``[label:] relation [for …]``; ``relation`` is a Compare, a Membership or a Perp."""

    label: str | None
    relation: Expr
    clause: Clause | None
    label_span: Span | None = field(default=None, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class Using(Statement):
    """``using NAME(option = value, …)``."""

    name: str
    options: tuple[Argument, ...]


@dataclass(frozen=True)
class Derivative(Statement):
    """``derivative NAME(option = value, …)``; ``derivative rule(relu = 0.5)`` has the name ``rule``."""

    name: str
    options: tuple[Argument, ...]


@dataclass(frozen=True)
class Module(Node):
    """A whole file. ``doc`` is the ``##`` comment before its first statement.

    ``poisoned`` are the names in statements that could not be read: nothing is said about them further on.
    """

    source: Source = field(compare=False, repr=False)
    statements: tuple[Statement, ...]
    doc: str | None = field(default=None, compare=False, repr=False)
    poisoned: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
