"""Time a batched dense QP layer, forward and backward, against moreau and qpax; gradient error beside every time.

usage: python -m benchmarks.qp_layer [--rounds 7] [--sizes 8x8x1024,...] [--peers karush,...] [--write FILE]

Sizes are variables x rows x batch. All systems solve the same draws in one process, in turn, after a warm-up; medians.
The gradient is that of Σ x in all data; its part in q is compared with an exact active-set solution.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import jax
import numpy as np

from benchmarks.layers import machine, measured, table
from benchmarks.peers import PEERS
from benchmarks.reference import Draws, exact, generator_2019

HEAD = "n × m × batch"
SIZES = "8x8x1024,20x20x128,32x32x32,128x128x128,256x256x16,10x50x256,32x160x32,128x256x32"


def reference(draws: Draws, guess: np.ndarray, most: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Exact solutions and gradients of the first lanes."""
    lanes = range(min(most, len(draws.q)))
    found = [exact(draws.P[i], draws.q[i], draws.G[i], draws.h[i], guess[i]) for i in lanes]
    return np.stack([x for x, _ in found]), np.stack([g for _, g in found])


def measure(n: int, m: int, batch: int, rounds: int, names: list[str]) -> list[dict]:
    """One row a system: median times of forward and of forward + backward, errors against the reference."""
    draws = generator_2019(n, m, batch)
    runs = {name: PEERS[name](draws) for name in names}
    return measured(runs, rounds, f"{n} × {m} × {batch}", lambda x: reference(draws, x))


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
        print(table(rows[-len(here) :], HEAD), flush=True)
    if options.write:
        options.write.write_text(
            "# Dense QP layer\n\n"
            f"Made by `python -m benchmarks.qp_layer --rounds {options.rounds} --write {options.write}` on "
            f"{machine()}. Ratios mean something, single times do not.\n\n{table(rows, HEAD)}\n"
        )


if __name__ == "__main__":
    main()
