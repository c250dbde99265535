"""What can be said of a derivative in one direction.

With the program's solution u(θ), K du = −∂F/∂θ dθ (solvers/implicit.py) and an output g(u, θ), the cotangent c of g has
the part s = (∂g/∂u)ᵀ c on the solution, and its gradient needs K λ = s. Of that pair (output, cotangent):

    residual       ‖K λ − s‖ relative to ‖s‖, in the scales in which K was factorised
    condition      ‖K‖ / σ_min, estimated by power and inverse iteration
    error_bound    condition · (residual + the solution's own KKT residual): to first order, relative to the gradient
    status         undefined where s has a part in the kernel of K (the output then moves freely), or there is no
                   solution; conservative where a row is weakly active; else unique
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from karush.compiler.compiled import Compiled
from karush.compiler.dependence import walk
from karush.compiler.model import DualValue, Model, VarValue
from karush.compiler.outcome import Outcome
from karush.outputs import pick
from karush.result import EvidenceRecord, Record
from karush.solvers import linearisation as linear
from karush.solvers.evidence import DerivativeStatus
from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.implicit import DifferentiableSolution
from karush.solvers.kkt import flatten
from karush.solvers.residuals import worst
from karush.solvers.result import Status

POWER_STEPS = 6


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Solved:
    """A solved model with what its evidence is computed from; ``program`` and ``solution`` are None for a function."""

    outcome: Outcome
    params: dict[str, Array]
    program: QuadraticProgram | None
    solution: DifferentiableSolution | None


def output_status(model: Model, of: str, outcome: Outcome) -> Array:
    """The status of an output without a direction: the worst of what it depends on."""
    solved = jnp.where(outcome.status <= Status.SOLVED_INACCURATE, DerivativeStatus.UNIQUE, DerivativeStatus.UNDEFINED)
    parts = [solved.astype(jnp.int32)]
    if outcome.derivative is None:
        return parts[0]
    evidence = outcome.derivative.evidence
    if of == "objective":
        parts.append(evidence.objective)
    elif of.startswith("dual."):
        parts.append(evidence.dual)
    elif of in model.lets:
        found = list(walk(model.lets[of]))
        parts += [evidence.primal] if any(isinstance(node, VarValue) for node in found) else []
        parts += [evidence.dual] if any(isinstance(node, DualValue) for node in found) else []
    else:
        parts.append(evidence.primal)
    return jnp.max(jnp.stack(parts))


def spectral_norm(program: QuadraticProgram, lin: linear.Linearisation, like: Array) -> Array:
    """‖K‖ by power iteration (K is symmetric): a lower estimate."""
    start = jnp.cos(jnp.arange(like.shape[0], dtype=like.dtype))

    def turn(_: int, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        moved = linear.product(program, lin, carry[0])
        length = jnp.linalg.norm(moved)
        return moved / jnp.where(length > 0, length, 1), length

    return jax.lax.fori_loop(0, POWER_STEPS, turn, (start, jnp.zeros((), like.dtype)))[1]


def pair_evidence(compiled: Compiled, of: str, solved: Solved, cotangent: Array) -> EvidenceRecord:
    """The evidence of an output and a cotangent, with the active and weakly active rows by label."""
    status = output_status(compiled.model, of, solved.outcome)
    program, solution, masks = solved.program, solved.solution, solved.outcome.derivative
    if program is None or solution is None or masks is None:
        zero = jnp.zeros((), compiled.dtype)
        parts: dict[str, Any] = {"residual": zero, "condition": zero + 1, "error_bound": zero, "status": status}
        return EvidenceRecord({**parts, "active": Record({}), "weakly_active": Record({})})

    def output(point: Any) -> Array:
        return pick(compiled.outcome(solved.params, replace(solution, point=point)), of)

    (seed,) = jax.vjp(output, solution.point)[1](cotangent)
    lin, rhs = solution.linearisation, flatten(seed)
    _, residual = linear.solve(program, lin, rhs)
    zero_seed = jnp.all(rhs == 0)
    consistent = (residual < linear.kernel_tolerance(rhs)) & (lin.solved > 0)
    kink = jnp.where(linear.any_weak(lin), DerivativeStatus.CONSERVATIVE, DerivativeStatus.UNIQUE)
    by_pair = jnp.where(consistent, kink, DerivativeStatus.UNDEFINED)
    condition = spectral_norm(program, lin, rhs) / solution.evidence.sigma_min
    residual = jnp.where(zero_seed, 0, residual)
    return EvidenceRecord(
        {
            "residual": residual,
            "condition": condition,
            "error_bound": condition * (residual + worst(solution.residuals)),
            "status": jnp.where(zero_seed, status, by_pair).astype(jnp.int32),
            "active": Record(masks.active),
            "weakly_active": Record(masks.weakly_active),
        }
    )
