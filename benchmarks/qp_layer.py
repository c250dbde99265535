"""Time a batched dense QP layer, forward and backward, against moreau and qpax; gradient error beside every time.

usage: python -m benchmarks.qp_layer [--rounds 7] [--sizes 8x8x1024,...] [--peers karush,...] [--write FILE]

Sizes are variables x rows x batch. All systems solve the same draws in one process, in turn, after a warm-up; medians.
The gradient is that of Σ x in all data; its part in q is compared with an exact active-set solution.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from pathlib import Path

import jax
import numpy as np

from benchmarks.peers import PEERS
from benchmarks.reference import Draws, exact, generator_2019

SIZES = "8x8x1024,20x20x128,32x32x32,128x128x128,256x256x16,10x50x256,32x160x32,128x256x32"


def reference(draws: Draws, guess: np.ndarray, most: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Exact solutions and gradients of the first lanes."""
    lanes = range(min(most, len(draws.q)))
    found = [exact(draws.P[i], draws.q[i], draws.G[i], draws.h[i], guess[i]) for i in lanes]
    return np.stack([x for x, _ in found]), np.stack([g for _, g in found])


def relative_error(got: np.ndarray, want: np.ndarray) -> float:
    """Largest |got - want| over all lanes, relative to the largest |want| of all (a lane's own may be zero)."""
    error = np.max(np.abs(got[: len(want)] - want)) / max(float(np.max(np.abs(want))), 1e-3)
    return float(error) if np.isfinite(error) else float("inf")


def measure(n: int, m: int, batch: int, rounds: int, names: list[str]) -> list[dict]:
    """One row a system: median times of forward and of forward + backward, errors against the reference."""
    draws = generator_2019(n, m, batch)
    runs = {name: PEERS[name](draws) for name in names}
    seconds: dict[str, list[list[float]]] = {name: [[], []] for name in names}
    results = {name: (both(), forward())[0] for name, (forward, both) in runs.items()}
    for _ in range(rounds):
        for name, pair in runs.items():
            for kind, call in enumerate(pair):
                begin = time.perf_counter()
                call()
                seconds[name][kind].append(time.perf_counter() - begin)
    x_exact, gradient_exact = reference(draws, results[names[0]][0])
    rows = []
    for name in names:
        forward, both = (1000 * float(np.median(times)) for times in seconds[name])
        x, gradient = results[name]
        rows.append(
            {
                "size": f"{n} × {m} × {batch}",
                "system": name,
                "forward": forward,
                "both": both,
                "x": relative_error(x, x_exact),
                "gradient": relative_error(gradient, gradient_exact),
            }
        )
    first = rows[0]["both"]
    return [{**row, "ratio": row["both"] / first} for row in rows]


def table(rows: list[dict]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| n × m × batch | system | forward ms | forward + backward ms | ratio to karush | error of x | of gradient |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['size']} | {r['system']} | {r['forward']:.2f} | {r['both']:.2f} | {r['ratio']:.2f} | {r['x']:.0e} "
        f"| {r['gradient']:.0e} |"
        for r in rows
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure every size and print (and write) the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sizes", default=SIZES)
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    names = options.peers.split(",")
    rows: list[dict] = []
    for size in options.sizes.split(","):
        n, m, batch = map(int, size.split("x"))
        # qpax needs minutes on the large ones; it is measured where it ends in a reasonable time
        here = [name for name in names if not (name.startswith("qpax") and n * batch > 10_000)]
        rows += measure(n, m, batch, options.rounds, here)
        print(table(rows[-len(here) :]), flush=True)
    if options.write:
        cores = len(os.sched_getaffinity(0))
        machine = f"{cores} core{'s' * (cores > 1)} of a {platform.machine()} CPU"
        options.write.write_text(
            "# Dense QP layer\n\n"
            f"Made by `python -m benchmarks.qp_layer --rounds {options.rounds} --write {options.write}` on {machine}, "
            f"jax {jax.__version__}, double precision. Ratios mean something, single times do not.\n\n{table(rows)}\n"
        )


if __name__ == "__main__":
    main()
