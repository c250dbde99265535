"""Whether the norm of the element at ties of a maximum matters: a network with max pooling, trained in each precision.

The element is J_β = β J_min + (1 − β) J_first: shared alike among the greatest (the least norm), or given to the first
of them; its norm grows with β (R. Boustany, On the numerical reliability of nonsmooth autodiff: a MaxPool case study,
2024). A path through the network meets one maximum, so that the gradient with J_β is the same combination of the two
gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from karush.compiler.lowering.compiled import Compiled
from karush.figures.figure import Figure, Panel
from karush.figures.measuring import DIGITS, images
from karush.figures.networks import CLASSES
from karush.figures.relu_tie import PRECISIONS, STRICT, Arrays, in_precision
from karush.problem import loads

BETAS = (0.0, 1.0, 10.0, 100.0, 1000.0, 10000.0)
CHANNELS, BATCH, RATE = 6, 64, 0.2
POOLED = """dim m, c, k
param X[m, 8, 8], label[m] in index(k)
param K[c, 3, 3], b[c], V[k, c, 3, 3], a[k]
fn filtered(x[8, 8]) = [sum(K[f, u, v] * x[i + u, j + v] for u in range(3), v in range(3)) + b[f]
  for f in c, i in range(6), j in range(6)]
fn pooled(z[c, 6, 6]) = [max(z[f, 2 * i + u, 2 * j + v] for u in range(2), v in range(2))
  for f in c, i in range(3), j in range(3)]
fn network(z[c, 3, 3]) = [sum(V[l, f, i, j] * z[f, i, j] for f in c, i in range(3), j in range(3)) + a[l] for l in k]
let maps = [filtered(X[i]) for i in m]
let logits = [network(relu(pooled(maps[i]))) for i in m]
let loss = mean(cross_entropy(logits[i], label[i]) for i in m)
"""


def pool_tie(
    betas: Sequence[float] = BETAS,
    batch: int = BATCH,
    draws: int = 4,
    steps: int = 200,
    precisions: Sequence[str] = tuple(PRECISIONS),
) -> Figure:
    """The figure, on scikit-learn's digits: 1 536 to learn from, the others to test on."""
    rows = [row for precision in precisions for row in measured(betas, batch, draws, steps, precision)]
    notes = (
        f"{CHANNELS} filters of 3 × 3, a maximum over each 2 × 2, relu, one layer; {draws} draws of weights, {steps} "
        f"steps of {batch} digits with rate {RATE}. `accuracy`: on digits not learnt from, mean of the draws; a "
        "network that has become NaN knows none.",
        "`tied`: the share of maxima whose greatest entry comes twice or more, at the start of the training.",
        "`differ`: the share of draws in which the gradients with J_first and J_min differ in the first step, by more "
        "than rounding (relative to the greatest entry).",
    )
    panels = (Panel("accuracy", "1 + β", ("accuracy",), "precision", from_zero=True),)
    return Figure("maxpool-tie", "The norm of the element at ties of a maximum", tuple(rows), notes, panels)


def measured(betas: Sequence[float], batch: int, draws: int, steps: int, precision: str) -> list[dict[str, Any]]:
    """One row for every β."""
    dtype = PRECISIONS[precision]
    found = images(DIGITS, 1797)
    pixels = jnp.asarray(found.pixels.reshape(-1, 8, 8), dtype)
    label = jnp.asarray(found.label, jnp.int32)
    learnt = 1536
    problem = loads(POOLED)
    compiled = {
        name: in_precision(problem, {"m": batch, "c": CHANNELS, "k": CLASSES}, precision, {"max": name})
        for name in ("min-norm", "right")
    }
    tested = in_precision(problem, {"m": 1797 - learnt, "c": CHANNELS, "k": CLASSES}, precision, {"max": "right"})
    order = np.random.default_rng(0).integers(0, learnt, (steps, batch))
    batches = {"X": pixels[order], "label": label[order]}
    starts = [start(seed) for seed in range(draws)]
    stacked = {name: jnp.asarray(np.stack([s[name] for s in starts]), dtype) for name in starts[0]}
    test = {"X": pixels[learnt:], "label": label[learnt:]}
    train = training(compiled["min-norm"], compiled["right"], tested)
    over_draws = jax.vmap(train, in_axes=(None, 0, None, None))
    over_betas = jax.vmap(over_draws, in_axes=(0, None, None, None))
    right, tied, unlike = jax.jit(over_betas, compiler_options=STRICT)(
        jnp.asarray(betas, dtype), stacked, batches, test
    )
    limit = 8 * float(jnp.finfo(dtype).eps)
    return [
        {
            "precision": precision,
            "β": beta,
            "1 + β": 1 + beta,
            "accuracy": float(jnp.mean(right[k])),
            "least accuracy": float(jnp.min(right[k])),
            "tied": float(jnp.mean(tied[k])),
            "differ": float(jnp.mean(unlike[k] > limit)),
        }
        for k, beta in enumerate(betas)
    ]


def start(seed: int) -> dict[str, np.ndarray]:
    """Weights of variance 2 / inputs, no biases."""
    random = np.random.default_rng(seed)
    return {
        "K": random.normal(size=(CHANNELS, 3, 3)) * np.sqrt(2 / 9),
        "b": np.zeros(CHANNELS),
        "V": random.normal(size=(CLASSES, CHANNELS, 3, 3)) / np.sqrt(9 * CHANNELS),
        "a": np.zeros(CLASSES),
    }


def training(least: Compiled, first: Compiled, tested: Compiled) -> Callable[..., tuple[Array, Array, Array]]:
    """(β, weights, batches, test) ↦ accuracy, share of tied maxima and difference of the elements at the start."""

    def gradient(compiled: Compiled, moving: Arrays, rows: Arrays) -> Arrays:
        return jax.grad(lambda w: compiled.function({**w, **rows}).values["loss"])(moving)

    def train(beta: Array, moving: Arrays, batches: Arrays, test: Arrays) -> tuple[Array, Array, Array]:
        def step(moving: Arrays, rows: Arrays) -> tuple[Arrays, None]:
            low, native = gradient(least, moving, rows), gradient(first, moving, rows)
            rate = jnp.asarray(RATE, beta.dtype)
            moved = {n: w - rate * (beta * low[n] + (1 - beta) * native[n]) for n, w in moving.items()}
            return moved, None

        rows = {name: array[0] for name, array in batches.items()}
        low, native = gradient(least, moving, rows), gradient(first, moving, rows)
        greatest = jnp.max(jnp.stack([jnp.max(jnp.abs(native[name])) for name in native]))
        apart = jnp.max(jnp.stack([jnp.max(jnp.abs(low[name] - native[name])) for name in native])) / greatest
        tied = share_of_ties(first.function({**moving, **rows}).values["maps"])
        trained = jax.lax.scan(step, moving, batches)[0]
        logits = tested.function({**trained, **test}).values["logits"]
        finite = jnp.all(jnp.isfinite(logits), axis=1)
        return jnp.mean(finite & (jnp.argmax(logits, axis=1) == test["label"])), tied, apart

    return train


def share_of_ties(maps: Array) -> Array:
    """Of the 2 × 2 windows of (m, c, 6, 6) the share whose greatest entry comes more than once."""
    windows = maps.reshape(*maps.shape[:2], 3, 2, 3, 2)
    greatest = jnp.max(windows, axis=(3, 5), keepdims=True)
    return jnp.mean(jnp.sum(windows == greatest, axis=(3, 5)) > 1, dtype=jnp.float32)
