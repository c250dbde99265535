"""Atoms that a file declares run and differentiate; ties are taken as ``derivative rule(…)`` says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import karush
from karush.compiler.analyse import analyse_text
from karush.stdlib.primitive_names import NUMBERED, PRIMITIVE_NAMES, TIED
from karush.stdlib.primitives.table import PRIMITIVES, RULES
from karush.stdlib.shape import show_shape

PICK = """dim m
atom pick(x[m], i in index(m)) {
  value = x[i]
  affine in x
}
param x[m], k in index(m)
let y = pick(x, k)^2 + sum(i * pick(x, i) for i in m)
"""

SOFT = """dim n
atom soft(x, width in pos) {
  value = x^2 / (2 * width)
  convex in x
  rule x = x / width
}
param a[n]
let y = sum(soft(a, 2))
"""

KINK = """dim n
atom bend(x, height in pos = 1) {
  value = height * relu(x)
  convex in x
  rule x = if x > 0 then height else if x == 0 then 0.25 else 0
}
param a[n], h in pos
let y = sum(bend(a, h))
let z = sum(bend(e) for e in range(2)) + sum(bend(a[i] * h) for i in n)
"""

CENTRE = """dim n
atom spread(x[n]) {
  value = sum(abs(x))
  convex in x
  graph {
    var t[n]
    minimize sum(t)
    subject to
      -t <= x <= t
  }
}
param a[n]
var z
minimize spread(a - z) + 0.25 * z
"""


def test_a_value_may_index_by_an_argument():
    """A param as the index, and a binder."""
    model = karush.loads(PICK)
    x = jnp.array([1.0, 2.0, 4.0])
    assert model(x=x, k=2).y == 16 + 2 + 8
    slope = jax.grad(lambda x: model(x=x, k=2).y)(x)
    np.testing.assert_allclose(slope, [0.0, 1.0, 2.0 + 8.0])


def test_an_elementwise_atom_differentiates():
    """Of an array, entry by entry."""
    model = karush.loads(SOFT)
    a = jnp.array([1.0, -3.0])
    assert model(a=a).y == 2.5
    np.testing.assert_allclose(jax.grad(lambda a: model(a=a).y)(a), a / 2)


def test_a_rule_of_the_file_is_the_derivative():
    """At the tie and off it, forward and reverse; an argument without a rule has the derivative of the value."""
    model = karush.loads(KINK)
    a = jnp.array([2.0, 0.0, -1.0])
    assert model(a=a, h=3.0).y == 6.0
    np.testing.assert_allclose(jax.grad(lambda a: model(a=a, h=3.0).y)(a), [3.0, 0.25, 0.0])
    np.testing.assert_allclose(jax.jacfwd(lambda a: model(a=a, h=3.0).y)(a), [3.0, 0.25, 0.0])
    np.testing.assert_allclose(jax.grad(lambda h: model(a=a, h=h).y)(3.0), 2.0)
    np.testing.assert_allclose(jax.grad(lambda a: model(a=a, h=3.0).z)(a), [3.0, 0.75, 0.0])


def test_a_rule_is_differentiated_again():
    """The second derivative is that of the rule."""
    model = karush.loads("atom f(x) {\n  value = x^2\n  rule x = x^3\n}\nparam a\nlet y = f(a)\n")
    assert jax.grad(jax.grad(lambda a: model(a=a).y))(2.0) == 12.0


@pytest.mark.parametrize(
    "clauses, slope",
    [
        ('value = primitive "relu"\n  rule x = if x >= 0 then 1 else 0', [1.0, 1.0, 0.0]),
        ("value = sum(relu(x))\n  rule x = [if e >= 2 then 5 else 0 for e in n]", [0.0, 0.0, 5.0]),
        ("value = sum(x)\n  rule x = 7", [7.0, 7.0, 7.0]),
        ("value = cumsum(x)\n  rule x = [[if i == j then 2 else 0 for j in n] for i in n]", [2.0, 2.0, 2.0]),
    ],
)
def test_a_rule_has_the_axes_of_the_value_and_of_the_argument(clauses, slope):
    """A primitive, a scalar for all entries, a gradient, a Jacobian."""
    header = "x" if "primitive" in clauses else "x[n]"
    text = f"dim n\natom f({header}) {{\n  {clauses}\n}}\nparam a[n]\nlet y = sum(f(a))\n"
    model = karush.loads(text.replace("sum(f(a))", "f(a)") if "value = sum" in text else text)
    a = jnp.array([1.0, 0.0, -1.0])
    np.testing.assert_allclose(jax.grad(lambda a: model(a=a).y)(a), slope)


def test_an_atom_with_a_graph_is_minimized():
    """The median of five numbers, pulled by less than what moves it."""
    model = karush.loads(CENTRE)
    a = jnp.array([5.0, 1.0, 2.0, 9.0, 3.0])
    solution = model(a=a)
    np.testing.assert_allclose(solution.z, 3.0, atol=1e-6)
    np.testing.assert_allclose(jax.grad(lambda a: model(a=a).z)(a), [0, 0, 0, 0, 1], atol=1e-5)


@pytest.mark.parametrize(
    "rule, value, slope",
    [
        ("", "relu(a)", 0.0),
        ("derivative rule(relu = 0.5)\n", "relu(a)", 0.5),
        ("derivative rule(relu = 0.5)\n", "sum([relu(a), 1])", 0.5),
        ("derivative rule(relu = 0.5)\n", "pos_part(a)", 0.0),
        ("derivative rule(abs = -1)\n", "abs(a)", -1.0),
        ("", "max(a, 0)", 0.5),
        ("derivative rule(max = 1)\n", "max(a, 0)", 1.0),
        ("derivative rule(min = 0.25)\n", "min(a, 0)", 0.25),
    ],
)
def test_the_element_at_a_tie_is_that_of_the_file(rule, value, slope):
    """By default the one of least norm."""
    model = karush.loads(f"param a\nlet y = {value}\n{rule}")
    assert jax.grad(lambda a: model(a=a).y)(0.0) == slope
    assert jax.jvp(lambda a: model(a=a).y, (0.0,), (1.0,))[1] == slope


def test_whole_numbers_stay_whole_beside_a_rule():
    """An index that is a maximum is no less an index."""
    text = "dim m\nparam x[m], k in index(m)\nlet y = x[max(k, 0)]\nderivative rule(max = 1)\n"
    assert karush.loads(text)(x=jnp.array([1.0, 2.0]), k=1).y == 2.0


@pytest.mark.parametrize(
    "name, said",
    [("relo", "there is no atom `relo`"), ("huber", "`huber` has no tie whose derivative can be chosen")],
)
def test_a_rule_names_an_atom_with_a_tie(name, said):
    """Anything else is refused, with a proposal."""
    analysis = analyse_text(f"param a\nlet y = relu(a)\nderivative rule({name} = 0.5)\n")
    (finding,) = analysis.diagnostics
    assert (finding.code, finding.message) == ("E0607", said)
    assert "relu" in finding.fixes[0].message


def test_the_names_of_primitives_are_those_of_the_table():
    """What checking knows by name is what runs."""
    assert set(PRIMITIVES) == PRIMITIVE_NAMES
    assert set(RULES) == TIED
    assert {name for name, rule in RULES.items() if rule.numbers} == NUMBERED


@pytest.mark.parametrize(
    "header, primitive, call, shape",
    [
        ("x", "norm1", "f(v)", "a scalar"),
        ("x", "cumsum", "f(v)", "[n]"),
        ("x[n]", "exp", "f(v)", "[n]"),
        ("x[n]", "diff", "f(v)", "[n - 1]"),
        ("x", "trace", "f(A)", "a scalar"),
        ("A[n, n], b", "solve", "f(A, A)", "[n, n]"),
    ],
)
def test_a_primitive_has_the_shape_of_its_rule(header, primitive, call, shape):
    """Whatever the header of a file's own atom leaves open."""
    text = f'dim n\natom f({header}) {{ value = primitive "{primitive}" }}\nparam v[n], A[n, n]\nlet y = {call}\n'
    analysis = analyse_text(text)
    assert analysis.diagnostics == ()
    assert show_shape(analysis.model.lets["y"].shape) == shape


def test_a_primitive_refuses_what_its_rule_refuses():
    """The trace of a vector."""
    analysis = analyse_text('dim n\natom f(x) { value = primitive "trace" }\nparam v[n]\nlet y = f(v)\n')
    (finding,) = analysis.diagnostics
    assert (finding.code, finding.message) == ("E0304", "`f` does not fit: a square matrix is needed, not [n]")
