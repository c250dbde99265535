"""Loops and clauses that reverse mode computes again: the same values and derivatives, the root of the memory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

import karush
from karush.compiler.analyse import analyse_text
from karush.solvers.checkpoint import checkpointed_scan, even_length

RANDOM = np.random.default_rng(0)


def step(weights):
    def one(state, given):
        moved = jnp.tanh(weights * state + given)
        return moved, jnp.sum(moved * given)

    return one


@pytest.mark.parametrize(
    ("length", "segments"), [(0, None), (1, None), (7, None), (12, None), (12, 5), (12, 50), (13, 4)]
)
def test_a_loop_has_the_values_and_derivatives_of_the_plain_one(length, segments):
    xs, weights = jnp.asarray(RANDOM.normal(size=(length, 3))), jnp.asarray([0.5, -1.0, 0.8])

    def plain(w, x):
        state, ys = jax.lax.scan(step(w), jnp.ones(3), x)
        return jnp.sum(state**2) + jnp.sum(ys**3)

    def kept(w, x):
        state, ys = checkpointed_scan(step(w), jnp.ones(3), x, segments)
        return jnp.sum(state**2) + jnp.sum(ys**3)

    for make in (lambda f: f, jax.grad, lambda f: jax.grad(f, 1), jax.hessian, lambda f: jax.jacfwd(jax.grad(f, 1))):
        np.testing.assert_allclose(make(kept)(weights, xs), make(plain)(weights, xs), rtol=1e-12, atol=1e-13)
    tangent = jnp.asarray([1.0, 2.0, -1.0])
    pushed = [jax.jvp(lambda w, f=f: f(w, xs), (weights,), (tangent,))[1] for f in (plain, kept)]
    np.testing.assert_allclose(*pushed, rtol=1e-12)


@pytest.mark.parametrize(("length", "expected"), [(1, 1), (16, 4), (1000, 40), (12, 4), (13, 4), (23, 5)])
def test_segments_are_even_where_a_number_divides(length, expected):
    assert even_length(length) == expected


def exponent(sizes, memory):
    """The slope of log memory against log size."""
    return np.polyfit(np.log(sizes), np.log(memory), 1)[0]


def temporary(function, *arguments):
    """Bytes of intermediate values of the gradient."""
    return jax.jit(jax.grad(function)).lower(*arguments).compile().memory_analysis().temp_size_in_bytes


def test_the_memory_of_a_loop_grows_as_the_root_of_its_length():
    sizes, found = (256, 1024, 4096), {}
    for scan in (jax.lax.scan, checkpointed_scan):

        def loss(w, xs, scan=scan):
            return jnp.sum(scan(step(w), jnp.ones(64), xs)[0])

        weights = jnp.ones(64)
        found[scan] = exponent(sizes, [temporary(loss, weights, jnp.zeros((size, 64))) for size in sizes])
    assert found[jax.lax.scan] > 0.95 and 0.4 < found[checkpointed_scan] < 0.6, found


# ---------------------------------------------------------------- clauses

CHECKPOINT = "derivative unroll(checkpoint = sqrt)\n"
CLAUSES = {
    "sum": "sum((tanh(tanh(X[i] @ W) @ w) - y[i])^2 for i in n)",
    "sum of rows": "sum(X[i] * y[i] * w for i in n)",
    "sum of two": "sum(X[i] @ w * y[j] for i in n, j in n if i < j)",
    "mean": "mean(exp(-X[i] @ w) + mu[src[i]] for i in n if y[i] > -1)",
    "prod": "prod(1 + 0.1 * tanh(X[i, j]) for i in n, j in range(2))",
    "logsumexp": "logsumexp(X[i] @ w + y[j] for i in n, j in n)",
    "max": "max(abs(X[i] @ w) for i in n)",
    "min": "min(max(X[i, 0], 0) for i in n)",
    "array": "[sum(X[i, j]^2 * w[j] for j in range(4)) for i in n]",
    "grouped": "[sum(y[l]^2 * w[0] for l in n if src[l] == c) for c in k]",
    "pairs": "sum(X[i + 1, 0] * X[i, 1] * w[2] for i in range(n - 1))",
    "roots": "sum(if X[i, 0] > 0 then sqrt(X[i, 0]) else 0 for i in n)",
    "hoisted": "sum((X[i] @ (W @ w))^2 * sum(w[a] for a in range(4)) for i in n)",
    "a sum of sums": "sum(sum(sin(X[i, j] * w[j]) for j in range(4)) * y[i] for i in n) / n",
    "count": "sum(i for i in n) * w[0]",
}
HEAD = "dim n, k\nparam X[n, 4], W[4, 4], w[4], y[n], src[n] in index(k), mu[k]\n"


def data_of(size):
    random = np.random.default_rng(1)
    draw = random.normal
    return {"X": draw(size=(size, 4)), "W": draw(size=(4, 4)), "w": draw(size=4), "y": draw(size=size) + 1,
            "src": random.integers(0, 3, size), "mu": draw(size=3)}  # fmt: skip


def losses(clause, data):
    """The clause with blocks and without, as functions of (X, w, y)."""

    def function(model):
        return lambda X, w, y: jnp.sum(jnp.sin(model(**{**data, "X": X, "w": w, "y": y}).value))

    text = f"{HEAD}let value = {clause}\n"
    return function(karush.loads(CHECKPOINT + text)), function(karush.loads(text))


@pytest.mark.parametrize("name", CLAUSES)
@pytest.mark.parametrize("size", [5, 12, 23])
def test_a_clause_in_blocks_has_the_same_value_and_derivatives(name, size):
    data = data_of(size)
    kept, plain = losses(CLAUSES[name], data)
    at = [jnp.asarray(data[key]) for key in ("X", "w", "y")]
    for make in (lambda f: f, lambda f: jax.grad(f, (0, 1, 2))):
        for ours, theirs in zip(*(jax.tree.leaves(make(f)(*at)) for f in (kept, plain)), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)
    if size == 12:
        for ours, theirs in zip(*(jax.jacfwd(jax.grad(f, 1), 1)(*at) for f in (kept, plain)), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_clause_of_few_lanes(size):
    data = data_of(size)
    kept, plain = losses(CLAUSES["sum"], data)
    at = [jnp.asarray(data[key]) for key in ("X", "w", "y")]
    np.testing.assert_allclose(kept(*at), plain(*at), rtol=1e-14)


@pytest.mark.parametrize("operator", ["max", "min"])
def test_entries_that_tie_across_blocks_share_alike(operator):
    model = karush.loads(f"{CHECKPOINT}dim n\nparam x[n]\nlet value = {operator}(x[i]^2 for i in n)\n")
    slope = jax.grad(lambda x: model(x=x).value)(jnp.full(10, -2.0))
    np.testing.assert_allclose(slope, np.full(10, -0.4), rtol=1e-14)


def test_blocks_work_for_sizes_that_are_symbols():
    data = data_of(70)
    text = f"{CHECKPOINT}{HEAD}let value = {CLAUSES['sum']}\nlet list = {CLAUSES['array']}\n"
    model = karush.loads(text)
    (size,) = export.symbolic_shape("n", constraints=["n >= 1"])
    compiled = model.compile_for({"n": size, "k": 3})
    exported = export.export(jax.jit(compiled.function))(compiled.specification())
    for count in (1, 5, 64, 70):
        some = {name: array[:count] if name in ("X", "y", "src") else array for name, array in data.items()}
        found = exported.call({name: jnp.asarray(array) for name, array in some.items()})
        expected = model(**some)
        np.testing.assert_allclose(found.values["value"], expected.value, rtol=1e-13)
        np.testing.assert_allclose(found.values["list"], expected["list"], rtol=1e-13)


WIDTH = 64


@pytest.mark.parametrize("operator", ["sum", "mean", "prod", "logsumexp", "max"])
def test_the_memory_of_a_clause_is_that_of_the_root_of_its_length(operator):
    """Each lane keeps three vectors of 64 numbers or more; blocks keep at most eight for each lane of one of them."""
    body = "sumsq(tanh(w * tanh(w * tanh(w * X[i])))) / d"
    text = f"dim n, d\nparam X[n, d], w[d]\nlet value = {operator}({body} for i in n)\n"
    for size in (256, 1024, 4096):
        found = {}
        for head in (CHECKPOINT, ""):
            model = karush.loads(head + text)

            def loss(w, X, model=model):
                return model(X=X, w=w).value

            found[head] = temporary(loss, jnp.ones(WIDTH), jnp.zeros((size, WIDTH))) / (8 * WIDTH)
        assert found[""] > 2 * size and found[CHECKPOINT] < 8 * size**0.5 + size / 16, (size, found)


def test_the_program_does_not_grow_with_the_length():
    model = karush.loads(f"{CHECKPOINT}{HEAD}let value = {CLAUSES['sum']}\n")

    def lines(size):
        prepared = model.prepare(data_of(size))
        return jax.jit(prepared.compiled.function).lower(dict(prepared.arrays)).as_text().count("\n")

    assert lines(100) == lines(1024) and abs(lines(10) - lines(1000)) <= 8


def test_what_checkpoint_takes():
    analysis = analyse_text("derivative unroll(checkpoint = 3)\nparam x\nlet y = x\n")
    assert [finding.code for finding in analysis.diagnostics] == ["E0607"]
