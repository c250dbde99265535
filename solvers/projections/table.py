"""Every projection by the name that a set of the library gives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jax import Array

from karush.solvers.projections.balls import l1_ball, l2_ball, linf_ball, simplex
from karush.solvers.projections.exponential import exponential
from karush.solvers.projections.intervals import box, nonnegative, nonpositive, whole
from karush.solvers.projections.power import power
from karush.solvers.projections.second_order import second_order
from karush.solvers.projections.semidefinite import semidefinite, symmetric

Projection = Callable[..., Array]
"""(a point of the set's shape, the arguments of the set) -> the nearest point of the set."""

PROJECTIONS: Mapping[str, Projection] = {
    "whole": whole,
    "nonnegative": nonnegative,
    "nonpositive": nonpositive,
    "box": box,
    "simplex": simplex,
    "l1_ball": l1_ball,
    "l2_ball": l2_ball,
    "linf_ball": linf_ball,
    "second_order": second_order,
    "exponential": exponential,
    "power": power,
    "symmetric": symmetric,
    "semidefinite": semidefinite,
}
"""Name -> projection: pure, jittable, differentiable, of one element; a batch is a ``vmap``."""
