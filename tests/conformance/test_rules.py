"""Every rule of the table of operations with ties. A rule that is added is tested without edits here.

A rule is conservative where along every path inside its tie manifold the derivative integrates to the difference of
the ends, whatever element it takes. It is an element of the Clarke derivative where it is a mean of limits of
gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from karush.stdlib.primitives.table import RULES, primitive
from karush.stdlib.primitives.ties import WORDS, Along, Element, Lexicographic, Tie
from tests.conformance.rule_bench import (
    Arrays,
    Move,
    distance_from_hull,
    follow,
    integrals,
    is_matrix,
    paths,
    tie_points,
    together,
)

NAMES = sorted(RULES)
OUTSIDE = 50.0
"""A number that is in no Clarke derivative of the table: relu'(0) = 50."""


def elements(name: str) -> list[Element]:
    """Every word, and numbers where the rule takes them."""
    return [Element(choice) for choice in (*WORDS, *((0.25, OUTSIDE) if RULES[name].numbers else ()))]


@cache
def jacobians(name: str, tie: Tie, mode=jax.jacfwd) -> list[np.ndarray]:
    """In each argument at all tie points."""
    points = together(tie_points(name))
    found = jax.jit(jax.vmap(mode(primitive(name, tie), tuple(range(len(points))))))(*points)
    return [np.asarray(part) for part in found]


def at_point(name: str, tie: Tie, k: int) -> np.ndarray:
    """All entries of the Jacobian at one of the tie points."""
    return flat([part[k] for part in jacobians(name, tie)])


def flat(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.ravel(part) for part in parts])


@pytest.mark.parametrize("name", NAMES)
def test_ties_are_found(name: str) -> None:
    """By the margin; near a tie it counts as near, and elsewhere not at all."""
    assert tie_points(name)
    for point in tie_points(name):
        exact, near = RULES[name].ties(*point)
        assert 0 < exact <= near
    random = np.random.default_rng(0)
    moved = tuple(a + random.uniform(0.1, 0.2, np.shape(a)) for a in tie_points(name)[0])
    assert RULES[name].ties(*moved)[1] == 0


# ---------------------------------------------------------------- conservative


def moves_of(name: str) -> list[Move]:
    random = np.random.default_rng(1)
    return [move for point in tie_points(name)[:4] for move in paths(name, point, random)]


QUADRATURE = {"norm": 1e-6}
"""Of a p-norm with p from 1 on, a path from an entry 0 is as rough as sᵖ for the quadrature."""


@pytest.mark.parametrize("name", NAMES)
def test_along_paths_in_the_tie_manifold_the_derivative_is_the_true_one(name: str) -> None:
    """In all arguments together, for every element."""
    for tie in elements(name):
        along, difference = integrals(primitive(name, tie), moves_of(name))
        np.testing.assert_allclose(along, difference, rtol=0, atol=QUADRATURE.get(name, 1e-9), err_msg=str(tie))


ISOLATED = {"relu", "abs", "neg_part", "relu6", "hard_tanh", "hard_sigmoid", "hard_swish", "selu", "hypot", "norm2"}
"""Ties that are single points: no path stays in them."""


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ISOLATED])
def test_paths_do_stay_in_the_manifold(name: str) -> None:
    """So that the test above says something of the elements at ties."""
    moves = [move for move in moves_of(name) if np.any(flat(move[1]) != 0)]

    def near(move, s):
        return RULES[name].ties(*follow(move, s))[1] > 0

    stay = jax.vmap(lambda move: near(move, jnp.asarray(0.01)) & near(move, jnp.asarray(0.03)))(together(moves))
    assert np.any(stay)


def test_lax_clamp_is_not_conservative() -> None:
    """x and its lower bound move as one: clamp moves with them, its derivative says that it does not."""
    move = ((np.array(0.0), np.array(0.0), np.array(9.0)), (np.array(1.0), np.array(1.0), np.array(0.0)), ())
    wrong, difference = integrals(lambda x, lower, upper: lax.clamp(lower, x, upper), [move])
    assert wrong[0] == 0 and difference[0] == pytest.approx(0.05)
    right, _ = integrals(primitive("clip"), [move])
    assert right[0] == pytest.approx(0.05)


# ---------------------------------------------------------------- Clarke


@cache
def many_jacobians(name: str):
    return jax.jit(jax.vmap(jax.jacfwd(primitive(name), tuple(range(len(tie_points(name)[0]))))))


def limits(name: str, point: Arrays, element: np.ndarray) -> np.ndarray:
    """Jacobians at points around, in rows; of matrices also along the element, where round sets have it."""
    random, count = np.random.default_rng(2), 300
    steps = [random.normal(size=(count, *np.shape(a))) for a in point]
    if is_matrix(name):
        toward = element.reshape(point[0].shape)
        steps[0][:50], steps[0][50:100] = (0.05 * steps[0][:50] + sign * toward for sign in (1, -1))
    around = [jnp.asarray(a + 1e-6 * step) for a, step in zip(point, steps, strict=True)]
    return np.concatenate([np.reshape(part, (count, -1)) for part in many_jacobians(name)(*around)], axis=1)


@pytest.mark.parametrize("name", NAMES)
def test_every_word_is_an_element_of_the_clarke_derivative(name: str) -> None:
    """And a number is, between the one-sided derivatives; beyond them it is conservative and no more."""
    outside = []
    for k, point in enumerate(tie_points(name)[:3]):
        for word in WORDS:
            found = at_point(name, Element(word), k)
            assert distance_from_hull(limits(name, point, found), found) <= 0.03, (word, point, found)
        if RULES[name].numbers:
            found = at_point(name, Element(OUTSIDE), k)
            outside.append(distance_from_hull(limits(name, point, found), found))
    assert not outside or max(outside) > 1


@pytest.mark.parametrize("name", NAMES)
def test_the_default_has_the_least_norm_among_the_words(name: str) -> None:
    """In all arguments together, or in the first, where the others are numbers as a rule: clip."""

    def norms(word: str) -> list[np.ndarray]:
        parts = [part.reshape(len(part), -1) for part in jacobians(name, Element(word))]
        return [np.linalg.norm(rows, axis=1) for rows in (np.concatenate(parts, axis=1), parts[0])]

    default = norms(WORDS[0])
    for word in WORDS[1:]:
        whole, first = (here <= there + 1e-12 for here, there in zip(default, norms(word), strict=True))
        assert np.all(whole) or np.all(first), word


# ---------------------------------------------------------------- modes


@pytest.mark.parametrize("name", NAMES)
def test_forward_and_reverse_are_the_same_bit_for_bit(name: str) -> None:
    for tie in elements(name):
        for one, other in zip(jacobians(name, tie), jacobians(name, tie, jax.jacrev), strict=True):
            np.testing.assert_array_equal(one, other, err_msg=str(tie))


# ---------------------------------------------------------------- directions


def directions(point: Arrays, count: int) -> list[Arrays]:
    """General ones, and some with equal entries, which leave ties to the next."""
    random = np.random.default_rng(3)
    found = [tuple(random.uniform(-1, 1, np.shape(a)) for a in point) for _ in range(count)]
    return [*found, *(tuple(np.round(part) for part in parts) for parts in found)]


@pytest.mark.parametrize("name", NAMES)
def test_along_its_tangent_it_is_the_one_sided_derivative(name: str) -> None:
    function, step = primitive(name, Along()), 1e-7
    pairs = together([(point, t) for point in tie_points(name) for t in directions(point, 2)])

    def both(x: Arrays, t: Arrays) -> tuple[jax.Array, jax.Array]:
        value, slope = jax.jvp(function, x, t)
        ahead = function(*(a + step * d for a, d in zip(x, t, strict=True)))
        return slope, (ahead - value) / step

    slopes, differences = jax.jit(jax.vmap(both))(*pairs)
    np.testing.assert_allclose(slopes, differences, atol=2e-6)


@pytest.mark.parametrize("name", NAMES)
def test_the_reverse_of_its_derivative_along_a_direction_is_that_element(name: str) -> None:
    """d ↦ F'(x; d) has a transpose at d, the same bit for bit: what mode=clarke takes."""
    function = primitive(name, Along())
    for point in tie_points(name)[:2]:
        primals, tangents = tuple(map(jnp.asarray, point)), tuple(map(jnp.asarray, directions(point, 1)[0]))

        def along(*t, primals=primals):
            return jax.jvp(function, primals, t)[1]

        places = tuple(range(len(point)))
        forward, reverse = (jax.jit(mode(along, places))(*tangents) for mode in (jax.jacfwd, jax.jacrev))
        for one, other in zip(forward, reverse, strict=True):
            np.testing.assert_array_equal(one, other)
        found = flat([np.asarray(part) for part in reverse])
        assert distance_from_hull(limits(name, point, found), found) <= 0.03


@pytest.mark.parametrize("name", NAMES)
def test_by_several_directions_it_is_the_limit_of_small_steps_along_them(name: str) -> None:
    """J(x; M) M against the derivative at x + e m₁ + e² m₂."""
    function, step = primitive(name, Lexicographic("columns")), 1e-4

    def by_columns(x: Arrays, M: Arrays) -> jax.Array:
        return jax.vmap(lambda *t: jax.jvp(function, x, t)[1], axis_name="columns")(*M)

    def nearby(x: Arrays, M: Arrays) -> jax.Array:
        near = tuple(a + step * m[0] + step**2 * m[1] for a, m in zip(x, M, strict=True))
        return jax.vmap(lambda *t: jax.jvp(primitive(name), near, t)[1])(*M)

    cases = [
        (point, together([first, directions(point, 1)[0]]))
        for point in tie_points(name)
        for first in directions(point, 2)[1:]
    ]
    found, expected = (jax.jit(jax.vmap(f))(*together(cases)) for f in (by_columns, nearby))
    np.testing.assert_allclose(found, expected, atol=3e-3)
