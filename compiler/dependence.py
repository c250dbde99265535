"""What an expression depends on: free binders, params, vars. Static questions, each answered once per node."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from operator import attrgetter
from typing import Any

from karush.compiler.model import (
    Apply,
    At,
    Binder,
    BinderValue,
    Complementarity,
    Comprehension,
    Constant,
    Constraint,
    DerivativeOf,
    DualValue,
    Expr,
    InlineProblem,
    InSet,
    Model,
    ModelField,
    Named,
    ParamValue,
    Reduce,
    Relation,
    SetUse,
    SizeValue,
    Subscript,
    VarValue,
)

_REGULAR = """
    add subtract multiply negate equal not_equal less less_equal greater greater_equal and or not maximum minimum
    matmul transpose concat stack zeros ones eye diag reshape sum mean max min sumsq square quad abs relu pos_part
    neg_part norm1 norminf huber hinge sum_largest sum_smallest cumsum diff trace vec kron tv squared absolute
    sin cos tanh sigmoid softplus clip sign floor ceil round sort median"""

REGULAR_ATOMS = frozenset(_REGULAR.split())
"""Atoms whose value and derivative are finite wherever their arguments are (barring overflow)."""


def children(expr: Expr) -> tuple[Expr, ...]:
    """The expressions directly below a node, the shared value of a let included."""
    below = _BELOW.get(type(expr))
    return () if below is None else below(expr)


def _of_subscript(expr: Subscript) -> tuple[Expr, ...]:
    return (expr.value, *(item.index for item in expr.items if isinstance(item, At)))


def _of_reduce(expr: Reduce) -> tuple[Expr, ...]:
    return (expr.body,) if expr.condition is None else (expr.condition, expr.body)


def _of_call(expr: ModelField | InlineProblem) -> tuple[Expr, ...]:
    return tuple(expr.call.arguments.values())


def _of_derivative(expr: DerivativeOf) -> tuple[Expr, ...]:
    below = (expr.value, expr.wrt)
    return below if expr.direction is None else (*below, expr.direction)


_BELOW: Mapping[type[Expr], Callable[[Any], tuple[Expr, ...]]] = {
    Apply: attrgetter("arguments"),
    Named: lambda expr: (expr.value,),
    Subscript: _of_subscript,
    Comprehension: lambda expr: (expr.body,),
    Reduce: _of_reduce,
    ModelField: _of_call,
    InlineProblem: _of_call,
    DerivativeOf: _of_derivative,
}
"""What stands below the nodes of each type; below all others nothing does. Every pass asks this for every node."""


def walk(*roots: Expr, known: Container[Expr] = (), instead: Mapping[Expr, Expr] | None = None) -> Iterator[Expr]:
    """Every node below the roots once, children before parents; known nodes, and what is below them, are passed over.

    A table of answers is its own ``known``: asked root by root, it then costs one visit of every node in all. Where
    ``instead`` has another expression for a node, that one is walked.
    """
    instead = {} if instead is None else instead
    seen: set[Expr] = set()
    stack: list[Expr | tuple[Expr]] = [*reversed(roots)]  # a node whose children have been seen to stands in a tuple
    while stack:
        node = stack.pop()
        if isinstance(node, tuple):
            yield node[0]
            continue
        node = instead.get(node, node)
        if node not in seen and node not in known:
            seen.add(node)
            below = children(node)
            if below:
                stack.append((node,))
                stack.extend(reversed(below))
            else:
                yield node


def roots_of(model: Model) -> list[Expr]:
    """The expressions of a model that are part of no other: arguments of sets first, since signs come from them."""
    found: list[Expr] = []
    for param in model.params.values():
        found += [*_arguments(param.set), *_present(param.default)]
    for var in model.vars.values():
        found += [*_arguments(var.set), *_present(var.start)]
    found += model.lets.values()
    found += [objective.value for objective in (model.objective, model.saddle) if objective is not None]
    for constraint in model.constraints:
        found += constraint_roots(constraint)
    return found


def constraint_roots(constraint: Constraint) -> list[Expr]:
    """The expressions of a constraint: what it relates, arguments of its set, its filter."""
    found: list[Expr] = []
    match constraint:
        case Relation():
            found += constraint.operands
        case InSet():
            found += [constraint.value, *_arguments(constraint.set)]
        case Complementarity():
            found += [*constraint.left.operands, *constraint.right.operands]
    return found + _present(constraint.condition)


def _arguments(use: SetUse | None) -> tuple[Expr, ...]:
    return use.arguments if use is not None else ()


def _present(expr: Expr | None) -> list[Expr]:
    return [] if expr is None else [expr]


class First:
    """The first leaf of a type below an expression, in the order of the text; every node is looked at once."""

    def __init__(self, leaf: type[Expr]) -> None:
        self._leaf = leaf
        self._found: dict[Expr, Expr | None] = {}

    def below(self, *roots: Expr) -> Expr | None:
        """The first leaf below these roots; None where there is none."""
        for node in walk(*roots, known=self._found):
            own = node if isinstance(node, self._leaf) else None
            self._found[node] = own or next(filter(None, map(self._found.get, children(node))), None)
        return next(filter(None, map(self._found.get, roots)), None)


class Dependence:
    """Answers for the nodes of one model, kept by node; ``affine`` keeps those of facts/linearity.py."""

    def __init__(self) -> None:
        self.affine: dict[Expr, bool] = {}
        self._binders: dict[Expr, frozenset[Binder]] = {}
        self._names: dict[Expr, frozenset[str]] = {}
        self._regular: dict[Expr, bool] = {}

    def binders(self, expr: Expr) -> frozenset[Binder]:
        """The binders that occur free."""
        if expr not in self._binders:
            self._visit(expr)
        return self._binders[expr]

    def names(self, expr: Expr) -> frozenset[str]:
        """The vars and params that occur, vars as ``var x``, params as ``param p``, duals as ``dual l``."""
        if expr not in self._names:
            self._visit(expr)
        return self._names[expr]

    def regular(self, expr: Expr) -> bool:
        """Is there no operation below that can be NaN, or have an infinite slope, at finite arguments?"""
        if expr not in self._regular:
            self._visit(expr)
        return self._regular[expr]

    def varies(self, expr: Expr) -> bool:
        """Does it depend on a var (or on a multiplier)?"""
        return any(not name.startswith("param ") for name in self.names(expr))

    def vars(self, expr: Expr) -> frozenset[str]:
        """Names of the vars that occur."""
        return frozenset(name[4:] for name in self.names(expr) if name.startswith("var "))

    def _visit(self, root: Expr) -> None:
        for node in walk(root, known=self._binders):
            below = children(node)
            free = frozenset().union(*(self._binders[child] for child in below))
            if isinstance(node, (Comprehension, Reduce)):
                free -= frozenset(node.binders)
            elif isinstance(node, BinderValue):
                free = frozenset((node.binder,))
            self._binders[node] = free
            self._names[node] = frozenset(_own_name(node)).union(*(self._names[child] for child in below))
            self._regular[node] = _is_regular(node) and all(self._regular[child] for child in below)


def _own_name(node: Expr) -> tuple[str, ...]:
    match node:
        case ParamValue():
            return (f"param {node.name}",)
        case VarValue():
            return (f"var {node.name}",)
        case DualValue():
            return (f"dual {node.label}",)
        case _:
            return ()


def _is_regular(node: Expr) -> bool:
    match node:
        case Apply(atom="divide", arguments=(_, divisor)):
            return isinstance(divisor, SizeValue) or (isinstance(divisor, Constant) and divisor.value != 0)
        case Apply(atom="power", arguments=(_, exponent)):
            return isinstance(exponent, Constant) and exponent.value == int(exponent.value) >= 0
        case Apply():
            return node.atom in REGULAR_ATOMS or node.atom == "if"
        case Reduce():
            return node.operator in ("sum", "mean", "max", "min")
        case ModelField() | InlineProblem() | DerivativeOf():
            return False
        case _:
            return True
