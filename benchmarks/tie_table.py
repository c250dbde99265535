"""What every operation with a tie takes as its derivative there, beside JAX, PyTorch and JAXopt, measured in one run.

usage: python -m benchmarks.tie_table [--write docs/rules.md]

Systems that are not installed have an empty column. An entry is the gradient by reverse mode at the point, in all
arguments that are named; of a function with many values that of the value in brackets.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from karush.solvers.projections.table import PROJECTIONS
from karush.solvers.proximal import group_threshold, soft_threshold
from karush.solvers.proximal import norm_nuc as singular_threshold
from karush.stdlib.primitives.table import RULES, primitive
from karush.stdlib.primitives.ties import Element

Function = Callable[..., Any]
COMMAND = "python -m benchmarks.tie_table --write docs/rules.md"


@dataclass(frozen=True)
class Case:
    """An operation at a tie: the set there, and how JAX and PyTorch (by a function of its module) say it."""

    name: str
    point: tuple[Any, ...]
    shown: str
    members: str
    jax: Function | None = None
    torch: Callable[[Any], Function] | None = None
    pick: int | None = None


ONES, ZEROS, EYE = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), ((1.0, 0.0), (0.0, 1.0))


def _largest(A):
    return jnp.linalg.eigvalsh(A)[-1]


CASES = (
    Case("relu", (0.0,), "0", "[0, 1]", jax.nn.relu, lambda t: t.relu),
    Case("abs", (0.0,), "0", "[-1, 1]", jnp.abs, lambda t: t.abs),
    Case("leaky_relu", (0.0, 0.1), "0, slope 0.1", "[0.1, 1]", jax.nn.leaky_relu),
    Case("elu", (0.0, 0.5), "0, alpha 0.5", "[0.5, 1]", jax.nn.elu),
    Case("selu", (0.0,), "0", "[1.051, 1.758]", jax.nn.selu, lambda t: t.nn.functional.selu),
    Case("relu6", (6.0,), "6", "[0, 1]", jax.nn.relu6, lambda t: t.nn.functional.relu6),
    Case("hard_tanh", (1.0,), "1", "[0, 1]", jax.nn.hard_tanh, lambda t: t.nn.functional.hardtanh),
    Case("hard_sigmoid", (3.0,), "3", "[0, 1/6]", jax.nn.hard_sigmoid, lambda t: t.nn.functional.hardsigmoid),
    Case("hard_swish", (3.0,), "3", "[1, 1.5]", jax.nn.hard_swish, lambda t: t.nn.functional.hardswish),
    Case("hard_swish", (-3.0,), "-3", "[-0.5, 0]", jax.nn.hard_swish, lambda t: t.nn.functional.hardswish),
    Case("maximum", (1.0, 1.0), "1, 1", "(a, 1 - a)", jnp.maximum, lambda t: t.maximum),
    Case("minimum", (1.0, 1.0), "1, 1", "(a, 1 - a)", jnp.minimum, lambda t: t.minimum),
    Case("max", (ONES,), "(1, 1, 1)", "simplex", jnp.max, lambda t: t.amax),
    Case("min", (ONES,), "(1, 1, 1)", "simplex", jnp.min, lambda t: t.amin),
    Case("clip", (0.0, 0.0, 1.0), "0 in [0, 1]", "(a, 1 - a, 0)", jnp.clip, lambda t: t.clamp),
    Case("norm1", (ZEROS,), "0", "[-1, 1]³", lambda x: jnp.linalg.norm(x, 1), lambda t: lambda x: t.norm(x, 1)),
    Case("norm2", (ZEROS,), "0", "unit ball", jnp.linalg.norm, lambda t: t.norm),
    Case(
        "norminf",
        (ZEROS,),
        "0",
        "l1 ball",
        lambda x: jnp.linalg.norm(x, jnp.inf),
        lambda t: lambda x: t.norm(x, float("inf")),
    ),
    Case(
        "norminf",
        ((1.0, -1.0),),
        "(1, -1)",
        "(a, a - 1)",
        lambda x: jnp.linalg.norm(x, jnp.inf),
        lambda t: lambda x: t.norm(x, float("inf")),
    ),
    Case("hypot", (0.0, 0.0), "0, 0", "unit disc", jnp.hypot, lambda t: t.hypot),
    Case("tv", (ONES,), "(1, 1, 1)", "zonotope", lambda x: jnp.sum(jnp.abs(jnp.diff(x)))),
    Case("sort", (ONES,), "(1, 1, 1) [0]", "simplex", jnp.sort, lambda t: lambda x: t.sort(x)[0], 0),
    Case("median", (ONES,), "(1, 1, 1)", "simplex", jnp.median, lambda t: t.median),
    Case("sum_largest", (ONES, 1.0), "(1, 1, 1), k = 1", "simplex"),
    Case("cummax", (ONES,), "(1, 1, 1) [2]", "simplex", jax.lax.cummax, lambda t: lambda x: t.cummax(x, 0)[0], 2),
    Case("lambda_max", (EYE,), "I", "V U Vᵀ, tr U = 1", _largest, lambda t: lambda A: t.linalg.eigvalsh(A)[-1]),
    Case(
        "sigma_max",
        (EYE,),
        "I",
        "V U Vᵀ, tr U = 1",
        lambda A: jnp.linalg.svd(A, compute_uv=False)[0],
        lambda t: lambda A: t.linalg.svdvals(A)[0],
    ),
    Case(
        "norm_nuc",
        (((0.0, 0.0), (0.0, 0.0)),),
        "0",
        "spectral ball",
        lambda A: jnp.sum(jnp.linalg.svd(A, compute_uv=False)),
        lambda t: lambda A: t.linalg.svdvals(A).sum(),
    ),
)


def gradient(function: Function, case: Case) -> list[np.ndarray]:
    """By reverse mode, in double precision."""

    def value(*arguments):
        found = function(*arguments)
        return found if case.pick is None else found[case.pick]

    arguments = [jnp.asarray(a) for a in case.point]
    return [np.asarray(g) for g in jax.grad(value, tuple(range(len(arguments))))(*arguments)]


def torch_gradient(torch: Any, function: Function, case: Case) -> list[np.ndarray]:
    """As PyTorch does it; an argument that does not take part has 0."""
    arguments = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in case.point]
    found = function(*arguments)
    (found if case.pick is None else found[case.pick]).backward()
    return [np.zeros(a.shape) if a.grad is None else a.grad.numpy() for a in arguments]


def shown(parts: Sequence[np.ndarray] | None) -> str:
    """Numbers in three digits."""
    if parts is None:
        return ""
    return "; ".join(" ".join(f"{v:.3g}" for v in np.ravel(part) + 0.0) for part in parts)


def installed(name: str) -> Any | None:
    """A module, or None."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def of(case: Case, word: str) -> str:
    return shown(gradient(primitive(case.name, Element(word)), case))


def tie_rows(torch: Any | None) -> list[list[str]]:
    rows = []
    for case in CASES:
        jaxes = None if case.jax is None else gradient(case.jax, case)
        torches = None
        if torch is not None and case.torch is not None:
            torches = torch_gradient(torch, case.torch(torch), case)
        ours = [of(case, word) for word in ("min-norm", "left", "right", "jax")]
        rows.append(
            [f"`{case.name}`", case.shown, case.members, *ours, shown(jaxes), of(case, "torch"), shown(torches)]
        )
    return rows


# ---------------------------------------------------------------- maps

HALF = jnp.asarray(0.5)
Z, E1 = jnp.zeros(2), jnp.asarray([3.0, 4.0]) / 5


def _psd_by_vectors(A: jax.Array) -> jax.Array:
    w, V = jnp.linalg.eigh(A)
    return (V * jnp.maximum(w, 0)) @ V.T


def _shrunk_by_vectors(A: jax.Array) -> jax.Array:
    U, s, Vt = jnp.linalg.svd(A, full_matrices=False)
    return (U * jnp.maximum(s - HALF, 0)) @ Vt


def map_rows(jaxopt: Any | None) -> list[list[str]]:
    """The gradient of the sum of cos(1), cos(2), … times the values."""
    peer_projection = None if jaxopt is None else importlib.import_module("jaxopt.projection")
    peer_prox = None if jaxopt is None else importlib.import_module("jaxopt.prox")
    cases = [
        ("l2 ball, r = 1, at 0", Z, lambda v: PROJECTIONS["l2_ball"](v, 1.0), peer_projection, "projection_l2_ball"),
        ("l2 ball, r = 1, on it", E1, lambda v: PROJECTIONS["l2_ball"](v, 1.0), peer_projection, "projection_l2_ball"),
        ("simplex, at (1, 0)", jnp.asarray([1.0, 0.0]), PROJECTIONS["simplex"], peer_projection, "projection_simplex"),
        ("soft threshold 1, at 1", jnp.ones(2), lambda v: soft_threshold(v, 1.0), peer_prox, "prox_lasso"),
        ("group threshold 1, at 0", Z, lambda v: group_threshold(v, 1.0), peer_prox, "prox_group_lasso"),
    ]
    rows = []
    for label, point, function, module, name in cases:
        theirs = "" if module is None else shown([along(getattr(module, name), point)])
        rows.append([label, shown([along(function, point)]), theirs])
    matrices = [
        ("semidefinite cone, at I", PROJECTIONS["semidefinite"], _psd_by_vectors),
        ("singular value threshold 0.5, at I", lambda A: singular_threshold(A, HALF), _shrunk_by_vectors),
    ]
    for label, function, by_vectors in matrices:
        rows.append([label, *(shown([along(f, jnp.eye(2))]) for f in (function, by_vectors))])
    return rows


def along(function: Function, point: jax.Array) -> np.ndarray:
    weights = jnp.cos(jnp.arange(1.0, point.size + 1)).reshape(point.shape)
    return np.asarray(jax.grad(lambda v: jnp.sum(weights * function(v)))(point))


# ---------------------------------------------------------------- the page


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def page() -> str:
    """The document."""
    torch, jaxopt = installed("torch"), installed("jaxopt")
    versions = [f"jax {jax.__version__}", *([f"torch {torch.__version__}"] if torch else [])]
    heads = ["operation", "at", "set", "least norm", "left", "right", "`jax`", "JAX", "`torch`", "PyTorch"]
    return f"""# Derivatives at ties

Made by `{COMMAND}` with {", ".join(versions)}, double precision, all gradients by reverse mode.

Where an operation has a kink, its derivative is a set. karush takes the element of least norm unless a file
(`derivative rule(relu = right)`) or a call (`--tie torch`) says another; the words `jax` and `torch` mean what these
take. Where they have NaN the words mean the least norm. Gradients in several arguments are parted by `;`.

{markdown(heads, tie_rows(torch))}

Forward and reverse mode give the same bits for every entry, along every path in a set of ties the derivative is the
true one, and every word is an element of the Clarke derivative: `tests/conformance/test_rules.py` holds that of all
{len(RULES)} operations with ties. `lax.clamp` fails the second and is not used.

## Projections and proximal maps

The gradient of Σ cos(i) P(v)_i. By vectors: through `eigh` or `svd` in JAX, whose vectors have no derivative where
eigenvalues are equal though the map has one.

{markdown(["map", "karush", "JAXopt; by vectors"], map_rows(jaxopt))}
"""


def main() -> None:
    """Print the page or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    path = parser.parse_args().write
    text = page()
    if path is None:
        print(text)
    else:
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()
