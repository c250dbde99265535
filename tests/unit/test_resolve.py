"""Typed models from texts: shapes, kinds, sizes, scopes, and what is said where they do not fit."""

from __future__ import annotations

import pytest

from karush.compiler.analyse import analyse_text
from karush.compiler.dependence import walk
from karush.compiler.model import (
    Apply,
    At,
    Complementarity,
    Comprehension,
    Constant,
    DualValue,
    Kind,
    ModelField,
    Named,
    ParamValue,
    Range,
    Reduce,
    Relation,
    SizeValue,
    Subscript,
)
from karush.compiler.names.labels import labels_of
from karush.stdlib.shape import show_shape
from tests.unit.resolving import codes, model_of, shape_of, value_of


@pytest.mark.parametrize(
    ("expression", "shape"),
    [
        ("2 * X - 1", "[m, d]"),
        ("X @ b", "[m]"),
        ("X.T @ X", "[d, d]"),
        ("y @ X", "[d]"),
        ("y @ y", "a scalar"),
        ("y.T @ y", "a scalar"),
        ("v @ A @ v", "a scalar"),
        ("X[0]", "[d]"),
        ("X[:, 0]", "[m]"),
        ("X[-1, 0]", "a scalar"),
        ("X[1:, :-1]", "[m - 1, d - 1]"),
        ("X[:3]", "[3, d]"),
        ("v[src]", "[m]"),
        ("A[:, src]", "[n, m]"),
        ("v[[0, 2]]", "[2]"),
        ("[X[i] for i in m]", "[m, d]"),
        ("[[1, 2], [3, 4]]", "[2, 2]"),
        ("[i * j for i in range(1, n), j in range(0, T, 2)]", "[n - 1, ceil((T) / 2)]"),
        ("sum(X[i] for i in m)", "[d]"),
        ("sum(X)", "a scalar"),
        ("max(X, 0)", "[m, d]"),
        ("max(X)", "a scalar"),
        ("min(y, 1, y)", "[m]"),
        ("concat(y, b, [1])", "[d + m + 1]"),
        ("stack(y, 2 * y)", "[2, m]"),
        ("zeros(n, T + 1)", "[n, T + 1]"),
        ("eye(n) + A", "[n, n]"),
        ("diag(v)", "[n, n]"),
        ("diag(A)", "[n]"),
        ("vec(X)", "[d * m]"),
        ("reshape(X, d * m)", "[d * m]"),
        ("solve(A, v)", "[n]"),
        ("solve(A, A)", "[n, n]"),
        ("kron(X, A)", "[m * n, d * n]"),
        ("diff(v)", "[n - 1]"),
        ("sort(v)", "[n]"),
        ("range(2, n)", "[n - 2]"),
        ("if c > 0 then v else 0", "[n]"),
        ("norm(y, 1) + norm(y, 2) + norm(y, 3)", "a scalar"),
        ("quad(v, A)", "a scalar"),
        ("matrix_frac(v, A)", "a scalar"),
        ("huber(X)", "[m, d]"),
        ("huber(X, delta = 2)", "[m, d]"),
        ("cross_entropy(v, k)", "a scalar"),
        ("[v[t:t + 3] for t in range(n - 2)]", "[n - 2, 3]"),
    ],
)
def test_shapes_follow_from_operators_indices_and_clauses(expression: str, shape: str) -> None:
    assert shape_of(expression) == shape


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("2", Kind.INTEGER),
        ("2.0", Kind.REAL),
        ("n + 1", Kind.INTEGER),
        ("n / 2", Kind.REAL),
        ("k * 2 - 1", Kind.INTEGER),
        ("k ^ 2", Kind.INTEGER),
        ("2 ^ -1", Kind.REAL),
        ("c > 0 and on", Kind.BOOLEAN),
        ("if on then 1 else 2", Kind.INTEGER),
        ("if on then 1 else c", Kind.REAL),
        ("sum(i for i in n)", Kind.INTEGER),
        ("[i for i in n]", Kind.INTEGER),
    ],
)
def test_kinds(expression: str, kind: Kind) -> None:
    assert value_of(expression).kind is kind


def test_sizes_fold_into_one_size() -> None:
    value = value_of("2 * (T + 1) - T")
    assert isinstance(value, SizeValue)
    assert str(value.size) == "T + 2"
    assert isinstance(value_of("T - T"), Constant)


def test_a_negative_literal_counts_from_the_end() -> None:
    value = value_of("v[-2]")
    assert isinstance(value, Subscript)
    (item,) = value.items
    assert isinstance(item, At)
    assert isinstance(item.index, SizeValue)
    assert str(item.index.size) == "n - 2"


def test_absent_axes_of_a_subscript_are_whole_ranges() -> None:
    value = value_of("X[0]")
    assert isinstance(value, Subscript)
    assert isinstance(value.items[1], Range)
    assert (str(value.items[1].start), str(value.items[1].stop)) == ("0", "d")


def test_a_let_is_one_node_with_many_parents() -> None:
    model = model_of("param a[3]\nlet s = sum(a)\nlet t = s * s + s\n")
    uses = [node for node in walk(model.lets["t"]) if isinstance(node, Named)]
    assert len(uses) == 3
    assert {id(node.value) for node in uses} == {id(model.lets["s"])}


def test_a_fn_is_inlined_with_shared_arguments() -> None:
    model = model_of(
        "dim n\nparam a[n], B[n, n]\nfn q(x[k], c = 2.0) { let y = B @ x; return c * (x @ y) }\nlet r = q(a)\n"
    )
    value = model.lets["r"]
    assert isinstance(value, Apply)
    assert value.atom == "multiply"
    names = {node.name for node in walk(value) if isinstance(node, ParamValue)}
    assert names == {"a", "B"}


def test_reductions_keep_binders_and_filter() -> None:
    value = value_of("sum(y[i] for i in m if src[i] == k)")
    assert isinstance(value, Reduce)
    assert [b.dim for b in value.binders] == ["m"]
    assert isinstance(value.condition, Apply)
    assert value.condition.atom == "equal"


def test_ranges_have_start_step_and_length() -> None:
    value = value_of("[i for i in range(n - 1, -1, -1)]")
    assert isinstance(value, Comprehension)
    (binder,) = value.binders
    assert (str(binder.start), binder.step, str(binder.length)) == ("n - 1", -1, "n")


def test_literal_indices_are_conditions_on_the_data() -> None:
    model = model_of("dim n, T\nparam a[n], u[T + 1, 2]\nlet b = a[3] + a[-2] + u[10, 1] + sum(a[0:5])\n")
    assert [(str(c.size), c.least) for c in model.conditions] == [("n", 4), ("n", 2), ("T", 10), ("n", 5)]


def test_header_sizes_are_new_and_bound_by_each_call() -> None:
    text = "dim n, m\nparam a[n], b[m]\nfn f(x[d]) = sum(x[i + 1] - x[i] for i in range(d - 1))\nlet s = f(a) + f(b)\n"
    model = model_of(text)
    lengths = [str(node.binders[0].length) for node in walk(model.lets["s"]) if isinstance(node, Reduce)]
    assert lengths == ["n - 1", "m - 1"]


def test_header_sizes_with_arithmetic_are_solved_for() -> None:
    text = "dim T\nparam a[T + 1]\nfn f(x[n + 1]) = [x[i + 1] - x[i] for i in n]\nlet s = f(a)\n"
    assert show_shape(model_of(text).lets["s"].shape) == "[T]"


def test_chains_boxes_and_filters_give_labels_their_shape() -> None:
    model = model_of(
        "dim n, T\nparam lo[n]\nvar u[T, n], w[n] in simplex, z in box(0, 1), q[n]\nminimize sumsq(u) + sum(w) + z\n"
        "subject to\n  rate: -1 <= u[t] - u[t - 1] <= 1 for t in range(1, T)\n  low: q >= lo\n  q <= 1\n"
    )
    found = {name: (show_shape(info.shape), info.sides) for name, info in labels_of(model).items()}
    assert found == {
        "w": ("[n]", ()),
        "z": ("a scalar", ("lower", "upper")),
        "rate": ("[T - 1, n]", ("lower", "upper")),
        "low": ("[n]", ()),
    }


def test_duals_have_the_shape_of_their_clause() -> None:
    model = model_of(
        "dim n\nvar x[n] in box(0, 1)\nminimize sumsq(x)\nsubject to\n  row: x[i] + x[0] == 1 for i in range(1, n)\n"
        "let p = dual(row)\nlet lo = dual(x.lower)\nlet up = dual(x).upper\n"
    )
    shapes = {name: show_shape(value.shape) for name, value in model.lets.items()}
    assert shapes == {"p": "[n - 1]", "lo": "[n]", "up": "[n]"}
    assert all(isinstance(value, DualValue) for value in model.lets.values())


def test_options_are_plain_values() -> None:
    model = model_of(
        "var x\nminimize x^2\nusing ipm(tol = 1e-8, max_iter = 5)\nderivative implicit(linear = gmres, active = 0.01)\n"
        "derivative rule(relu = 0.5, abs = -1)\n"
    )
    assert model.using is not None
    assert model.derivative is not None
    assert (model.using.name, dict(model.using.options)) == ("ipm", {"tol": 1e-8, "max_iter": 5})
    assert dict(model.derivative.options) == {"linear": "gmres", "active": 0.01}
    assert model.rules == {"relu": 0.5, "abs": -1.0}


def test_inner_models_are_typed_and_kept() -> None:
    text = (
        "dim m, v, d\nmodel ridge(A[s, d], b[s], lam in pos) {\n  var w[d], e[s]\n"
        "  minimize cost: sumsq(A @ w - b - e)\n"
        "  subject to\n    fit: e == 0\n}\nparam X[m, d], y[m]\nlet sol = ridge(A = X, b = y, lam = 1)\n"
        "let w = sol.w\nlet p = sol.dual.fit\nlet o = ridge(A = X, b = y, lam = 2).objective\n"
    )
    model = model_of(text)
    shapes = {name: show_shape(value.shape) for name, value in model.lets.items()}
    assert shapes == {"w": "[d]", "p": "[m]", "o": "a scalar"}
    assert isinstance(model.lets["w"], ModelField)
    assert [inner.name for inner in model.models] == ["ridge"]
    assert not model.unavailable


def test_an_inner_model_sees_no_lets_of_the_file() -> None:
    analysis = analyse_text(
        "param a\nlet b = a\nmodel f(c) {\n  var x\n  minimize (x - a - b - c)^2\n}\nlet r = f(1).x\n"
    )
    assert codes(analysis) == ["E0201"]
    assert "out of sight" in analysis.diagnostics[0].message


def test_complementarity_and_find_are_typed() -> None:
    model = model_of("dim f\nparam c[f]\nvar q[f]\nfind q\nsubject to\n  out: 0 <= q perp c + q >= 0\n")
    (row,) = model.constraints
    assert isinstance(row, Complementarity)
    assert isinstance(row.left, Relation)
    assert model.find == ("q",)
