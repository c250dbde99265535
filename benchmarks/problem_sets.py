"""Solve sets of real linear and quadratic programs by karush and by packages called directly; judge and time them all.

usage: python -m benchmarks.problem_sets [--results FILE.jsonl] [--slice SECONDS] [--write PAGE.md] [--help]

Every solve runs in a process of its own that is ended where it takes too long. A run with ``--results`` goes on where
the last one ended.
"""

from __future__ import annotations

from benchmarks.problem_files import SETS
from benchmarks.set_command import Sets, main

PROBLEMS = Sets(
    command="benchmarks.problem_sets",
    title="Sets of linear and quadratic programs",
    introduction=(
        "Maros–Meszaros quadratic programs (`qp`), Netlib linear ones (`lp`) and Netlib's infeasible ones "
        "(`lp_infeasible`), by the automatic choice, by each embedded solver where there are fewer than 1000 variables "
        "(`active_set` where P is positive definite), and by other packages called directly: Clarabel, HiGHS and "
        "moreau at their defaults, `moreau_ipm` its interior point, OSQP asked for 1e-7. Answers are judged in NumPy "
        "from the files' data alone, relative to the largest term of each row; complementarity is the smaller of a "
        "row's slack and what its multiplier moves, not their product, which is what packages stop by."
    ),
    sets=SETS,
    direct=("clarabel", "highs", "osqp", "moreau", "moreau_ipm"),
    embedded=("ipm", "active_set", "pdhg"),
)

if __name__ == "__main__":
    main(PROBLEMS)
