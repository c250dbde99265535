"""What every benchmark of layers shares: a layer's two calls, their times in turn, the table, the machine."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

Run = Callable[[], tuple[np.ndarray, np.ndarray]]
Pair = tuple[Run, Run]


def jax_layer(solve: Callable[..., jax.Array], data: Sequence[np.ndarray], wrt: int) -> Pair:
    """Forward, and forward + backward, of a JAX layer over a batch.

    The gradient of the sum of its outputs is taken in all data, and that in ``data[wrt]`` is returned.
    """
    values = tuple(map(jnp.asarray, data))
    forward = jax.jit(jax.vmap(solve))

    def total(*arrays: jax.Array) -> tuple[jax.Array, jax.Array]:
        x = jax.vmap(solve)(*arrays)
        return jnp.sum(x), x

    both = jax.jit(jax.value_and_grad(total, argnums=tuple(range(len(values))), has_aux=True))

    def run_forward() -> tuple[np.ndarray, np.ndarray]:
        return np.asarray(jax.block_until_ready(forward(*values))), np.zeros(0)

    def run_both() -> tuple[np.ndarray, np.ndarray]:
        (_, x), gradients = jax.block_until_ready(both(*values))
        return np.asarray(x), np.asarray(gradients[wrt])

    return run_forward, run_both


def relative_error(got: np.ndarray, want: np.ndarray) -> float:
    """Largest |got - want| over the lanes of ``want``, relative to the largest |want| of all: a lane's own may be 0."""
    error = np.max(np.abs(got[: len(want)] - want)) / max(float(np.max(np.abs(want))), 1e-3)
    return float(error) if np.isfinite(error) else float("inf")


def measured(
    runs: Mapping[str, Pair],
    rounds: int,
    size: str,
    reference: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
) -> list[dict]:
    """One row a system: median times in ms of turns after a warm-up, and errors against the reference.

    ``reference`` gives (x, gradient) from the x that the first system found.
    """
    results = {name: (both(), forward())[0] for name, (forward, both) in runs.items()}
    seconds: dict[str, list[list[float]]] = {name: [[], []] for name in runs}
    for _ in range(rounds):
        for name, pair in runs.items():
            for kind, call in enumerate(pair):
                begin = time.perf_counter()
                call()
                seconds[name][kind].append(time.perf_counter() - begin)
    exact = reference(results[next(iter(runs))][0])
    rows = []
    for name, found in results.items():
        forward, both = (1000 * float(np.median(times)) for times in seconds[name])
        x, gradient = (relative_error(got, want) for got, want in zip(found, exact, strict=True))
        rows.append({"size": size, "system": name, "forward": forward, "both": both, "x": x, "gradient": gradient})
    return [{**row, "ratio": row["both"] / rows[0]["both"]} for row in rows]


def table(rows: list[dict], size: str) -> str:
    """The rows as a Markdown table whose first column is headed ``size``."""
    lines = [
        f"| {size} | system | forward ms | forward + backward ms | ratio to karush | error of x | of gradient |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['size']} | {r['system']} | {r['forward']:.2f} | {r['both']:.2f} | {r['ratio']:.2f} | {r['x']:.0e} "
        f"| {r['gradient']:.0e} |"
        for r in rows
    ]
    return "\n".join(lines)


def machine() -> str:
    """What it was measured on, in words."""
    cores = len(os.sched_getaffinity(0))
    return f"{cores} core{'s' * (cores > 1)} of a {platform.machine()} CPU, jax {jax.__version__}, double precision"
