"""The verdicts on a derivative for the model as written, whatever its reductions brought in.

A var that a graph form made may move within the solutions (the t of ``0 * norm1(x)``), and so may the multipliers of
unlabelled rows: neither is an output, so neither makes the derivative of an output undefined.
"""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import Array

from karush.compiler.lowering.outcome import DerivativeEvidence
from karush.compiler.lowering.recover import Entries, Recovery
from karush.solvers.evidence import DerivativeStatus, Evidence, movements
from karush.solvers.implicit import DifferentiableSolution
from karush.solvers.linearisation import any_weak


def evidence_by_label(recovery: Recovery, solution: DifferentiableSolution, own: frozenset[str]) -> DerivativeEvidence:
    """The evidence with verdicts on the vars ``own`` and the labelled rows, and its masks by label."""
    evidence, lin = solution.evidence, solution.linearisation
    point = jax.lax.stop_gradient(solution.point)
    weak = any_weak(lin)

    def verdict(found: Array, moves: Array) -> Array:
        kink = jnp.where(weak, DerivativeStatus.CONSERVATIVE, DerivativeStatus.UNIQUE)
        pessimistic = (lin.solved > 0) & ~moves & (found == DerivativeStatus.UNDEFINED)
        return jnp.where(pessimistic, kink, found).astype(jnp.int32)

    moving = recovery.template.layout.split(movements(lin, lin.kernel, point).x)
    primal = _any([mask for name, mask in moving.items() if name in own])
    wide: Entries = recovery.duals(movements(lin, lin.wide_kernel, point))
    checked: Evidence = replace(
        evidence,
        primal=verdict(evidence.primal, primal),
        dual=verdict(evidence.dual, _any(jax.tree.leaves(wide))),
    )
    return DerivativeEvidence(
        checked,
        recovery.masks(evidence.active_z, evidence.active_w, evidence.active_u),
        recovery.masks(evidence.weak_z, evidence.weak_w, evidence.weak_u),
    )


def _any(masks: list[Array]) -> Array:
    found = [jnp.any(mask != 0) for mask in masks]
    return jnp.any(jnp.stack(found)) if found else jnp.asarray(False)
