"""What can be said of the derivative of one output, for one cotangent, in some params.

With the program's solution u(θ), K du = −∂F/∂θ dθ (solvers/implicit.py) and an output g(u, θ), the cotangent c of g has
the part (∂g/∂u)ᵀ c on the solution; solvers/direction.py tells what pulling that back is worth: residual, condition,
error bound, status. If K has a kernel, the derivative in a param is determined only if no vector k of the kernel sees
the param, kᵀ∂F/∂θ = 0. Where one does,

    k in multipliers of equations     the perturbed problem has no solution: undefined
    k in the variables                the solution jumps: undefined (the optimal value has a kink: conservative)
    k in multipliers of inequalities  the solution has a kink, as at max(p, q) for p = q: conservative
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from karush.compiler.dependence import walk
from karush.compiler.lowering.compiled import Compiled, Start
from karush.compiler.lowering.outcome import Outcome
from karush.compiler.model import DualValue, Model, VarValue
from karush.outputs import pick
from karush.result import EvidenceRecord, Record
from karush.solvers import direction
from karush.solvers.evidence import DerivativeStatus
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.implicit import DifferentiableSolution
from karush.solvers.linearisation import kernel_tolerance
from karush.solvers.result import Status

Arrays = dict[str, Array]
PullBack = Callable[[QuadraticProgram], Arrays]
"""From a cotangent of the program's data to one of the params."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Solved:
    """A solved model with what its evidence is computed from; all but the outcome are None for a function."""

    outcome: Outcome
    start: Start | None
    program: QuadraticProgram | None
    solution: DifferentiableSolution | None


def output_status(compiled: Compiled, of: str, outcome: Outcome) -> Array:
    """The status of an output without a direction: the worst of what it depends on, inner problems among it."""
    return jnp.max(jnp.stack([own_status(compiled.model, of, outcome), *inner_statuses(compiled, of, outcome)]))


def inner_statuses(compiled: Compiled, of: str, outcome: Outcome) -> list[Array]:
    """For every inner problem that an output depends on, the worst status of the derivatives of its solutions."""
    lets, dependence = compiled.model.lets, compiled.dependence
    early = {f"param {name}" for step in compiled.steps if not step.solve.late for name in step.solve.fields.values()}
    wanted = set(dependence.names(lets[of])) if of in lets else early
    if any(not name.startswith("param ") for name in wanted):
        wanted |= early  # through the solution of the problem itself
    found = []
    for step in reversed(compiled.steps):
        paths = [path for path, name in step.solve.fields.items() if f"param {name}" in wanted]
        if paths:
            ending = outcome.inner[step.solve.name]
            parts = (getattr(ending, path[0] if path[0] in ("objective", "dual") else "primal") for path in paths)
            found += [jnp.max(part, initial=DerivativeStatus.UNIQUE) for part in parts]
            wanted = wanted.union(*map(dependence.names, step.solve.arguments.values()))
    return found


def own_status(model: Model, of: str, outcome: Outcome) -> Array:
    """The status as far as the model's own problem goes."""
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


def largest(tree: Any) -> Array:
    """The largest magnitude among the real leaves of a tree."""
    sizes = [jnp.max(jnp.abs(leaf), initial=0.0) for leaf in jax.tree.leaves(tree) if leaf.dtype != jax.dtypes.float0]
    return jnp.max(jnp.stack(sizes)) if sizes else jnp.zeros(())


def param_statuses(
    program: QuadraticProgram, solution: DifferentiableSolution, back: PullBack, of_value: bool
) -> Arrays:
    """For every param the status that the kernel leaves it: unique where no vector of the kernel sees it."""
    cotangents = direction.kernel_cotangents(program, solution, wide=of_value)
    points = kernel_points(program, solution, of_value)
    found: Arrays = {}
    for i, cotangent in enumerate(cotangents):
        seen = back(cotangent)
        limit = kernel_tolerance(points.x) * (1 + largest(cotangent))
        inner = jnp.asarray(DerivativeStatus.CONSERVATIVE, jnp.int32)
        in_equations, in_variables = (largest(part[i]) > kernel_tolerance(part) for part in (points.y, points.x))
        harsh = in_equations if of_value else in_equations | in_variables
        verdict = jnp.where(harsh, DerivativeStatus.UNDEFINED, inner)
        for name, array in seen.items():
            status = jnp.where(largest(array) > limit, verdict, DerivativeStatus.UNIQUE).astype(jnp.int32)
            found[name] = jnp.maximum(found[name], status) if name in found else status
    return found


def kernel_points(program: QuadraticProgram, solution: DifferentiableSolution, wide: bool) -> Point:
    """The vectors of the kernel as directions of the point, with a leading axis."""
    lin = solution.linearisation
    return direction.kernel_points(
        program, replace(solution, linearisation=replace(lin, kernel=lin.wide_kernel)) if wide else solution
    )


def plain_evidence(compiled: Compiled, status: Array, names: tuple[str, ...]) -> EvidenceRecord:
    """The evidence of a derivative by the chain rule alone."""
    zero = jnp.zeros((), compiled.dtype)
    numbers = {"residual": zero, "condition": zero + 1, "error_bound": zero, "status": status}
    rows = {"active": Record({}), "weakly_active": Record({})}
    return EvidenceRecord({**numbers, **rows, "params": Record(dict.fromkeys(names, status))})


def pair_evidence(
    compiled: Compiled, of: str, solved: Solved, cotangent: Array, back: PullBack, names: tuple[str, ...]
) -> EvidenceRecord:
    """The evidence of an output and a cotangent: numbers, status, rows by label, and a status for every param."""
    status = output_status(compiled, of, solved.outcome)
    program, solution, masks = solved.program, solved.solution, solved.outcome.derivative
    if program is None or solution is None or masks is None:
        return plain_evidence(compiled, status, names)
    of_value = of == "objective"
    if of_value:
        found = direction.value_evidence(program, solution)
    else:
        seed = point_cotangent(compiled, of, solved, solution, cotangent)
        found = direction.adjoint_evidence(program, solution, seed)
        untouched = largest(seed) == 0
        found = replace(found, status=jnp.where(untouched, status, found.status))
    inner = inner_statuses(compiled, of, solved.outcome)
    found = replace(found, status=jnp.max(jnp.stack([found.status, *inner])))
    by_param = param_statuses(program, solution, back, of_value)
    statuses = {name: jnp.maximum(found.status, by_param.get(name, found.status)) for name in names}
    worst = jnp.max(jnp.stack([found.status, *statuses.values()]))
    return EvidenceRecord(
        {
            "residual": found.residual,
            "condition": found.condition,
            "error_bound": found.error_bound,
            "status": worst,
            "active": Record(masks.active),
            "weakly_active": Record(masks.weakly_active),
            "params": Record(statuses),
        }
    )


def point_cotangent(
    compiled: Compiled, of: str, solved: Solved, solution: DifferentiableSolution, cotangent: Array
) -> Point:
    """The part of a cotangent of the output that lies on the program's point."""
    start = solved.start
    assert start is not None

    def output(point: Point) -> Array:
        return pick(compiled.outcome(start, replace(solution, point=point)), of)

    return jax.vjp(output, solution.point)[1](cotangent)[0]
