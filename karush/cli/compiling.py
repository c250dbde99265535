"""Compiling a program that runs once: what counts is the time until the answer, not the time of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax

SMALL = 400
"""Up to so many variables and rows a program is compiled for a quick start rather than for speed."""

# Without LLVM's optimisations, and with the older emitters of fused loops: a fifth of the time to compile (measured).
QUICK: dict[str, Any] = {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False}


def compile_for_one_run(lowered: jax.stages.Lowered, counts: Mapping[str, Any]) -> jax.stages.Compiled:
    """The program compiled; quickly where it is small and runs on the CPU.

    XLA names its options anew at times: one that it does not know is no reason not to answer.
    """
    if sum(counts.values()) > SMALL or jax.default_backend() != "cpu":
        return lowered.compile()
    try:
        return lowered.compile(compiler_options=QUICK)
    except jax.errors.JaxRuntimeError as error:
        if "option" not in str(error):
            raise
        return lowered.compile()
