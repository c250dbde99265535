"""Jaxprs as they are counted: traced, without dead code, and the programs within an operation.

A jaxpr is what JAX hands to XLA. Dead code is removed as JAX does before it compiles a nested function; what XLA
merges or fuses later is not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn
from jax.interpreters import partial_eval

CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "custom_vmap_call": "call",
}
"""Operations that are a program called: their name, and the param that holds it."""

RULED = {"custom_jvp_call": "call_jaxpr", "custom_vjp_call": "call_jaxpr", "custom_vjp_call_jaxpr": "fun_jaxpr"}
"""Operations that bring their own derivative."""

RECOMPUTED = {"checkpoint": "jaxpr", "remat": "jaxpr", "remat2": "jaxpr"}
"""Operations whose results a reverse derivative computes again."""


def trace(function: Callable[..., Any], *arguments: Any) -> Jaxpr:
    """The jaxpr of a function at arguments of these shapes, without dead code."""
    return alive(jax.make_jaxpr(function)(*arguments).jaxpr)


def alive(jaxpr: Jaxpr) -> Jaxpr:
    """The same without what no result needs."""
    found, _ = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars), instantiate=True)
    return found


def opened(program: Jaxpr | ClosedJaxpr) -> Jaxpr:
    """The jaxpr of either kind; constants of a closed one are as any other input."""
    return program.jaxpr if isinstance(program, ClosedJaxpr) else program


def called(eqn: JaxprEqn) -> Jaxpr | None:
    """The program that an operation calls, derives by its own rule, or computes again; None for any other."""
    for table in (CALLS, RULED, RECOMPUTED):
        if eqn.primitive.name in table:
            return opened(eqn.params[table[eqn.primitive.name]])
    return None


def within(eqn: JaxprEqn) -> Sequence[Jaxpr]:
    """The programs that run when an operation does."""
    match eqn.primitive.name:
        case "scan":
            return (opened(eqn.params["jaxpr"]),)
        case "while":
            return (opened(eqn.params["cond_jaxpr"]), opened(eqn.params["body_jaxpr"]))
        case "cond":
            return tuple(map(opened, eqn.params["branches"]))
        case "custom_linear_solve":
            return (opened(eqn.params["jaxprs"].solve),)
    inner = called(eqn)
    return () if inner is None else (inner,)


def iterates(eqn: JaxprEqn) -> bool:
    """Whether a loop runs within whose number of iterations is not known."""
    return eqn.primitive.name == "while" or any(iterates(e) for program in within(eqn) for e in program.eqns)
