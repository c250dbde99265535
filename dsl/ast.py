"""The syntax tree of a ``.opt`` file.

Every node is frozen, keeps the place it was written at, and compares without it: two trees are equal
when they say the same, wherever it stands. Parentheses leave no node.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from karush.dsl.source import Source, Span


@dataclass(frozen=True, kw_only=True)
class Node:
    """Anything that was written somewhere."""

    span: Span = field(compare=False, repr=False)


# ---------------------------------------------------------------- expressions


@dataclass(frozen=True)
class Expr(Node):
    """An expression."""


@dataclass(frozen=True)
class Number(Expr):
    """``2``, ``0.5``, ``1e-3``; an ``int`` where it was written without point and exponent."""

    value: int | float


@dataclass(frozen=True)
class Boolean(Expr):
    """``true`` or ``false``."""

    value: bool


@dataclass(frozen=True)
class String(Expr):
    """``"…"``: names of primitives, paths."""

    value: str


@dataclass(frozen=True)
class Name(Expr):
    """A name in use."""

    id: str


@dataclass(frozen=True)
class Unary(Expr):
    """``-x``, ``+x``, ``not c``; ``operator`` is ``-``, ``+`` or ``not``."""

    operator: str
    operand: Expr


@dataclass(frozen=True)
class Binary(Expr):
    """``left operator right`` with ``+ - * / @ ^ and or``; ``**`` is read as ``^``."""

    operator: str
    left: Expr
    right: Expr


@dataclass(frozen=True)
class Compare(Expr):
    """A chain ``e0 op0 e1 op1 e2``; the operators are among ``== != <= >= < >``."""

    operands: tuple[Expr, ...]
    operators: tuple[str, ...]


@dataclass(frozen=True)
class Membership(Expr):
    """``value in set``; ``set`` is an arithmetic expression: a name, a call, a set comprehension."""

    value: Expr
    set: Expr


@dataclass(frozen=True)
class Perp(Expr):
    """``left perp right``: complementarity of two comparisons (or of two expressions)."""

    left: Expr
    right: Expr


@dataclass(frozen=True)
class IfElse(Expr):
    """``if condition then then else orelse``."""

    condition: Expr
    then: Expr
    orelse: Expr


@dataclass(frozen=True)
class Attribute(Expr):
    """``value.name``; ``e.T`` is the transpose."""

    value: Expr
    name: str


@dataclass(frozen=True)
class Slice(Node):
    """``lower:upper`` within brackets; an absent end is None."""

    lower: Expr | None
    upper: Expr | None


@dataclass(frozen=True)
class Index(Expr):
    """``value[i, 0:T, src]``."""

    value: Expr
    indices: tuple[Expr | Slice, ...]


@dataclass(frozen=True)
class Argument(Node):
    """``value`` or ``name = value`` in a call."""

    name: str | None
    value: Expr


@dataclass(frozen=True)
class Binder(Node):
    """One binder of a clause: ``i in n`` (``sizes`` is None) or ``y[n] in S`` / ``z[h]`` of an inline problem.

    ``domain`` is the index set or the set; None where an inline problem names none.
    """

    name: str
    sizes: tuple[Expr, ...] | None
    domain: Expr | None


@dataclass(frozen=True)
class Clause(Node):
    """``for i in n, j in m if condition``."""

    binders: tuple[Binder, ...]
    condition: Expr | None


@dataclass(frozen=True)
class Call(Expr):
    """``function(arguments)`` or ``function(argument for …)``; ``clause`` is None without a ``for``."""

    function: Expr
    arguments: tuple[Argument, ...]
    clause: Clause | None = None


@dataclass(frozen=True)
class Array(Expr):
    """``[a, b, c]``."""

    items: tuple[Expr, ...]


@dataclass(frozen=True)
class Comprehension(Expr):
    """``[body for i in n, j in m if c]``."""

    body: Expr
    clause: Clause


# ---------------------------------------------------------------- statements


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
    """``prox(step) = expr``."""

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
    """A whole file. ``doc`` is the ``##`` comment before its first statement."""

    source: Source = field(compare=False, repr=False)
    statements: tuple[Statement, ...]
    doc: str | None = field(default=None, compare=False, repr=False)
