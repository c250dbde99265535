"""Which quantities of a program carry a derivative: they move with an input, and an output moves with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jax import dtypes
from jax.extend.core import Jaxpr, JaxprEqn, Literal

from karush.compiler.cost.programs import opened

CONSTANT = frozenset({"stop_gradient", "sign", "floor", "ceil", "round", "is_finite"})
"""Operations on real numbers whose derivative is 0."""


@dataclass(frozen=True)
class Activity:
    """The quantities of one program that carry a derivative; ``seeded`` are outputs that are given a cotangent."""

    active: frozenset[Any]
    seeded: frozenset[Any]

    def carries(self, variable: Any) -> bool:
        """Whether it carries a derivative."""
        return not isinstance(variable, Literal) and variable in self.active

    def is_seeded(self, variable: Any) -> bool:
        """Whether it is an output with a cotangent."""
        return not isinstance(variable, Literal) and variable in self.seeded

    def mask(self, variables: Iterable[Any]) -> list[bool]:
        """Which of them do."""
        return [self.carries(v) for v in variables]

    def results(self, eqn: JaxprEqn) -> list[Any]:
        """The results of an operation that carry a derivative."""
        return [v for v in eqn.outvars if self.carries(v)]

    def arguments(self, eqn: JaxprEqn) -> list[Any]:
        """The arguments of an operation through which a derivative flows, each once."""
        if eqn.primitive.name in CONSTANT or not self.results(eqn):
            return []
        return list(dict.fromkeys(v for v in eqn.invars if self.carries(v)))


def is_real(variable: Any) -> bool:
    """Whether a quantity can carry a derivative."""
    return bool(dtypes.issubdtype(getattr(variable.aval, "dtype", np.dtype(int)), np.inexact))


def activity(jaxpr: Jaxpr, moving: Sequence[bool], wanted: Sequence[bool]) -> Activity:
    """The quantities between the inputs that are ``moving`` and the outputs that are ``wanted``."""
    ahead = {v for v, moves in zip(jaxpr.invars, moving, strict=True) if moves and is_real(v)}
    for eqn in jaxpr.eqns:
        if eqn.primitive.name not in CONSTANT and any(_among(v, ahead) for v in eqn.invars):
            ahead |= {v for v in eqn.outvars if is_real(v)}
    seeded = {v for v, is_wanted in zip(jaxpr.outvars, wanted, strict=True) if is_wanted and _among(v, ahead)}
    back = set(seeded)
    for eqn in reversed(jaxpr.eqns):
        if eqn.primitive.name not in CONSTANT and any(v in back for v in eqn.outvars):
            back |= {v for v in eqn.invars if _among(v, ahead)}
    return Activity(frozenset(back), frozenset(seeded))


def _among(variable: Any, known: set[Any]) -> bool:
    return not isinstance(variable, Literal) and variable in known


def scan_activity(eqn: JaxprEqn, moving: Sequence[bool], wanted: Sequence[bool]) -> Activity:
    """The activity within a scan: what the carry hands from one iteration to the next carries on in both directions."""
    body = opened(eqn.params["jaxpr"])
    first, carried = eqn.params["num_consts"], eqn.params["num_carry"]
    inside, outside = list(moving), list(wanted)
    while True:
        ahead = activity(body, inside, [True] * len(body.outvars))
        reached = [i or ahead.is_seeded(v) for i, v in zip(inside[first : first + carried], body.outvars, strict=False)]
        if reached == inside[first : first + carried]:
            break
        inside[first : first + carried] = reached
    while True:
        found = activity(body, inside, outside)
        needed = [o or found.carries(v) for o, v in zip(outside, body.invars[first : first + carried], strict=False)]
        if needed == outside[:carried]:
            return found
        outside[:carried] = needed
