"""Atoms that CVXPY has as well: the same values, and a curvature never weaker than CVXPY's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cvxpy as cp
import numpy as np
import pytest

from karush.compiler.library import load_library

LIBRARY = load_library()

BY_ENTRY: dict[str, Callable[..., Any]] = {
    "abs": cp.abs,
    "absolute": cp.abs,
    "bernoulli_nll": lambda y, p: -y * cp.log(p) - (1 - y) * cp.log(1 - p),
    "entropy": cp.entr,
    "exp": cp.exp,
    "expm1": lambda x: cp.exp(x) - 1,
    "hinge": lambda x: cp.pos(1 - x),
    "huber": lambda x, delta: cp.huber(x, float(delta)) / 2,
    "inv_pos": cp.inv_pos,
    "kl_div": cp.kl_div,
    "leaky_relu": lambda x, slope: cp.maximum(x, slope * x),
    "log": cp.log,
    "log1p": cp.log1p,
    "logistic": cp.logistic,
    "maximum": cp.maximum,
    "minimum": cp.minimum,
    "neg_part": cp.neg,
    "normal_nll": lambda y, mu, sigma: cp.square(y - mu) / (2 * sigma**2) + np.log(sigma) + np.log(2 * np.pi) / 2,
    "pos_part": cp.pos,
    "rel_entr": cp.rel_entr,
    "relu": cp.pos,
    "softplus": cp.logistic,
    "sqrt": cp.sqrt,
    "square": cp.square,
    "squared": cp.square,
    "xlogx": lambda x: -cp.entr(x),
}
"""Atoms of numbers: compared at one entry of a sample."""

WHOLE: dict[str, Callable[..., Any]] = {
    "cross_entropy": lambda z, label: cp.log_sum_exp(z) - z[int(label)],
    "cumsum": cp.cumsum,
    "diag": cp.diag,
    "diff": cp.diff,
    "geo_mean": cp.geo_mean,
    "kron": cp.kron,
    "lambda_max": cp.lambda_max,
    "lambda_min": cp.lambda_min,
    "logdet": cp.log_det,
    "logsumexp": cp.log_sum_exp,
    "matrix_frac": cp.matrix_frac,
    "max": cp.max,
    "mean": cp.mean,
    "min": cp.min,
    "norm": lambda x, p: cp.pnorm(x, float(p), approx=False),
    "norm1": cp.norm1,
    "norm2": cp.norm2,
    "norm_fro": lambda X: cp.norm(X, "fro"),
    "norm_nuc": cp.normNuc,
    "norminf": cp.norm_inf,
    "quad": cp.quad_form,
    "quad_over_lin": cp.quad_over_lin,
    "sigma_max": cp.sigma_max,
    "sum": cp.sum,
    "sum_largest": lambda x, k: cp.sum_largest(x, float(k)),
    "sum_smallest": lambda x, k: cp.sum_smallest(x, float(k)),
    "sumsq": cp.sum_squares,
    "trace": cp.trace,
    "tv": cp.tv,
    "vec": lambda X: cp.vec(X, order="C"),
}

CURVED = [
    (name, names) for name in sorted({**BY_ENTRY, **WHOLE}) for names, _ in getattr(LIBRARY.atom(name), "curvature", ())
]


@pytest.mark.parametrize(("name", "names"), CURVED, ids=[f"{n}-{'-'.join(names)}" for n, names in CURVED])
def test_value_and_curvature(bench, name: str, names: tuple[str, ...]) -> None:
    here, random = bench.probe(name), np.random.default_rng(11)
    for _ in range(3):
        arguments = bench.sample(name, random)
        value = np.asarray(here(arguments))
        if name in BY_ENTRY:
            arguments = {k: v[(0,) * v.ndim] for k, v in arguments.items()}
            value = value[(0,) * value.ndim]
        given = {k: variable(v) if k in names else v for k, v in arguments.items()}
        theirs = {**BY_ENTRY, **WHOLE}[name](*given.values())
        np.testing.assert_allclose(value, theirs.value, rtol=1e-9, atol=1e-9)
        ours = here.atom.curvature_in(frozenset(names))
        assert ours.is_convex or not theirs.is_convex()
        assert ours.is_concave or not theirs.is_concave()


def variable(value: np.ndarray) -> cp.Variable:
    """An unknown that has this value now."""
    square = value.ndim == 2 and np.array_equal(value, value.T)
    unknown = cp.Variable(value.shape, symmetric=True) if square else cp.Variable(value.shape)
    unknown.value = value
    return unknown
