"""Time the layers that CVXPYgen's authors tune by gradients, as batches and within their tuning loops.

usage: python -m benchmarks.tuning_layers [--rounds 7] [--batch 128] [--peers …] [--loops …] [--write FILE]

First the layers alone, as in cone_layers.py, with the exact reference of tuning_cases.py. Then the function that is
tuned and its gradient, once each: the error of cross-validation over 10 folds, the cost of a closed loop of 1000 steps,
the Sharpe ratio of a back-test over 520 days; the gradient is compared with central differences of karush's own value.
All systems run in one process, in turn, after a warm-up; medians.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import jax

from benchmarks.cone_cases import Case
from benchmarks.cone_layers import PEERS
from benchmarks.layers import machine, measured, table
from benchmarks.tuning_cases import CASES, exact
from benchmarks.tuning_loops import LOOPS, SYSTEMS, loop_table, timed

HEAD = "layer"


def measure(case: Case, batch: int, rounds: int, names: list[str]) -> list[dict]:
    """One row a system."""
    data = dict(case.draw(batch))
    runs = {name: PEERS[name](case, data) for name in names}
    return measured(runs, rounds, f"{batch} × {case.name}", lambda _: exact(case, data))


def main() -> None:
    """Measure every case and print (and write) the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--loops", default=",".join(SYSTEMS))
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    cases = options.cases.split(",")
    rows: list[dict] = []
    for name in cases:
        rows += measure(CASES[name], options.batch, options.rounds, options.peers.split(","))
        print(table(rows, HEAD), flush=True)
    loops: list[dict] = []
    for name in cases:
        loops += timed(LOOPS[name], options.rounds, options.loops.split(","))
        print(loop_table(loops), flush=True)
    if options.write:
        options.write.write_text(
            "# Tuning by gradients\n\n"
            "The elastic net, the controller and the portfolio of Schaller and Boyd (Code generation for solving and "
            "differentiating through convex optimization problems, 2025), in their sizes, with data drawn here.\n\n"
            f"Made by `python -m benchmarks.tuning_layers --rounds {options.rounds} --batch {options.batch} "
            f"--write {options.write}` on {machine()}. Ratios mean something, single times do not.\n\n"
            f"{table(rows, HEAD)}\n\n"
            "The functions that are tuned: their value, and their value and gradient. Values are compared with "
            f"karush's, gradients with central differences of karush's value.\n\n{loop_table(loops)}\n"
        )


if __name__ == "__main__":
    main()
