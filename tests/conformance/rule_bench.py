"""Points at the ties of every rule, and paths inside its tie manifolds: found from the declarations and the margins.

A rule that is added to the table is drawn from without an edit here: its arguments are those of an atom that it is the
value of, and a point is at a tie where the margin of the rule says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import nnls

from karush.compiler.library import load_library
from karush.stdlib.atom import Atom, AtomParam
from karush.stdlib.primitives.table import RULES
from karush.stdlib.shape import SHAPE_RULES

LIBRARY = load_library()
LEVELS = (-3.0, -1.0, 0.0, 1.0, 3.0, 6.0)
NUMBERS = (0.25, 0.5, 1.0, 2.0)
COUNT = 6
Arrays = tuple[np.ndarray, ...]


@cache
def atom_of(name: str) -> Atom:
    """An atom that this primitive is the value of, the one with the fewest sizes."""
    atoms = [a for n in sorted(LIBRARY.atom_names()) if (a := LIBRARY.atom(n)) is not None and a.primitive == name]
    return min(atoms, key=lambda a: sum(len(p.sizes or ()) for p in a.params))


def shape_of(name: str, param: AtomParam) -> tuple[int, ...]:
    """Numbers for what goes entry by entry, three entries else, square or wide matrices."""
    if param.sizes is None:
        return (3,) if name in SHAPE_RULES and param is atom_of(name).params[0] else ()
    return (3,) * len(param.sizes) if len(set(param.sizes)) == 1 else (2, 3)


def is_matrix(name: str) -> bool:
    """Is the first argument a matrix?"""
    return len(shape_of(name, atom_of(name).params[0])) == 2


# ---------------------------------------------------------------- points


def at_ties(name: str, points: Sequence[Arrays]) -> list[Arrays]:
    """Those of the points where the rule has a choice to make."""
    counts = jax.jit(jax.vmap(RULES[name].ties))(*together(points))[0]
    return [point for point, count in zip(points, counts, strict=True) if count > 0]


@cache
def tie_points(name: str) -> tuple[Arrays, ...]:
    """Points at ties, none twice."""
    random = np.random.default_rng(sum(map(ord, name)))
    if is_matrix(name):
        points = [(spectral(name, random, levels),) for levels in product((-1.0, 0.0, 2.0), repeat=min(square(name)))]
    else:
        points = list(drawn(name, random))
    found = at_ties(name, points)
    unique = {tuple(np.concatenate([np.ravel(a) for a in point])): point for point in found}
    chosen = list(unique.values())
    return tuple(chosen[i] for i in random.permutation(len(chosen))[:COUNT])


def square(name: str) -> tuple[int, ...]:
    return shape_of(name, atom_of(name).params[0])


def spectral(name: str, random: np.random.Generator, levels: Sequence[float]) -> np.ndarray:
    """A matrix with these eigenvalues, or magnitudes as singular values."""
    m, n = square(name)
    U, V = (np.linalg.qr(random.normal(size=(k, k)))[0] for k in (m, n))
    if m == n:
        return (U * np.asarray(levels)) @ U.T
    return (U * np.abs(levels)) @ V[:, :m].T


def drawn(name: str, random: np.random.Generator):
    """Arguments on a few levels, and the first one moved to where the margin ends."""
    params, margin = atom_of(name).params, jax.jit(RULES[name].margin)
    for turn in range(100):
        point = tuple(draw(name, param, random) for param in params)
        yield point
        if turn < len(LEVELS):
            yield (np.full_like(point[0], LEVELS[turn]), *point[1:])
        if RULES[name].elementwise:
            gap = np.asarray(margin(*(jnp.asarray(a) for a in point))[0])
            if np.isfinite(gap):
                yield from ((point[0] + move, *point[1:]) for move in (gap, -gap))


def draw(name: str, param: AtomParam, random: np.random.Generator) -> np.ndarray:
    levels = [level for level in (LEVELS if param.set_name is None else NUMBERS) if level in param.interval]
    return random.choice(levels, size=shape_of(name, param))


# ---------------------------------------------------------------- paths inside the tie manifold

SPAN = 0.05
Move = tuple[Arrays, Arrays, Arrays]
"""A point, a direction, and for matrices (left, right, K, L): vectors, and the generators of their rotations."""


def follow(move: Move, s: jax.Array) -> tuple[jax.Array, ...]:
    """The point of a path at s: numbers along the direction, matrices with their spectrum along it and their vectors
    turned."""
    point, direction, turns = move
    if not turns:
        return tuple(a + s * d for a, d in zip(point, direction, strict=True))
    left, right, K, L = turns
    middle = left.T @ point[0] @ right + s * direction[0]
    return (left @ rotation(s * K) @ middle @ rotation(s * L).T @ right.T,)


def rotation(K: jax.Array) -> jax.Array:
    """The orthogonal matrix that Cayley's transform makes of an antisymmetric one."""
    identity = jnp.eye(len(K))
    return jnp.linalg.solve(identity - K / 2, identity + K / 2)


def paths(name: str, point: Arrays, random: np.random.Generator) -> list[Move]:
    """Where all entries go as one; where equal entries do, and opposite ones oppositely; with one argument at rest."""
    if is_matrix(name):
        return [turned(point[0], random) for _ in range(2)]
    found: list[Move] = [(point, tuple(np.ones_like(a) for a in point), ())]
    for sign in (np.sign, np.ones_like):
        slopes = {level: random.uniform(-1, 1) for a in point for level in np.abs(np.ravel(a))}
        moved = tuple(sign(a) * np.vectorize(slopes.get, otypes=[float])(np.abs(a)) for a in point)
        found.append((point, moved, ()))
        for at_rest in range(len(point)):
            found.append((point, tuple(d * (k != at_rest) for k, d in enumerate(moved)), ()))
    return found


def turned(X: np.ndarray, random: np.random.Generator) -> Move:
    """Equal eigenvalues or singular values stay equal, zeros stay 0, and the vectors turn."""
    m, n = X.shape
    K, L = (random.uniform(-1, 1, (k, k)) for k in X.shape)
    if m == n:
        w, V = np.linalg.eigh(X)
        levels, left, right, L = np.round(w, 9), V, V, K
    else:
        U, s, Vt = np.linalg.svd(X)
        levels, left, right = np.round(s, 9), U, Vt.T
    slopes = {level: random.uniform(-1, 1) for level in np.abs(levels)}
    change = np.zeros((m, n))
    np.fill_diagonal(change, [np.sign(level) * slopes[abs(level)] for level in levels])
    return (X,), (change,), (left, right, K - K.T, L - L.T)


def distance_from_hull(rows: np.ndarray, element: np.ndarray) -> float:
    """How far an element is from the convex hull of the rows, of which equal ones are taken once."""
    corners = np.unique(np.round(rows, 4), axis=0)
    weight = 1e3
    system = np.vstack([corners.T, np.full(len(corners), weight)])
    return nnls(system, np.append(element, weight), maxiter=50 * len(corners))[1]


def together(parts: Sequence):
    """Equal trees of arrays, stacked."""
    return jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *parts)


def integrals(function: Callable[..., jax.Array], moves: Sequence[Move], nodes: int = 8) -> tuple[jax.Array, jax.Array]:
    """∫ ⟨J(x(s)), x'(s)⟩ ds of each path by Gauss-Legendre, and the differences of the ends."""
    places, weights = np.polynomial.legendre.leggauss(nodes)
    at = jnp.asarray((places + 1) * SPAN / 2)

    def slope(move: Move, s: jax.Array) -> jax.Array:
        return jax.jvp(lambda s: function(*follow(move, s)), (s,), (jnp.ones_like(s),))[1]

    def along(move: Move) -> jax.Array:
        return jnp.tensordot(weights * SPAN / 2, jax.vmap(lambda s: slope(move, s))(at), axes=1)

    def difference(move: Move) -> jax.Array:
        return function(*follow(move, jnp.asarray(SPAN))) - function(*follow(move, jnp.asarray(0.0)))

    return jax.jit(jax.vmap(lambda move: (along(move), difference(move))))(together(moves))
