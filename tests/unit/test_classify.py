"""The class of small problems, what graph forms must replace, and what is said of those that cannot be solved."""

from __future__ import annotations

import subprocess
import sys

import pytest

from karush.compiler.analyse import Analysis, analyse_text
from karush.compiler.facts.classify import Classification
from karush.compiler.model import Apply
from karush.dsl.diagnostics import Diagnostic
from karush.dsl.render import render


def classified(text: str) -> tuple[Analysis, Classification]:
    analysis = analyse_text(text, "m.opt")
    assert analysis.classification is not None, render(analysis.diagnostics)
    return analysis, analysis.classification


HEAD = "dim n, m\nparam c[n], A[m, n], b[m], P[n, n] in psd, a in pos, u in box(0, 1), k\nvar x[n] in nonneg, t\n"

CLASSES = {
    "LP": [
        "minimize c @ x",
        "maximize c @ x - norm1(x)",
        "minimize t\nsubject to\n  A @ x - b <= t\n  norminf(x) <= 1",
        "minimize norm1(A @ x - b)",
        "minimize max(A @ x - b) + sum_largest(x, 2) + tv(x)",
        "minimize 0\nsubject to\n  A @ x == b",
        "minimize c @ x\nsubject to\n  x in simplex",
        "minimize sum(hinge(A @ x))\nsubject to\n  norm2(c) * t <= 1",
        "maximize min(x)\nsubject to\n  sum(x) <= 1",
        "minimize max(c[i] * t for i in n)",
    ],
    "QP": [
        "minimize sumsq(A @ x - b)",
        "minimize quad(x, P) + a * norm1(x)",
        "maximize c @ x - a / 2 * (x @ P @ x)",
        "minimize sum(huber(A @ x - b))",
        "minimize u * norm1(x) + (1 - u) / 2 * sumsq(x)",
        "minimize (t - k)^2 / 2 + sum((x[i] - c[i])^2 for i in n)",
        "minimize sumsq(x) + sum(pos_part(A @ x - b))\nsubject to\n  norm1(x) <= 1",
        "minimize sumsq(norm1(x))",
    ],
    "SOCP": [
        "minimize norm2(A @ x - b)",
        "minimize c @ x\nsubject to\n  sumsq(x) <= 1",
        "minimize max(x^2)",
        "maximize geo_mean(x)",
        "minimize c @ x\nsubject to\n  huber(t) <= 1",
        "minimize inv_pos(t)",
        "minimize norm(x, 3)",
    ],
    "EXP": ["minimize sum(exp(x))", "maximize sum(entropy(x))", "minimize logsumexp(x) + norm2(x)", "minimize -log(t)"],
    "NLP": [
        "minimize sin(t)",
        "minimize x @ A.T @ x",
        "maximize t^2",
        "minimize c @ x\nsubject to\n  t^2 == 1",
        "minimize c @ x\nsubject to\n  sumsq(x) >= 1",
        "minimize k * t^2",
    ],
}
CASES = [(text, name) for name, texts in CLASSES.items() for text in texts]


def square(text: str) -> str:
    return HEAD.replace("A[m, n], b[m]", "A[n, n], b[n]") + text + "\n" if "A.T" in text else HEAD + text + "\n"


@pytest.mark.parametrize(("text", "name"), CASES, ids=[t.replace("\n", " ") for t, _ in CASES])
def test_class(text: str, name: str) -> None:
    _, found = classified(square(text))
    assert found.problem_class == name
    errors = [d.code for d in found.diagnostics if d.code.startswith("E")]
    assert errors == (["E0190"] if name == "NLP" else [])
    if name != "NLP":
        assert found.convex and not found.diagnostics and found.reasons


OTHERS = {
    "FUNCTION": "param p\nlet q = sin(p)\n",
    "ROOT": "var z\nfind z\nsubject to\n  z^2 == 2\n",
    "FIXPOINT": "var z\nfind z\nsubject to\n  z == cos(z)\n",
    "COMPLEMENTARITY": "var q\nfind q\nsubject to\n  0 <= q perp q - 1 >= 0\n",
    "SADDLE": "var x, y\nminimize x^2 - y^2 over x maximize over y\n",
    "BILEVEL": "model inner(p) {\n  var z\n  minimize (z - p)^2\n}\nvar y\nlet s = inner(p = y)\nminimize s.z + y^2\n",
    "SDP": "dim n\nparam C[n, n] in sym\nvar X[n, n] in psd\nminimize trace(C @ X)\nsubject to\n  diag(X) == 1\n",
}


@pytest.mark.parametrize("name", OTHERS)
def test_classes_that_curvature_does_not_decide(name: str) -> None:
    _, found = classified(OTHERS[name])
    assert found.problem_class == name
    codes = {d.code for d in found.diagnostics}
    assert codes == (set() if name in ("FUNCTION", "SDP") else {"E0190"})


def test_graph_atoms_are_listed_parts_first() -> None:
    _, found = classified(HEAD + "minimize sumsq(x) + max(abs(t), norm1(A @ x)) + norm1(c)\n")
    assert [node.atom for node in found.graph_atoms if isinstance(node, Apply)] == ["abs", "norm1", "maximum"]


def only(diagnostics: tuple[Diagnostic, ...], code: str) -> Diagnostic:
    (found,) = [d for d in diagnostics if d.code == code]
    return found


def test_the_message_of_a_nonconvex_problem() -> None:
    text = (
        "dim n\nparam mu[n], Sigma[n, n] in psd\nparam gamma in pos = 1.0\nvar w[n] in simplex\nlet ret = mu @ w\n"
        "let risk = w @ Sigma @ w\nmaximize ret + gamma / 2 * risk\n"
    )
    _, found = classified(text)
    assert render([only(found.diagnostics, "W0501")]).rstrip() == (
        "warning[W0501]: the problem is not convex, as written\n"
        " --> m.opt:7:16\n"
        "7 | maximize ret + gamma / 2 * risk\n"
        "  |                ^^^^^^^^^^^^^^^^ convex, but a term that is maximized must be concave\n"
        "  = why: w @ Sigma @ w is convex, for Sigma in psd (line 2); gamma / 2 >= 0, for gamma in pos (line 3)\n"
        "  = fix: ret - gamma / 2 * risk     or: run as a local NLP (`--allow nonconvex`); "
        "`karush show --curvature` prints the tree"
    )


PLACES = {
    "minimize c @ x + t * x[0] + t^2": "t * x[0]",
    "minimize t^2 - (sumsq(x) - t)": "sumsq(x)",
    "minimize sum(c[i] + sin(x[i]) for i in n)": "sin(x[i])",
    "maximize -(t^2) + abs(t)": "abs(t)",
    "minimize 0\nsubject to\n  1 + norm1(x) >= t": "norm1(x)",
    "minimize 0\nsubject to\n  0 <= t^2 <= 1": "t^2",
    "minimize 0\nsubject to\n  t + t^2 == 1": "t^2",
}


@pytest.mark.parametrize("text", PLACES)
def test_the_caret_stands_under_the_term(text: str) -> None:
    _, found = classified(HEAD + text + "\n")
    assert only(found.diagnostics, "W0501").labels[0].span.text == PLACES[text]


def test_several_terms_are_one_finding() -> None:
    _, found = classified(HEAD + "minimize sin(t)\nsubject to\n  cos(t) <= 1\n  t^2 == 2\n")
    notes = only(found.diagnostics, "W0501").notes
    assert ("note", "more such terms on lines 6, 7") in notes


def test_a_field_of_an_inner_solution_is_a_number_for_the_outer_problem() -> None:
    text = "model code(p) {\n  var z\n  minimize (z - p)^2\n}\nparam q\nlet s = code(p = q)\n"
    assert classified(text + "let z = s.z\n")[1].problem_class == "FUNCTION"
    assert classified(text + "var x\nminimize (x - s.z)^2\n")[1].problem_class == "QP"
    _, found = classified(text + "var x\nminimize (x - code(p = x).z)^2\n")
    assert found.problem_class == "BILEVEL"
    assert "BILEVEL" in only(found.diagnostics, "E0190").message


def test_checking_imports_no_numerics() -> None:
    script = (
        "import sys\n"
        "from karush.compiler.analyse import analyse_text\n"
        f"assert analyse_text({HEAD + 'minimize sumsq(x) + norm1(A @ x - b)'!r}).classification is not None\n"
        "assert not {'jax', 'numpy', 'jaxtyping'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
