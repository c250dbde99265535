"""Typed models from texts: shapes, kinds, sizes, scopes, and what is said where they do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from karush.compiler.analyse import Analysis, analyse, analyse_text
from karush.compiler.dependence import walk
from karush.compiler.model import (
    Apply,
    At,
    Complementarity,
    Comprehension,
    Constant,
    DualValue,
    Expr,
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
from karush.dsl.source import Source
from karush.stdlib.shape import show_shape

HEAD = """dim n, m, d, T = 20
param X[m, d], A[n, n], y[m], b[d], v[n], c, k in index(n), src[m] in index(n), on in bool
"""


def model_of(text: str):
    analysis = analyse_text(text)
    assert analysis.model is not None, [f.message for f in analysis.diagnostics]
    return analysis.model


def codes(analysis: Analysis) -> list[str]:
    return [finding.code for finding in analysis.diagnostics]


def value_of(expression: str) -> Expr:
    return model_of(f"{HEAD}let it = {expression}\n").lets["it"]


def shape_of(expression: str) -> str:
    return show_shape(value_of(expression).shape)


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


@pytest.mark.parametrize(
    "index",
    [
        "x[t] for t in T",
        "x[T - 1 - t] for t in T",
        "x[t - 1] for t in range(1, T)",
        "x[t + 1] for t in range(T - 1)",
        "x[2 * t] for t in range((T - 9) * 0 + 1)",
        "x[t + 1] for t in T if t + 1 < T",
        "x[t - 1] for t in T if 0 < t and t < 5",
        "(if t > 0 then x[t - 1] else 0) for t in T",
        "(if t == 0 then 0 else x[t - 1]) for t in T if not t <= 0",
        "x[max(t - 1, 0)] for t in T",
        "x[min(t + 1, T - 1)] for t in T",
        "z[i * m + j] for i in n, j in m",
        "x[t] for t in range(T - 1, -1, -1)",
        "x[t] for t in range(0, T, 3)",
        "x[at[i]] for i in m",
        "x[T - 1 - at[i]] for i in m",
    ],
)
def test_indices_proved_in_range(index: str) -> None:
    text = f"dim T, n, m\nparam x[T], z[n * m], at[m] in index(T)\nlet s = sum({index})\n"
    assert codes(analyse_text(text)) == []


@pytest.mark.parametrize(
    "index",
    [
        "x[t + 1] for t in T",
        "x[t - 1] for t in T",
        "x[2 * t] for t in T",
        "x[t] for t in n",
        "x[at[i] + 1] for i in m",
        "x[t + 1] for t in T if t < T",
        "x[t] for t in range(T + 1)",
        "x[t * t] for t in T",
        "sum(x[t:t + 3]) for t in T",
    ],
)
def test_indices_that_may_leave_the_range(index: str) -> None:
    text = f"dim T, n, m\nparam x[T], at[m] in index(T)\nlet s = sum({index})\n"
    analysis = analyse_text(text)
    assert codes(analysis) == ["E0305"]
    assert analysis.diagnostics[0].fixes


def test_one_cause_one_message() -> None:
    text = "dim n\nparam a[n]\nlet b = a + undefined\nlet c = b @ b + b[0]\nvar x[n]\nminimize sumsq(x - c)\n"
    assert codes(analyse_text(text)) == ["E0201"]


def test_several_findings_at_once() -> None:
    text = "dim n, m\nparam a[n], b[m]\nlet c = a + b\nlet d = a[n]\nlet e = sum(a, b)\nlet f = a.t\nlet g = g + 1\n"
    assert codes(analyse_text(text)) == ["E0301", "E0305", "E0206", "E0207", "E0204"]


def test_a_binder_may_share_the_name_of_a_dim_and_of_another_clause() -> None:
    model_of("dim n\nparam a[n]\nlet b = sum(sum(a[i] for i in n) * a[i] for i in n)\nlet c = sum(a[n] for n in n)\n")


def test_params_and_constraints_may_share_a_name() -> None:
    model = model_of(
        "dim n\nparam budget\nvar x[n] in nonneg\nminimize sumsq(x)\nsubject to\n  budget: sum(x) <= budget\n"
    )
    assert "budget" in labels_of(model)


def test_an_open_set_on_an_unknown_is_closed_with_a_warning() -> None:
    analysis = analyse_text("var x in pos\nminimize (x - 1)^2\n")
    assert codes(analysis) == ["W0611"]
    assert analysis.model is not None
    assert analysis.model.vars["x"].set is not None
    assert analysis.model.vars["x"].set.name == "nonneg"


def test_duals_stay_out_of_the_problem() -> None:
    text = "var x\nminimize x^2 + p\nsubject to\n  low: x >= 1\nlet p = dual(low)\n"
    assert codes(analyse_text(text)) == ["E0204"]
    text = "var x\nminimize x^2\nsubject to\n  low: x >= 1\n  let p = dual(low)\n  high: x <= p\n"
    assert codes(analyse_text(text)) == ["E0609"]


def test_recursion_is_refused() -> None:
    analysis = analyse_text("fn f(x) = f(x - 1)\nlet a = f(2)\n")
    assert codes(analysis) == ["E0204"]
    assert "itself" in analysis.diagnostics[0].message


def test_a_fn_that_nothing_calls_is_checked_for_names() -> None:
    assert codes(analyse_text("dim d\nparam W[d]\nfn f(x[p]) = W @ x + V\nlet a = 1\n")) == ["E0201"]


def test_the_same_slip_in_a_fn_is_reported_once_for_all_calls() -> None:
    analysis = analyse_text("fn f(x) = x + oops\nlet a = f(1) + f(2)\nlet b = f(3)\n")
    assert codes(analysis) == ["E0201"]
    assert ("note", "in the call `f(1)`, line 2") in analysis.diagnostics[0].notes


def test_the_atoms_of_a_file_are_used_like_those_of_the_library() -> None:
    text = (
        "atom soft(x, width in pos = 1.0) {\n  value = sqrt(x^2 + width^2)\n  convex in x\n}\n"
        "atom gapped(x[n]) { value = x[1:] - x[:-1] }\nparam a[7]\nlet b = soft(a)\nlet c = gapped(a)\n"
    )
    shapes = {name: show_shape(value.shape) for name, value in model_of(text).lets.items()}
    assert shapes == {"b": "[7]", "c": "[6]"}


def test_a_thousand_terms_in_one_sum() -> None:
    findings = codes(analyse_text("param a\nlet b = " + " + ".join(["a"] * 1000) + "\n"))
    assert findings in ([], ["E0110"])


@pytest.mark.parametrize(
    "expression",
    [
        "abs(" * 180 + "x" + ")" * 180,
        "if x > 0 then 1 else " * 180 + "x",
        "sum(" * 180 + "x" + " for i in n)" * 180,
        "x^" * 180 + "x",
    ],
)
def test_deep_nesting_is_refused_once(expression: str) -> None:
    assert codes(analyse_text(f"dim n\nparam x\nlet a = {expression}\n")) == ["E0110"]


def test_calls_that_share_their_arguments_are_resolved_once() -> None:
    fns = "".join(f"fn f{k}(x) = f{k - 1}(x) + f{k - 1}(x)\n" for k in range(1, 60))
    model = model_of(f"fn f0(x) = x\n{fns}param p\nlet a = f59(p)\n")
    assert sum(isinstance(node, Apply) for node in walk(model.lets["a"])) == 59


def test_calls_that_double_are_refused() -> None:
    fns = "".join(f"fn f{k}(x) = f{k - 1}(x + 1) + f{k - 1}(x + 2)\n" for k in range(1, 40))
    assert codes(analyse_text(f"fn f0(x) = x\n{fns}param p\nlet a = f39(p)\n")) == ["E0110"]


def test_imports_stay_below_their_root(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "other.opt").write_text("let a = 1\n", encoding="utf-8")
    source = Source(str(tmp_path / "inner" / "model.opt"), 'import "../other.opt" as other\nlet b = other().a\n')
    assert codes(analyse(source)) == ["E0208"]
    assert codes(analyse(source, root=tmp_path)) == []


def test_a_fn_may_count_by_a_name_that_labels_rows_elsewhere() -> None:
    problem = "var x[n]\nminimize sumsq(x)\nsubject to\n  row: sum(x) == 1\n"
    text = f"dim n\nfn total(x[n]) = sum(x[row] for row in n)\n{problem}"
    assert codes(analyse_text(f"{text}let a = total(x)\n")) == []
    assert codes(analyse_text(f"{text}let a = sum(x[row] for row in n)\n")) == ["E0205"]
