"""Entries of an array taken at once: the same function and derivative, and none that pays for the whole at each."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import karush
from karush.compiler.lowering.entries import are_apart, cut, entries_at_once
from karush.cost import price

X, A = np.arange(6.0) + 1, np.arange(24.0).reshape(4, 6) + 1
FUNCTIONS = {
    "entries": lambda x, A: x[0] * x[1] + x[5] * x[0],
    "entries and slices that overlap": lambda x, A: x[2] * x[3] + jnp.sum(x[1:4] * x[2:5]),
    "slices side by side": lambda x, A: jnp.sum(x[:2]) * jnp.prod(x[2:5]),
    "rows, columns and entries": lambda x, A: A[0] @ A[2] + A[0, 1] * A[0, 3] + jnp.sum(A[:, 4]) * A[3, 4],
    "strides": lambda x, A: jnp.sum(x[::2] * x[1::2]) + x[0] * x[1],
    "what is sliced is computed": lambda x, A: jnp.prod((A @ x)[:2]) * jnp.sum(A @ x),
    "an entry is an output": lambda x, A: (x[0], x[1], x),
    "ties keep their rules": lambda x, A: jax.nn.relu(x[0] - 1) + jnp.where(x[1] > 2, x[1], x[0]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_function_and_its_derivatives_are_the_same(name):
    function = FUNCTIONS[name]
    at_once = entries_at_once(function)
    for transform in (lambda f: f, jax.jacrev, jax.jacfwd, jax.jit):
        ours, theirs = transform(at_once)(X, A), transform(function)(jnp.asarray(X), jnp.asarray(A))
        jax.tree.map(np.testing.assert_array_equal, ours, theirs)


def test_in_a_batch():
    many = np.stack([X, 2 * X])
    function = FUNCTIONS["entries"]
    ours = jax.vmap(jax.grad(entries_at_once(function)), (0, None))(many, A)
    np.testing.assert_array_equal(ours, jax.vmap(jax.grad(function), (0, None))(many, A))


def test_pieces_between_entries_stay_whole():
    jaxpr = jax.make_jaxpr(entries_at_once(FUNCTIONS["entries"]))(np.ones(1000), A)
    (split,) = [eqn for eqn in jaxpr.eqns if eqn.primitive.name == "split"]
    assert split.params["sizes"] == (1, 1, 3, 1, 994)


def test_a_program_of_entries_costs_at_most_five_times():
    """Each entry once: without the split ten times as much as the program."""
    terms = " + ".join(f"x[{2 * k}] * exp(x[{2 * k + 1}])" for k in range(20))
    found = price(karush.loads(f"param x[40]\nlet y = {terms}\n")).whole
    assert found.book.collecting == 0 and found.ratio("vjp") <= found.bound("vjp") == 5
    found = price(karush.loads("param A[9, 9], x[9]\nlet y = A[0, :] @ x + A[1, 1] * A[1, 2] + A[2, 3]\n")).whole
    assert found.book.collecting == 0


def test_the_same_program_at_every_length():
    text = "dim n\nparam x[n]\nlet y = x[0] * x[1] + x[-1] * sum(x)\n"
    programs = [karush.loads(text).compile_for({"n": n}) for n in (10, 1000)]
    lengths = [
        len(jax.make_jaxpr(jax.grad(lambda x, c=c: c.function({"x": x}).values["y"]))(jnp.ones(c.dims["n"])).eqns)
        for c in programs
    ]
    assert lengths[0] == lengths[1]


def test_symbolic_sizes_are_left_alone():
    compiled = karush.loads("dim n\nparam x[n]\nlet y = x[0] * x[1]\n").compile_for(
        {"n": jax.export.symbolic_shape("n")[0]}
    )
    assert "slice" in str(compiled.jaxpr())


def test_ranges_apart():
    assert are_apart([((0, 1), (2, 4)), ((0, 1), (4, 5)), ((0, 4), (2, 4))], (4, 6))
    assert not are_apart([((0, 2),), ((1, 3),)], (4,))
    boxes = [((0, 1), (1, 3)), ((2, 4), (0, 6)), ((0, 4), (5, 6))]
    for box, value in cut(jnp.asarray(A), boxes).items():
        np.testing.assert_array_equal(value, A[tuple(slice(*part) for part in box)])
