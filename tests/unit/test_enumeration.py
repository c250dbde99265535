"""All pieces that meet at a point, against gradients near it; and the piecewise linear model."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import karush
from karush.outputs import DerivativeError

PROGRAMS = {
    "identity": ("param x[1]\nlet y = relu(x[0]) - relu(-x[0])", 1),
    "nothing": ("param x[1]\nlet y = relu(-x[0]) + x[0] - relu(x[0])", 1),
    "extremes": ("param x[2]\nlet y = abs(x[0]) - abs(x[1]) + max(x) - min(x[0], 2 * x[1], 0)", 2),
    "orders": ("param x[3]\nlet y = sum_largest(x, 2) + norm1(x) - median(x) + quantile(x, 0.25)", 3),
    "running": ("param x[3]\nlet y = cummax(x) @ [1, 2, 4] - cummin(x) @ [1, 1, 3] + relu6(x[0]) + hard_tanh(x[1])", 3),
    "sorted": ("param x[3]\nlet y = sort(x) @ [1, 2, 4] + max(x[i] - x[0] for i in range(3))", 3),
    "choices": ("param x[2]\nlet y = if x[0] > 0 and not x[1] < 0 then x[0] else if x[0] == 0 then 0 else x[0]^2", 2),
    "network": ("param x[2]\nlet y = relu(relu(x[0] - x[1]) - relu(x[1]) + x[0]) - abs(relu(x[0]) - x[1])", 2),
    "vector": ("param x[2]\nlet y = [max(x), abs(x[0]) - relu(x[1] - x[0])]", 2),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_vertices_are_the_gradients_around_the_point(name: str) -> None:
    text, size = PROGRAMS[name]
    problem = karush.loads(text)
    found = karush.clarke_vertices(problem, of="y")(x=np.zeros(size)).x
    jacobian = jax.jit(jax.jacfwd(lambda x: problem(x=x).y))
    random = np.random.default_rng(0)
    around = np.array([jacobian(1e-6 * random.normal(size=size)) for _ in range(400)])
    flat = found.reshape(len(found), -1)
    distance = np.max(np.abs(around.reshape(len(around), 1, -1) - flat), axis=-1)
    assert distance.min(axis=1).max() < 1e-5, "a gradient that is no vertex"
    assert distance.min(axis=0).max() < 1e-5, "a vertex that is no gradient"


@pytest.mark.parametrize("name", PROGRAMS)
def test_elements_by_direction_are_vertices(name: str) -> None:
    text, size = PROGRAMS[name]
    problem = karush.loads(text)
    vertices = karush.clarke_vertices(problem, of="y")(x=np.zeros(size)).x
    elements = [karush.clarke(problem, of="y", seed=seed)(x=np.zeros(size)).x for seed in range(3)]
    elements.append(karush.lexicographic(problem, of="y")(x=np.zeros(size)).x)
    for element in elements:
        assert min(float(np.max(np.abs(vertex - element))) for vertex in vertices) < 1e-12


WEIGHTS = st.lists(st.sampled_from([-1, 0, 1]), min_size=12, max_size=12)


@settings(max_examples=15, derandomize=True, deadline=None)
@given(WEIGHTS)
def test_networks_of_signs_at_zero(weights: list[int]) -> None:
    """The hard case of the theory: nets of relu without biases, at 0."""
    problem = karush.loads("param A[3, 2], B[2, 3], x[2]\nlet y = sum(relu(B @ relu(A @ x)))")
    A, B = np.array(weights[:6]).reshape(3, 2), np.array(weights[6:]).reshape(2, 3)
    found = karush.clarke_vertices(problem, of="y", wrt=["x"])(A=A, B=B, x=np.zeros(2)).x
    angles = np.linspace(0.001, 2 * np.pi + 0.001, 720, endpoint=False)
    around = jax.vmap(jax.grad(lambda x: jnp.sum(jax.nn.relu(B @ jax.nn.relu(A @ x)))))(
        1e-3 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    )
    expected = np.unique(np.round(np.asarray(around), 9), axis=0)
    np.testing.assert_allclose(found[np.lexsort(found.T)], expected[np.lexsort(expected.T)], atol=1e-12)


def test_in_single_precision() -> None:
    problem = karush.loads("dim n\nparam x[n]\nlet y = norm1(x) + max(x) * sin(x[0])").with_options(dtype="f32")
    found = karush.clarke_vertices(problem, of="y")(x=np.zeros(2)).x
    assert sorted(map(tuple, found.tolist())) == [(-1, -1), (-1, 1), (1, -1), (1, 1)]


def test_what_the_output_does_not_need_is_not_followed() -> None:
    problem = karush.loads("param x\nlet a = floor(x)\nlet y = abs(x)")
    assert karush.clarke_vertices(problem, of="y")(x=0.0).x.tolist() == [-1.0, 1.0]


def test_too_many_pieces_are_refused() -> None:
    problem = karush.loads("param x[6]\nlet y = norm1(x)")
    with pytest.raises(DerivativeError, match="NP-hard"):
        karush.clarke_vertices(problem, of="y", limit=60)(x=np.zeros(6))
    assert len(karush.clarke_vertices(problem, of="y", limit=64)(x=np.zeros(6)).x) == 64


REFUSED = {
    "sign(x[0])": "jumps",
    "sqrt(x[0])": "no finite derivative",
    "norm2(x)": "no finite derivative",
    "lambda_max([[x[0], 0], [0, x[1]]])": "not followed through `eigh`",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_has_no_pieces_is_refused_by_name(text: str) -> None:
    with pytest.raises(DerivativeError, match=REFUSED[text]):
        karush.clarke_vertices(karush.loads(f"param x[2]\nlet y = {text}"), of="y")(x=np.zeros(2))


# ---------------------------------------------------------------- the piecewise linear model

CURVED = """dim n
param x[n]
let y = sum(max(sin(x[i]), x[i]^3, -x[i]) for i in n) + abs(exp(x[0]) - 1 - x[1])
        + (if x[0] > x[1] then (x[0] - x[1])^2 + sqrt(1 + x[0] - x[1]) else exp(x[0] - x[1])) + max(x) * norm1(x)
"""


@pytest.mark.parametrize("x", [[0.0, 0.0, 0.0], [0.1, 0.1, -0.2], [0.003, -0.002, 0.001]])
def test_the_error_of_the_model_is_of_second_order_across_kinks(x: list[float]) -> None:
    problem = karush.loads(CURVED)
    value, model = karush.local_model(problem, of="y")(x=x)
    np.testing.assert_allclose(value, problem(x=x).y)
    direction = np.array([0.3, -0.7, 0.5])
    for sign in (1, -1):
        for step in (1e-2, 1e-3, 1e-4):
            moved = sign * step * direction
            assert abs(float(problem(x=x + moved).y - model(x=moved))) < 3 * step**2


def test_the_model_of_a_piecewise_linear_program_is_the_program() -> None:
    text, size = PROGRAMS["network"]
    problem = karush.loads(text)
    random = np.random.default_rng(1)
    for _ in range(10):
        x, d = random.normal(size=(2, size))
        _, model = karush.local_model(problem, of="y")(x=x)
        np.testing.assert_allclose(model(x=d), problem(x=x + d).y, atol=1e-13)
