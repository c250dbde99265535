"""What is said of a text whose names, indices and scopes do not fit, and what is proved of those that do."""

from __future__ import annotations

from pathlib import Path

import pytest

from karush.compiler.analyse import analyse, analyse_text
from karush.compiler.dependence import walk
from karush.compiler.model import (
    Apply,
)
from karush.compiler.names.labels import labels_of
from karush.dsl.source import Source
from karush.stdlib.shape import show_shape
from tests.unit.resolving import codes, model_of


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
