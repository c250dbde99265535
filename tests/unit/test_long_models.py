"""Models of thousands of statements: every node is looked at once, and no pass recurses along a chain of lets.

Nor along a chain of operators: a sum of a thousand terms is one level deep.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import karush
from karush.compiler.analyse import analyse_text
from karush.compiler.dependence import First, children, walk
from karush.compiler.model import DualValue, VarValue

LETS = 1500


def chain(base: str, goal: str) -> str:
    lets = "".join(f"let a{i} = a{i - 1} + p\n" for i in range(1, LETS))
    rows = "".join(f"  c{i}: a{i} + y >= 0\n" for i in range(0, LETS, 100))
    return f"param p\nvar x, y\nlet a0 = {base}\n{lets}{goal} a{LETS - 1}\nsubject to\n{rows}"


@pytest.mark.parametrize("base, curvature", [("x", True), ("x * y", False)])
def test_a_long_chain_of_lets_is_checked(base, curvature):
    """Curvature is followed through the lets, down to the term that is to blame, without recursion."""
    analysis = analyse_text(chain(base, "minimize"))
    assert analysis.classification.convex is curvature
    quoted = [d.labels[0].span.text for d in analysis.diagnostics if d.code == "W0501"]
    assert quoted == ([] if curvature else ["x * y"])


def test_known_nodes_are_passed_over():
    """Walks from all lets of a chain yield every node once where they share what they know."""
    model = analyse_text(chain("x", "minimize")).model
    table: dict = {}
    visits = 0
    for root in model.lets.values():
        for node in walk(root, known=table):
            assert all(child in table for child in children(node))
            table[node] = True
            visits += 1
    assert visits == len(table) == len(set(walk(*model.lets.values())))


def test_the_first_leaf_is_the_first_in_the_text():
    """It is found in whatever order the roots are asked for."""
    model = analyse_text("param p\nvar x, y\nlet a = p + y\nlet b = a * 2 + x\nminimize x^2 + y^2\n").model
    variables, duals = First(VarValue), First(DualValue)
    found = [variables.below(model.lets[name]).name for name in ("b", "a")]
    assert found == ["y", "y"]
    assert duals.below(*model.lets.values()) is None


def compiled(text):
    """The compiled form of a text without dims."""
    return karush.loads(text).with_options(dtype="f64").compile_for({})


@pytest.mark.parametrize("number", [300, 2000])
def test_a_chain_of_lets_that_reaches_vars_is_lowered_and_shown(number):
    """``z = x + number - 1`` at its least sum of squares."""
    lets = "".join(f"let a{i} = a{i - 1} + p\n" for i in range(1, number))
    text = f"param p\nvar x, y\nlet a0 = x\n{lets}minimize a{number - 1}^2 + y^2\nsubject to\n  c: a{number - 1} >= y\n"
    program = jax.eval_shape(compiled(text).template, {"p": jnp.float64(1)})
    assert program.linear.shape == (2,)
    model = karush.loads(text)
    assert f"a{number - 1}" in model.show("math")
    assert "∇_x" in model.show("kkt")
    assert f"let a{number - 1}" in model.show("ir")


@pytest.mark.parametrize(
    "link, number",
    [
        ("a{0} + p", 1200),
        ("if p > 0 then a{0} + p else 2 * a{0}", 400),
        ("if p > 0 then a{0} + p else 1 / a{0}", 12),  # beyond the choices that are guarded
        ("max(a{0}, {0}) + p", 400),
    ],
)
def test_a_chain_of_lets_has_its_value(link, number):
    """Of params alone, with a choice or an extreme in every link."""
    lets = "".join(f"let a{i} = {link.format(i - 1)}\n" for i in range(1, number))
    found = compiled(f"param p\nlet a0 = p\n{lets}").function({"p": jnp.float64(1)})
    assert found.values[f"a{number - 1}"] == number


def test_a_chain_of_clauses_has_its_value():
    """Each over the entries of the one before."""
    lets = "".join(f"let a{i} = [a{i - 1}[j] + p for j in range(2)]\n" for i in range(1, 100))
    found = compiled(f"param p\nlet a0 = [p, p]\n{lets}").function({"p": jnp.float64(1)})
    np.testing.assert_array_equal(found.values["a99"], [100.0, 100.0])


def test_a_sum_of_a_thousand_terms_is_a_program():
    """Written out, as a program would write it."""
    terms = " + ".join(f"a[{i}] * x[{i}]" for i in range(1000))
    text = f"param a[1000]\nvar x[1000] in nonneg\nminimize {terms}\n"
    a = jnp.arange(1000.0)
    np.testing.assert_array_equal(compiled(text).template({"a": a}).linear, a)
    assert "x[999]" in karush.loads(text).show("math")


@pytest.mark.parametrize(
    "expression, value",
    [
        (" + ".join(["p"] * 1000), 1000.0),
        (" - ".join(["p"] * 1000), -998.0),
        (" * ".join(["p"] * 1000), 1.0),
        ("if " + " and ".join(["p > 0"] * 300) + " then 2 else 3", 2.0),
        ("if " + " <= ".join(["p"] * 300) + " then 2 else 3", 2.0),
        ("max(" + ", ".join(["p"] * 500) + ")", 1.0),
        ("sum(zeros(" + " + ".join(["1"] * 500) + ")) + p", 1.0),
    ],
)
def test_chains_of_operators_have_their_value(expression, value):
    """All are one level deep."""
    assert compiled(f"param p\nlet y = {expression}\n").function({"p": jnp.float64(1)}).values["y"] == value


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 1000 + "p" + ")" * 1000,
        "(1 + " * 90 + "(" * 90 + "p" + ")" * 180,
        "-" * 1000 + "p",
        "^".join(["p"] * 1000),
        "abs(" * 300 + "p" + ")" * 300,
        "if p > 0 then 1 else " * 1000 + "2",
        "A" + ".T" * 1000,
        "[" * 300 + "p" + "]" * 300,
        "sum(" * 150 + "p" + "".join(f" for i{i} in range(2))" for i in range(150)),
    ],
)
def test_what_is_nested_too_deep_is_refused_at_its_place(expression):
    """One finding, which stands in the statement."""
    (finding,) = analyse_text(f"param p, A[2, 2]\nlet y = {expression}\n").diagnostics
    assert finding.code == "E0110"
    assert finding.labels[0].span.line == 2


def test_what_is_nested_as_deep_as_may_be_runs():
    """Every pass recurses that deep."""
    for text in ("(1 + " * 95 + "p" + ")" * 95, "if p > 2 then 1 / p else " * 30 + "p", "-" * 95 + "p"):
        model = karush.loads(f"param p\nlet y = {text}\n")
        found = model.with_options(dtype="f64").compile_for({}).function({"p": jnp.float64(1)})
        assert found.values["y"] in (96.0, 1.0, -1.0)
        assert all(model.show(what) for what in ("math", "ir"))


def test_a_product_of_many_matrices_is_checked():
    """Each is named and used twice, so that written out there would be 2⁴⁰ factors."""
    lets = "".join(f"let B{i} = B{i - 1} @ B{i - 1}\n" for i in range(1, 41))
    analysis = analyse_text(f"dim n\nparam A[n, n]\nlet B0 = A\n{lets}")
    assert not analysis.failed
