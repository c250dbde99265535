"""Options of XLA for programs that are called by themselves, not as a part of another."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax

Options = tuple[tuple[str, bool | int], ...]

OLD_EMITTERS: Options = (("xla_cpu_use_fusion_emitters", False),)
"""The older emitters of fused loops: two thirds of the time to compile, and no slower program (measured)."""


QUICK: Options = (*OLD_EMITTERS, ("xla_backend_optimization_level", 0))
"""Without LLVM's optimisations besides: a fifth of the time to compile (measured), for a program that runs once."""


@cache
def accepted(options: Options) -> dict[str, Any] | None:
    """The options as a dict where this XLA knows them and runs on the CPU; else None. XLA renames options at times."""
    if jax.default_backend() != "cpu":
        return None
    given: dict[str, Any] = dict(options)
    try:
        jax.jit(lambda: 0).lower().compile(compiler_options=given)
    except jax.errors.JaxRuntimeError:
        return None
    return given
