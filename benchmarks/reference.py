"""Draws of dense quadratic programs and their exact solutions and gradients, independent of every solver measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Draws:
    """A batch of  minimize ½ x'Px + q'x  subject to  Gx ≤ h;  leading axis: the batch."""

    P: np.ndarray
    q: np.ndarray
    G: np.ndarray
    h: np.ndarray


def generator_2019(n: int, m: int, batch: int, seed: int = 0) -> Draws:
    """P = LL' + 1e-3 I with L ~ U[0, 1], G ~ N(0, 1), h = G x0 + s with x0 ~ N(0, 1), s ~ U[0, 1]."""
    rng = np.random.default_rng(seed)
    L = rng.uniform(size=(batch, n, n))
    G = rng.normal(size=(batch, m, n))
    x0 = rng.normal(size=(batch, n))
    h = np.einsum("bmn,bn->bm", G, x0) + rng.uniform(size=(batch, m))
    P = L @ L.transpose(0, 2, 1) + 1e-3 * np.eye(n)
    return Draws(P, rng.normal(size=(batch, n)), G, h)


def solve_active(P: np.ndarray, q: np.ndarray, G: np.ndarray, h: np.ndarray, active: np.ndarray):
    """The point and multipliers where the active rows hold as equations, and the KKT matrix (one refinement step)."""
    n, k = len(q), int(active.sum())
    K = np.block([[P, G[active].T], [G[active], np.zeros((k, k))]])
    right = np.concatenate([-q, h[active]])
    point = np.linalg.solve(K, right)
    point += np.linalg.solve(K, right - K @ point)
    return point[:n], point[n:], K


def exact(P: np.ndarray, q: np.ndarray, G: np.ndarray, h: np.ndarray, guess: np.ndarray):
    """Solution x and d sum(x) / dq by flipping the rows with wrong signs until none is left.

    ``guess`` is any approximate solution: it only says where to begin. Raises where no active set with correct signs
    is found, so that no unverified reference is ever used.
    """
    active = G @ guess > h - 1e-5
    for round_ in range(200):
        x, multipliers, K = solve_active(P, q, G, h, active)
        wrong = G @ x > h + 1e-9
        wrong[np.flatnonzero(active)[multipliers < -1e-9]] = True
        if not wrong.any():
            ones = np.concatenate([np.ones(len(q)), np.zeros(len(multipliers))])
            adjoint = np.linalg.solve(K, ones)
            adjoint += np.linalg.solve(K, ones - K @ adjoint)
            return x, -adjoint[: len(q)]
        if round_ < 20:
            active = active ^ wrong
        else:  # single flips cannot cycle
            active[np.flatnonzero(wrong)[-1]] ^= True
    raise ArithmeticError("no active set with correct signs was found")
