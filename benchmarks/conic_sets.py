"""Solve sets of real cone programs by karush and by packages called directly; judge and time them all.

usage: python -m benchmarks.conic_sets [--results FILE.jsonl] [--slice SECONDS] [--write PAGE.md] [--help]

Every solve runs in a process of its own that is ended where it takes too long. A run with ``--results`` goes on where
the last one ended.
"""

from __future__ import annotations

from benchmarks.set_command import Sets, main
from benchmarks.set_programs import CONE_SETS

CONES = Sets(
    command="benchmarks.conic_sets",
    title="Sets of cone programs",
    introduction=(
        "Programs with second-order, exponential, power and semidefinite cones from CBLIB, DIMACS and others "
        "(`conic`), and small ones of SDPLIB (`sdp`), by the automatic choice and by other packages called directly: "
        "Clarabel and moreau at their defaults, SCS asked for 1e-7. All answers are judged alike, by the projection of "
        "slack minus multiplier on the cone, each in its scale: this is the distance to a complementary pair, not the "
        "product of the two, which is what packages stop by. Matrices are sparse from 500 variables on."
    ),
    sets=CONE_SETS,
    direct=("clarabel", "scs", "moreau"),
    embedded=("pdhg",),
)

if __name__ == "__main__":
    main(CONES)
