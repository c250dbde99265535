"""The optimal value of every graph form is the value of its atom, by CVXPY.

The graph is read as the language reads it, statement by statement, with cvxpy expressions for its unknowns.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from itertools import pairwise, product
from typing import Any

import cvxpy as cp
import numpy as np
import pytest

from karush.compiler.analyse import analyse_text
from karush.compiler.library import load_library
from karush.dsl import ast
from karush.stdlib.lattice import Curvature
from karush.stdlib.primitives.table import PRIMITIVES

SIZE = 3
LIBRARY = load_library()
GRAPHS = {n: a for n in sorted(LIBRARY.atom_names()) if (a := LIBRARY.atom(n)) is not None and a.graph is not None}

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "/": operator.truediv,
    "@": operator.matmul,
    "^": operator.pow,
}

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {"<=": operator.le, "==": operator.eq, "<": operator.lt}

CALLS: dict[str, Callable[..., Any]] = {
    "sum": cp.sum,
    "trace": cp.trace,
    "vec": lambda x: cp.vec(x, order="C"),
    "diag": cp.diag,
    "eye": np.eye,
    "concat": lambda *parts: (cp.hstack if parts[0].ndim == 1 else cp.vstack)(parts),
}


def primitive_of(name: str) -> Callable[..., Any]:
    """An atom of numbers that a graph applies to what is constant in it."""
    atom = LIBRARY.atom(name)
    assert atom is not None and atom.primitive is not None
    function = PRIMITIVES[atom.primitive]
    return lambda *arguments: np.asarray(function(*arguments))


class Reader:
    """Values of the expressions of a graph where names stand for these numbers and unknowns."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names

    def value(self, node: ast.Expr) -> Any:
        match node:
            case ast.Number():
                return node.value
            case ast.Name():
                return self.names[node.id]
            case ast.Unary():
                return -self.value(node.operand)
            case ast.Binary(operator="*"):
                left, right = self.value(node.left), self.value(node.right)
                return cp.multiply(left, right) if np.shape(left) == np.shape(right) else left * right
            case ast.Binary():
                return OPERATORS[node.operator](self.value(node.left), self.value(node.right))
            case ast.Attribute(name="T"):
                return self.value(node.value).T
            case ast.Index():
                return self.value(node.value)[tuple(self.index(i) for i in node.indices)]
            case ast.Array():
                items = [self.value(item) for item in node.items]
                return cp.hstack(items) if np.ndim(items[0]) == 0 else cp.vstack(items)
            case ast.Call(function=ast.Name()):
                known = CALLS.get(node.function.id) or primitive_of(node.function.id)
                return known(*(self.value(a.value) for a in node.arguments))
        raise AssertionError(f"graphs do not use {type(node).__name__}")

    def index(self, node: ast.Expr | ast.Slice) -> Any:
        if not isinstance(node, ast.Slice):
            return int(self.value(node))
        return slice(*(None if end is None else int(self.value(end)) for end in (node.lower, node.upper)))

    # ------------------------------------------------------------ statements

    def unknown(self, item: ast.Declaration) -> list[cp.Constraint]:
        self.names[item.name] = cp.Variable(tuple(int(self.value(size)) for size in item.sizes))
        return [] if item.set is None else self.member(self.names[item.name], item.set)

    def constraint(self, node: ast.Constraint) -> list[cp.Constraint]:
        if node.clause is None:
            return self.row(node.relation)
        binders, condition = node.clause.binders, node.clause.condition
        found = []
        for place in product(*(self.range(binder.domain) for binder in binders)):
            here = Reader({**self.names, **{b.name: i for b, i in zip(binders, place, strict=True)}})
            if condition is None or here.holds(condition):
                found += here.row(node.relation)
        return found

    def holds(self, condition: ast.Expr) -> bool:
        assert isinstance(condition, ast.Compare)
        left, right = (self.value(operand) for operand in condition.operands)
        return bool(COMPARISONS[condition.operators[0]](left, right))

    def range(self, node: ast.Expr | None) -> range:
        if isinstance(node, ast.Call):
            return range(*(int(self.value(a.value)) for a in node.arguments))
        return range(int(self.value(node)))

    def row(self, relation: ast.Expr) -> list[cp.Constraint]:
        if isinstance(relation, ast.Membership):
            return self.member(self.value(relation.value), relation.set)
        assert isinstance(relation, ast.Compare)
        values = [self.value(operand) for operand in relation.operands]
        compare = [COMPARISONS[o] for o in relation.operators]
        return [c(a, b) for c, (a, b) in zip(compare, pairwise(values), strict=True)]

    def member(self, value: Any, node: ast.Expr) -> list[cp.Constraint]:
        name = node.function.id if isinstance(node, ast.Call) else node.id
        match name:
            case "nonneg":
                return [value >= 0]
            case "nonpos":
                return [value <= 0]
            case "soc":
                return [cp.SOC(value[0], value[1:])]
            case "exp_cone":
                return [cp.ExpCone(value[0], value[1], value[2])]
            case "pow_cone":
                return [cp.PowCone3D(value[0], value[1], value[2], self.value(node.arguments[0].value))]
            case "psd":
                return [(value + value.T) / 2 >> 0]
        raise AssertionError(f"graphs do not use {name}")


def optimal_value(graph: tuple[ast.Statement, ...], names: dict[str, Any]) -> float:
    """The optimal value of a graph for these arguments."""
    reader = Reader(dict(names))
    rows: list[cp.Constraint] = []
    goal: cp.Objective | None = None
    for statement in graph:
        match statement:
            case ast.Var():
                rows += [row for item in statement.items for row in reader.unknown(item)]
            case ast.Objective():
                sense = cp.Minimize if statement.sense == "minimize" else cp.Maximize
                goal = sense(reader.value(statement.value))
            case ast.Constraint():
                rows += reader.constraint(statement)
    assert goal is not None
    problem = cp.Problem(goal, rows)
    problem.solve(solver=cp.CLARABEL)
    return float(problem.value)


@pytest.mark.parametrize("name", GRAPHS)
def test_graph_value_is_the_value(bench, name: str) -> None:
    atom = GRAPHS[name]
    here = bench.probe(name)
    unsized = all(p.sizes is None for p in atom.params)
    elementwise = unsized and np.ndim(here(bench.sample(name, np.random.default_rng(0)))) > 0
    random = np.random.default_rng(8)
    for _ in range(3):
        arguments = bench.sample(name, random)
        value = np.asarray(here(arguments))
        sizes = {size: SIZE for p in atom.params for size in p.sizes or ()}
        if elementwise:
            arguments = {k: v[(0,) * v.ndim] for k, v in arguments.items()}
            value = value[(0,) * value.ndim]
        found = optimal_value(atom.graph, {**sizes, **arguments})
        np.testing.assert_allclose(found, value, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", GRAPHS)
def test_graph_has_the_sense_of_the_curvature(name: str) -> None:
    atom = GRAPHS[name]
    (sense,) = {s.sense for s in atom.graph if isinstance(s, ast.Objective)}
    curvatures = {curvature for _, curvature in atom.curvature}
    assert curvatures == {Curvature.CONVEX if sense == "minimize" else Curvature.CONCAVE}


CURVED = [(n, c) for n in sorted(LIBRARY.atom_names()) if (a := LIBRARY.atom(n)) is not None for c in a.curvature]
BENT = [(n, *c) for n, c in CURVED if c[1] is not Curvature.AFFINE]
CLOSURES = {"pos": "nonneg", "pd": "psd"}


@pytest.mark.parametrize(("name", "names", "curvature"), BENT, ids=[f"{n}-{'-'.join(names)}" for n, names, _ in BENT])
def test_every_curved_atom_makes_a_convex_program(name: str, names: tuple[str, ...], curvature: Curvature) -> None:
    """Where it is convex in its vars it has a graph form, or is quadratic, so that some cone program holds it."""
    atom = LIBRARY.atom(name)
    assert atom is not None
    lines = ["dim n"]
    for item in atom.declaration.header:
        sizes = f"[{', '.join('n' for _ in item.sizes)}]" if item.sizes else ""
        stated = "" if item.set is None else "index(n)" if "index" in item.set.span.text else item.set.span.text
        member = CLOSURES.get(stated, stated) if item.name in names else stated
        kind = "var" if item.name in names else "param"
        lines.append(f"{kind} {item.name}{sizes}" + (f" in {member}" if member else ""))
    sense = "minimize" if curvature is Curvature.CONVEX else "maximize"
    found = analyse_text("\n".join([*lines, f"{sense} {name}({', '.join(p.name for p in atom.params)})"]) + "\n")
    assert found.classification is not None
    assert found.classification.convex and found.classification.problem_class != "NLP"
