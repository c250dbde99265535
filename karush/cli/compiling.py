"""Compiling a program that runs once: what counts is the time until the answer, not the time of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax

from karush.solvers.xla_options import QUICK, accepted

SMALL = 400
"""Up to so many variables and rows a program is compiled for a quick start rather than for speed."""


def compile_for_one_run(lowered: jax.stages.Lowered, counts: Mapping[str, Any]) -> jax.stages.Compiled:
    """The program compiled; quickly where it is small and runs on the CPU."""
    return lowered.compile(compiler_options=accepted(QUICK) if sum(counts.values()) <= SMALL else None)
