"""The algebra of blocks: every operation against the same operation on dense matrices, and what it must not spend."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from karush.compiler.lowering import affine_blocks as blocks
from karush.compiler.lowering.affine_blocks import Block, expand
from karush.compiler.lowering.gram import Layout, Pair, Slope, assemble_matrix, assemble_vector, gram, slope

RNG = np.random.default_rng(11)
DTYPE = jnp.float64


def dense(block: Block, shape):
    return np.asarray(expand(block, shape, DTYPE))


def examples():
    """(block, shape of the expression): each kind, on a vector and on a matrix."""
    factor = jnp.asarray(RNG.normal(size=3))
    matrix = jnp.asarray(RNG.normal(size=(3, 5)))
    places = jnp.asarray([4, 0, 4])
    return {
        "identity": (blocks.identity((3,)), (3,)),
        "scaled": (blocks.scale(blocks.identity((3,)), 2.5, (3,)), (3,)),
        "diagonal": (blocks.scale(blocks.identity((3,)), factor, (3,)), (3,)),
        "dense": (blocks.dense(matrix, (5,)), (3,)),
        "selected": (Block(1.0, places, True, (3,), (5,)), (3,)),
        "selected diagonal": (Block(factor, places, True, (3,), (5,)), (3,)),
        "selected dense": (Block(matrix, jnp.asarray([1, 1, 6, 0, 2]), False, (5,), (7,)), (3,)),
        "of a matrix": (Block(1.0, jnp.asarray([5, 0, 3]), True, (3,), (2, 3)), (3,)),
    }


NAMES = list(examples())


@pytest.mark.parametrize("name", NAMES)
def test_expand_acts_as_the_block_says(name):
    block, shape = examples()[name]
    x = RNG.normal(size=block.var)
    entries = x.reshape(-1)[np.asarray(block.positions)] if block.positions is not None else x
    acts = np.asarray(block.matrix) * entries if block.diagonal else np.tensordot(block.matrix, entries, entries.ndim)
    got = np.tensordot(dense(block, shape), x, x.ndim)
    np.testing.assert_allclose(got, acts, atol=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_linear_operations(name):
    block, shape = examples()[name]
    reference = dense(block, shape)
    S = jnp.asarray(RNG.normal(size=(2, 3)))
    weights = jnp.asarray(RNG.normal(size=3))
    flat = reference.reshape(3, -1)

    def check(got, result, want):
        np.testing.assert_allclose(dense(got, result).reshape(want.shape), want, atol=1e-13)

    check(blocks.negate(block), shape, -flat)
    check(blocks.scale(block, weights, shape), shape, np.asarray(weights)[:, None] * flat)
    check(blocks.scale(block, jnp.asarray(2.0), shape), shape, 2 * flat)
    check(blocks.multiply_left(S, block, shape, (2,), DTYPE), (2,), S @ flat)
    check(blocks.multiply_left(weights, block, shape, (), DTYPE), (), weights @ flat)
    check(blocks.push(block, jnp.sum, shape, (), DTYPE), (), flat.sum(axis=0))
    check(blocks.push(block, jnp.cumsum, shape, shape, DTYPE), shape, np.cumsum(flat, axis=0))
    check(blocks.select(block, lambda a: a[1:], shape, (2,), DTYPE), (2,), flat[1:])
    check(blocks.select(block, lambda a: a[1], shape, (), DTYPE), (), flat[1])


@pytest.mark.parametrize("first", NAMES)
@pytest.mark.parametrize("second", NAMES)
def test_sums_and_grams(first, second):
    (a, shape), (b, _) = examples()[first], examples()[second]
    A, B = dense(a, shape).reshape(3, -1), dense(b, shape).reshape(3, -1)
    if a.var == b.var:
        total = blocks.add(a, b, shape, DTYPE)
        np.testing.assert_allclose(dense(total, shape).reshape(3, -1), A + B, atol=1e-14)
    weight = jnp.asarray(RNG.normal(size=3))
    layout = Layout({"p": a.var, "q": b.var})
    for w in (1.0, jnp.asarray(0.3), weight):
        pair = Pair("p", "q", _places(a), _places(b), gram(a, b, w, shape, DTYPE))
        got = assemble_matrix((pair,), layout, DTYPE)
        half = np.zeros(got.shape)
        half[: A.shape[1], A.shape[1] :] = A.T @ np.diag(np.broadcast_to(w, 3)) @ B
        np.testing.assert_allclose(got, half + half.T, atol=1e-13)
        vector = assemble_vector((Slope("q", _places(b), slope(b, w, shape, DTYPE)),), layout, DTYPE)
        np.testing.assert_allclose(vector[A.shape[1] :], np.broadcast_to(w, 3) @ B, atol=1e-13)


def _places(block):
    return None if block.positions is None else block.positions.reshape(-1)


def test_the_identity_costs_nothing():
    G = jnp.asarray(RNG.normal(size=(4, 3)))
    product = blocks.multiply_left(G, blocks.identity((3,)), (3,), (4,), DTYPE)
    assert product.matrix is G
    assert blocks.select(blocks.identity((3,)), lambda a: a[1:], (3,), (2,), DTYPE).diagonal
    text = str(jax.make_jaxpr(lambda g: blocks.multiply_left(g, blocks.identity((3,)), (3,), (4,), DTYPE).matrix)(G))
    assert "dot_general" not in text and "mul" not in text


def test_layout_splits_what_it_joins():
    layout = Layout({"a": (2, 3), "b": (), "c": (4,)})
    parts = {"a": jnp.arange(6.0).reshape(2, 3), "b": jnp.asarray(6.0), "c": jnp.arange(7.0, 11.0)}
    x = layout.join({k: v.reshape(-1) for k, v in parts.items()}, 0, (), DTYPE)
    np.testing.assert_array_equal(x, np.arange(11.0))
    for name, part in layout.split(x).items():
        np.testing.assert_array_equal(part, parts[name])
    matrix = layout.join({"b": jnp.ones((2, 1))}, 1, (2,), DTYPE)
    np.testing.assert_array_equal(matrix, np.eye(11)[[6, 6]])
