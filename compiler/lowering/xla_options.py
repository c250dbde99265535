"""Options of XLA for a program that is called by itself, not as a part of another."""

from __future__ import annotations

from functools import cache

import jax

OLD_EMITTERS = (("xla_cpu_use_fusion_emitters", False),)
"""The older emitters of fused loops: two thirds of the time to compile, and no slower program (measured)."""


@cache
def accepted(options: tuple[tuple[str, bool], ...]) -> dict[str, str | bool] | None:
    """The options as a dict where this XLA knows them and runs on the CPU; else None. XLA renames options at times."""
    if jax.default_backend() != "cpu":
        return None
    given: dict[str, str | bool] = dict(options)
    try:
        jax.jit(lambda: 0).lower().compile(compiler_options=given)
    except jax.errors.JaxRuntimeError:
        return None
    return given
