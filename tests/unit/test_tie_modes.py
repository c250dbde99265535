"""Ties at run time: counts, choices by call, Clarke elements and lexicographic derivatives."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import karush
from karush.compiler.lowering.compiled import Compiled
from karush.derivative import Differentiated, differentiated
from karush.directional import clarke_by_columns, clarke_jacobian, lexicographic_jacobian, random_direction
from karush.outputs import DerivativeError
from karush.tie_choices import parse_ties

IDENTITY = "param x\nlet y = relu(x) - relu(-x)"
NOTHING = "param x\nlet y = relu(-x) + x - relu(x)"


def function_of(text: str, of: str, **params: object) -> tuple[Differentiated, dict[str, jax.Array]]:
    problem = karush.loads(text)
    prepared = problem.prepare(params)
    return differentiated(problem, prepared.compiled, of, None), dict(prepared.arrays)


# ---------------------------------------------------------------- where plain derivatives are artefacts


@pytest.mark.parametrize(("text", "true", "plain"), [(IDENTITY, 1.0, 0.0), (NOTHING, 0.0, 1.0)])
def test_clarke_and_lexicographic_are_right_where_the_conservative_one_is_not(
    text: str, true: float, plain: float
) -> None:
    function, arrays = function_of(text, "y", x=0.0)
    assert jax.grad(lambda x: karush.loads(text)(x=x).y)(0.0) == plain
    for seed in range(4):
        assert clarke_jacobian(function, random_direction(function, seed), arrays).gradients["x"] == true
        assert clarke_by_columns(function, random_direction(function, seed), arrays).gradients["x"] == true
    assert lexicographic_jacobian(function, arrays).gradients["x"] == true


# ---------------------------------------------------------------- against the pieces themselves

PIECES = """dim n
param x[n], z
let y = sum(max(x[i] - z, z * x[i], 0) for i in n) + 2 * max(x[i] for i in n) + abs(x[0] - x[1]) - min(x)
        + (if z > 0 then 3 * z else 2 * z) + sum(clip(x, -1, z)) + sum(leaky_relu(x, 0.2)) - sum(neg_part(x - z))
"""


def test_the_clarke_element_is_a_limit_of_gradients() -> None:
    """Gradients near the tie, at points where there is one, are the possible elements; so is that by the direction."""
    problem = karush.loads(PIECES)
    random = np.random.default_rng(0)
    gradient = jax.jit(jax.grad(lambda p: problem(x=p[:3], z=p[3]).y))
    near = np.array([gradient(1e-7 * random.normal(size=4)) for _ in range(300)])
    pieces = np.unique(near.round(5), axis=0)
    assert len(pieces) > 8
    function, arrays = function_of(PIECES, "y", x=np.zeros(3), z=0.0)
    for seed in range(5):
        found = clarke_jacobian(function, random_direction(function, seed), arrays)
        element = np.append(found.gradients["x"], found.gradients["z"])
        assert np.min(np.max(np.abs(pieces - element), axis=1)) < 1e-5
        columns = clarke_by_columns(function, random_direction(function, seed), arrays)
        np.testing.assert_allclose(columns.gradients["x"], found.gradients["x"], rtol=1e-14)
        np.testing.assert_allclose(columns.gradients["z"], found.gradients["z"], rtol=1e-14)


def test_the_lexicographic_derivative_is_that_of_the_piece_entered_in_order() -> None:
    """F'(x; I) is the gradient at x + ε e₁ + ε² e₂ + … for a small ε."""
    problem = karush.loads(PIECES)
    function, arrays = function_of(PIECES, "y", x=np.zeros(3), z=0.0)
    found = lexicographic_jacobian(function, arrays).gradients
    entered = 1e-3 ** np.arange(1.0, 5.0)
    gradient = jax.grad(lambda p: problem(x=p[:3], z=p[3]).y)(entered)
    np.testing.assert_allclose(np.append(found["x"], found["z"]), gradient, atol=5e-3)


def test_an_if_follows_the_direction_into_its_branch() -> None:
    text = (
        "param x, y\nlet v = if x > 0 and not y < 0 then 2 * min(x, y) else if y > x then y - max(x, 0) - abs(y) else 0"
    )
    function, arrays = function_of(text, "v", x=0.0, y=0.0)
    for seed in range(8):
        found = clarke_jacobian(function, random_direction(function, seed), arrays).gradients
        pair = float(found["x"]), float(found["y"])
        ahead = random_direction(function, seed)
        near = {name: 1e-6 * direction for name, direction in ahead.items()}
        expected = jax.grad(lambda p: karush.loads(text)(**p).v)(near)
        assert pair == (float(expected["x"]), float(expected["y"]))


def test_modes_by_direction_refuse_derivatives_within() -> None:
    problem = karush.loads("param p\nlet y = grad(abs(p)^3, p)")
    with pytest.raises(DerivativeError, match="--mode clarke"):
        karush.clarke(problem, of="y")(p=1.0)


LASSO = """model shrink(q, lam in pos) {
  var c
  minimize (c - q)^2 / 2 + lam * abs(c)
}
param x, lam in pos
let y = relu(x - 2) - relu(2 - x) + shrink(q = x, lam = lam).c
"""


@pytest.mark.parametrize(("x", "slope"), [(2.0, 2.0), (0.5, 1.0), (1.0, np.nan)])
def test_through_solutions_directions_go_where_these_are_smooth(x: float, slope: float) -> None:
    """At x = lam the soft threshold has a kink, which no direction decides."""
    for found in (karush.clarke, karush.lexicographic):
        np.testing.assert_allclose(found(karush.loads(LASSO), of="y")(x=x, lam=1.0).x, slope, atol=1e-9)


# ---------------------------------------------------------------- choices by call


def test_a_choice_by_call_stands_over_that_of_the_file() -> None:
    file = karush.loads("param x, y\nlet v = 3 * relu(x) + max(x, y) + abs(x)\nderivative rule(relu = 0.5, max = left)")

    def slope(problem: karush.problem.Problem) -> tuple[float, float]:
        return tuple(map(float, jax.grad(lambda x, y: problem(x=x, y=y).v, (0, 1))(0.0, 0.0)))

    assert slope(file) == (1.5, 1.0)
    assert slope(file.with_options(tie={"relu": 1.0})) == (3.0, 1.0)
    assert slope(file.with_options(tie="right")) == (5.0, 0.0)
    assert slope(file.with_options(tie="jax")) == (1.5, 0.5)
    assert slope(file.with_options(tie="min-norm")) == (0.5, 0.5)


def test_a_file_may_state_a_word_for_all_operations() -> None:
    text = "param x\nlet y = relu(x) + 2 * abs(x) + 4 * max(x, 0)\nderivative rule(right, abs = 0.5)"
    assert jax.grad(lambda x: karush.loads(text)(x=x).y)(0.0) == 1 + 1 + 4
    assert jax.grad(lambda x: karush.loads(text).with_options(tie={"relu": 0.0})(x=x).y)(0.0) == 1 + 4


WRONG = {
    "torhc": "no rule",
    "reul=1": "did you mean `relu`",
    "exp=1": "no tie",
    "relu=": "NAME=RULE",
    "relu=nan": "number",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_choice_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=WRONG[text]):
        karush.loads(IDENTITY).with_options(tie=parse_ties(text))


# ---------------------------------------------------------------- counts

COUNTED = """dim n
param x[n], y[n], z
let v = sum(abs(relu(x) - y)) + max(x) + max(x[0], x[1], z) + max(x[i] * y[i] for i in n)
        + (if z > 0 then z^2 else relu(-z)) + sum(max(x[i], y[i]) for i in n if y[i] > 5)
"""


def test_counts_of_ties_by_place_and_lane() -> None:
    problem = karush.loads(COUNTED)
    x, y = jnp.array([0.0, 1e-17, 1.0]), jnp.array([0.0, 1.0, 1.0])

    def counts(z: jax.Array) -> karush.result.Record:
        return karush.ties(problem, "v")(x=x, y=y, z=z)

    lanes = jax.vmap(counts)(jnp.array([0.0, 1.0]))
    said = {name.split(": ")[1]: (list(map(int, c["at"])), list(map(int, c["near"]))) for name, c in lanes.items()}
    assert said == {
        "relu in `relu(x)`": ([1, 1], [2, 2]),
        "abs in `abs(relu(x) - y)`": ([2, 2], [2, 2]),
        "max in `max(x)`": ([0, 0], [0, 0]),
        "max in `max(x[0], x[1], z)`": ([0, 0], [0, 0]),
        "max in `max(x[i] * y[i] for i in n)`": ([0, 0], [0, 0]),
        "if in `if z > 0 then z^2 else relu(-z)`": ([1, 0], [1, 0]),
        "relu in `relu(-z)`": ([1, 0], [1, 0]),
        "max in `max(x[i], y[i])`": ([0, 0], [0, 0]),
    }


def test_counts_are_of_what_the_output_depends_on() -> None:
    problem = karush.loads("param x\nlet a = relu(x)\nlet b = x^2")
    assert int(karush.ties(problem, "a")(x=0.0)["line 2: relu in `relu(x)`"]["at"]) == 1
    assert int(karush.ties(problem, "b")(x=0.0)["line 2: relu in `relu(x)`"]["at"]) == 0


@pytest.mark.parametrize("x", [0.0, 1.0])
def test_the_status_says_whether_there_is_a_tie(x: float) -> None:
    _, pull = karush.vjp(karush.loads(IDENTITY), of="y")(x=x)
    assert int(pull(1.0).evidence.status) == (1 if x == 0 else 0)


@pytest.mark.parametrize("text", ["if x > 1 then x^2 else 2 * x - 1", "huber(x)", "relu(1 + x^2)"])
def test_where_slopes_agree_there_is_no_tie(text: str) -> None:
    problem = karush.loads(f"param x\nlet y = {text}")
    _, pull = karush.vjp(problem, of="y")(x=1.0)
    assert int(pull(1.0).evidence.status) == 0
    assert all(int(entry["at"]) == 0 for entry in karush.ties(problem, of="y")(x=1.0).values())


# ---------------------------------------------------------------- reuse

AGAIN = {
    "ties": lambda m: karush.ties(m, of="y")(x=0.5),
    "clarke": lambda m: karush.clarke(m, of="y")(x=0.5),
    "another direction": lambda m: karush.clarke(m, of="y", seed=7)(x=0.5),
    "lexicographic": lambda m: karush.lexicographic(m, of="y")(x=0.5),
    "local model": lambda m: karush.local_model(m, of="y")(x=0.5)[1](x=0.1),
}


@pytest.mark.parametrize("name", AGAIN)
def test_a_second_call_traces_nothing_again(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = karush.loads(IDENTITY)
    for call in AGAIN.values():
        call(problem)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("traced again")

    monkeypatch.setattr(Compiled, "function", refuse)
    AGAIN[name](problem)


# ---------------------------------------------------------------- price


@pytest.mark.parametrize("width", [8, 32])
def test_a_clarke_element_costs_at_most_six_programs(width: int) -> None:
    """By XLA's count of a network's operations, whatever its size."""
    text = "dim n, b\nparam A[n, n], B[n, n], x[b, n]\nlet y = sum(relu(relu(x @ A) @ B)^2)"
    random = np.random.default_rng(0)
    data = {name: random.normal(size=(width, width)) for name in ("A", "B", "x")}
    function, arrays = function_of(text, "y", **data)

    def flops(program: object) -> float:
        return jax.jit(program).lower(arrays).compile().cost_analysis()["flops"]

    direction = random_direction(function, 0)
    value = flops(lambda a: function.value(function.start(a), a)[0])
    assert flops(lambda a: clarke_jacobian(function, direction, a).gradients) <= 6 * value
