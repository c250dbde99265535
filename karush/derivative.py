"""Derivatives of a model's outputs with their evidence: ``karush.vjp`` and ``karush.jvp``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array

from karush.compiler.dependence import walk
from karush.compiler.facts.differentiability import differentiated as roots_of
from karush.compiler.facts.differentiability import refused_derivatives
from karush.compiler.lowering.compiled import Compiled, Start
from karush.compiler.lowering.one_sided import one_sided
from karush.compiler.model import DerivativeOf
from karush.evidence import Solved, pair_evidence
from karush.outputs import DerivativeError, Request, pick, resolve
from karush.problem import Problem
from karush.result import EvidenceRecord, Record
from karush.solvers.evidence import DerivativeStatus
from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.quadratic_driver import choose, facts_of, solve
from karush.sparse import like, numbers
from karush.stdlib.primitives.ties import ALONG, Ties
from karush.tie_counts import tie_counts, tie_places

Arrays = dict[str, Array]
Along = tuple[Array, Array, Solved]
Side = Literal["left", "right"]
SIGNS = {"left": -1.0, "right": 1.0}


@dataclass(frozen=True, eq=False)
class Differentiated:
    """An output of a compiled model as a function of params; compiled once, whatever the numbers.

    ``moved`` are the params to be differentiated: of a sparse one its stored entries, for one that takes its default,
    what is added to it. So a derivative
    flows through the defaults that depend on a param, and for a param that takes its default it is that of giving it.
    ``given`` are the params that were given.
    """

    compiled: Compiled
    request: Request
    problem: Problem

    def turned(self, ties: Ties) -> Differentiated:
        """The same output with other elements of derivatives at ties."""
        problem = self.problem.with_ties(ties)
        compiled = problem.compile_for(self.compiled.dims, self.compiled.stored)
        return self if compiled is self.compiled else replace(self, compiled=compiled, problem=problem)

    @cached_property
    def is_directional(self) -> bool:
        """Can directions be taken through the program? Not through derivatives that the file takes itself."""
        return not any(isinstance(node, DerivativeOf) for node in walk(*roots_of(self.compiled.model)))

    def shapes(self) -> dict[str, jax.ShapeDtypeStruct]:
        """The arrays that are differentiated."""
        shapes, stored = self.compiled.specification(), self.compiled.stored
        return {
            name: jax.ShapeDtypeStruct((stored[name],) if name in stored else shapes[name].shape, self.compiled.dtype)
            for name in self.request.wrt
        }

    def start(self, given: Mapping[str, Any]) -> Arrays:
        """Where the derivative is taken."""
        shapes, dtype = self.compiled.specification(), self.compiled.dtype
        return {
            name: numbers(given[name], dtype) if name in given else jnp.zeros(shapes[name].shape, dtype)
            for name in self.request.wrt
        }

    def params(self, moved: Arrays, given: Mapping[str, Any]) -> dict[str, Any]:
        """All params."""
        params = dict(given)
        for name in self.compiled.model.params:
            if name in moved:
                own = like(given[name], moved[name]) if name in given else None
                params[name] = self.compiled.complete(params)[name] + moved[name] if own is None else own
        return params

    def value(self, moved: Arrays, given: Mapping[str, Any]) -> tuple[Array, Solved]:
        """The output, and what its evidence is computed from."""
        compiled = self.compiled
        if compiled.form is None:
            solved = Solved(compiled.function(self.params(moved, given)), None, None, None)
        else:
            start, program = self.program(moved, given)
            choice = choose(facts_of(program, compiled.strongly_convex), compiled.settings.solver)
            solution = solve(program, compiled.settings, choice)
            solved = Solved(compiled.outcome(start, solution), start, program, solution)
        return pick(solved.outcome, self.request.of), jax.lax.stop_gradient(solved)

    def program(self, moved: Arrays, given: Mapping[str, Any]) -> tuple[Start, QuadraticProgram]:
        """What the solve begins with, and the quadratic program that it makes."""
        start = self.compiled.start(self.params(moved, given))
        return start, self.compiled.program(start)

    def solved_evidence(
        self, moved: Arrays, given: Mapping[str, Any], solved: Solved, cotangent: Array
    ) -> EvidenceRecord:
        """The evidence of the output and a cotangent as far as the problems that are solved go."""

        def back(data: QuadraticProgram) -> Arrays:
            return jax.vjp(lambda m: self.program(m, given)[1], moved)[1](data)[0]

        return pair_evidence(self.compiled, self.request.of, solved, cotangent, back, self.request.wrt)

    def evidence(self, moved: Arrays, given: Mapping[str, Any], solved: Solved, cotangent: Array) -> EvidenceRecord:
        """The evidence of the output and a cotangent; conservative where an operation stands at a tie."""
        found = self.solved_evidence(moved, given, solved, cotangent)
        if not tie_places(self.compiled):
            return found
        counts = tie_counts(self.compiled, self.request.of, self.params(moved, given))
        least = jnp.where(jnp.any(counts[:, 0] > 0), DerivativeStatus.CONSERVATIVE, DerivativeStatus.UNIQUE)
        params = {name: jnp.maximum(status, least).astype(jnp.int32) for name, status in found["params"].items()}
        status = jnp.maximum(found["status"], least).astype(jnp.int32)
        return EvidenceRecord({**found, "status": status, "params": Record(params)})

    def masked(self, gradients: Arrays, evidence: EvidenceRecord, cotangent: Array) -> Arrays:
        """The gradients with NaN in the params in which there is no derivative (0 for a zero cotangent)."""
        zero = jnp.all(cotangent == 0)

        def one(name: str) -> Array:
            undefined = evidence["params"][name] == DerivativeStatus.UNDEFINED
            return jnp.where(undefined & ~zero, jnp.nan, gradients[name])

        return {name: one(name) for name in self.request.wrt}

    @cached_property
    def followed(self) -> Differentiated:
        """The same output under the rules of one-sided derivatives; DerivativeError (E0704) where there is none.

        Atoms follow the tangent too, unless the file takes derivatives itself.
        """
        turned = self.turned(ALONG) if self.is_directional else self
        try:
            return replace(turned, compiled=one_sided(turned.compiled))
        except TypeError as error:
            raise DerivativeError("E0704", str(error)) from None

    def ahead(self, moved: Arrays, given: Mapping[str, Any], tangents: Arrays) -> Along:
        """The value, F'(p; d) along tangents d, and what the evidence is computed from.

        F'(p; d) is the limit of (F(p + t d) − F(p))/t for t ↓ 0. It is not linear in d where F has a kink.
        """
        value, rate, solved = jax.jvp(lambda m: self.followed.value(m, given), (moved,), (tangents,), has_aux=True)
        return value, rate, solved

    @cached_property
    def jitted_ahead(self) -> Callable[..., Along]:
        """`ahead`, jitted once."""
        return jax.jit(self.ahead)

    @cached_property
    def jitted_value(self) -> Callable[..., tuple[Array, Solved]]:
        """`value`, jitted once."""
        return jax.jit(self.value)

    @cached_property
    def jitted_evidence(self) -> Callable[..., EvidenceRecord]:
        """`evidence`, jitted once."""
        return jax.jit(self.evidence)


def differentiated(problem: Problem, compiled: Compiled, of: str, wrt: Sequence[str] | None) -> Differentiated:
    """The output as a function, kept with the problem; DerivativeError (E0706) where it has a jump."""
    request = resolve(problem.model, of, wrt)
    for refused in refused_derivatives(problem.model, problem.analysis.whole.facts, request.of, request.wrt):
        place = refused.labels[0]
        raise DerivativeError(refused.code, f"{refused.message} (line {place.span.line}): {place.message}")
    found: Differentiated = problem.once((compiled, request), lambda: Differentiated(compiled, request, problem))
    return found


def vjp(
    problem: Problem, of: str = "objective", wrt: Sequence[str] | None = None
) -> Callable[..., tuple[Array, Callable[[Any], Record]]]:
    """(value, pull) of an output at some params: ``value, pull = vjp(m, of="ret", wrt=("mu",))(mu=mu, …)``.

    ``pull(cotangent)`` is a record with the gradient in every param of ``wrt`` (default: all real ones; in a sparse
    one a BCOO of its pattern), and ``evidence`` (residual, condition, error_bound, status, active, weakly_active).
    """

    def at(**params: Any) -> tuple[Array, Callable[[Any], Record]]:
        prepared = problem.prepare(params)
        function = differentiated(problem, prepared.compiled, of, wrt)
        moved = function.start(prepared.arrays)
        value, back, solved = jax.vjp(lambda m: function.jitted_value(m, prepared.arrays), moved, has_aux=True)

        def pull(cotangent: Any) -> Record:
            seed = jnp.broadcast_to(jnp.asarray(cotangent, value.dtype), value.shape)
            (gradients,) = back(seed)
            evidence = function.jitted_evidence(moved, prepared.arrays, solved, seed)
            masked = function.masked(gradients, evidence, seed)
            shown = {name: like(prepared.arrays.get(name), array) for name, array in masked.items()}
            return Record({**shown, "evidence": evidence})

        return value, pull

    return at


def jvp(
    problem: Problem, of: str = "objective", wrt: Sequence[str] | None = None, side: Side | None = None
) -> Callable[..., tuple[Array, Callable[..., Record]]]:
    """(value, push) of an output at some params; ``push(mu=dmu)`` is a record of ``tangent`` and ``evidence``.

    The evidence is that of the output with the tangent as its cotangent. With a ``side`` the tangent is the one-sided
    derivative, also at a kink of a solution, where it is not linear in ``dmu``; NaN and undefined if there is none.
    """

    def at(**params: Any) -> tuple[Array, Callable[..., Record]]:
        prepared = problem.prepare(params)
        function = differentiated(problem, prepared.compiled, of, wrt)
        moved, given = function.start(prepared.arrays), prepared.arrays
        if side is None:
            value, forward, solved = jax.linearize(lambda m: function.jitted_value(m, given), moved, has_aux=True)
        else:
            value, solved = function.jitted_value(moved, given)

        def push(**tangents: Any) -> Record:
            unknown = [name for name in tangents if name not in moved]
            if unknown:
                raise DerivativeError("E0201", f"`{unknown[0]}` is not in wrt; there are {', '.join(moved)}")
            whole = {
                name: jnp.broadcast_to(numbers(tangents.get(name, 0), array.dtype), array.shape)
                for name, array in moved.items()
            }
            if side is None:
                tangent = forward(whole)
            else:
                tangent = from_side(side, lambda d: function.jitted_ahead(moved, given, d), whole)[1]
            seed = jnp.where(jnp.isfinite(tangent), tangent, 1)
            evidence = function.jitted_evidence(moved, given, solved, seed)
            if side is not None:
                evidence = with_missing(evidence, {name: tangent for name in tangents})
            return Record({"tangent": tangent, "evidence": evidence})

        return value, push

    return at


def from_side(side: Side, ahead: Callable[[Arrays], Along], tangents: Arrays) -> Along:
    """The same along tangents d from one side: F'(p; d) from the right, −F'(p; −d) from the left."""
    sign = SIGNS[side]
    value, rate, solved = ahead({name: sign * tangent for name, tangent in tangents.items()})
    return value, jnp.where(rate == 0, 0, sign * rate), solved  # never -0.0


def with_missing(evidence: EvidenceRecord, found: Arrays) -> EvidenceRecord:
    """The evidence, undefined in the params where a one-sided derivative is NaN."""
    statuses = dict(evidence["params"])
    for name, array in found.items():
        missing = jnp.any(jnp.isnan(array))
        statuses[name] = jnp.where(missing, DerivativeStatus.UNDEFINED, jnp.asarray(statuses[name])).astype(jnp.int32)
    worst = jnp.max(jnp.stack([jnp.asarray(evidence["status"]), *statuses.values()]))
    return EvidenceRecord({**evidence, "status": worst, "params": Record(statuses)})
