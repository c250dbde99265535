"""A model compiled for fixed sizes: one pure function, params in, outcome out.

The function splits infinite bounds off, builds the quadratic program, solves it by the one derivative rule
(solvers/implicit.py), and evaluates the model's own expressions at the solution, so that everything it returns is
differentiable in every param by composition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from karush.compiler.dependence import Dependence
from karush.compiler.lowering.evaluate import Evaluator
from karush.compiler.lowering.families import Bound, Family, bounds_of, families_of
from karush.compiler.lowering.outcome import Outcome
from karush.compiler.lowering.recover import Recovery, map_entries
from karush.compiler.lowering.scope import Inputs
from karush.compiler.lowering.slacks import slacks
from karush.compiler.lowering.split_infinities import split_infinities
from karush.compiler.lowering.standardise import Template
from karush.compiler.lowering.verdicts import evidence_by_label
from karush.compiler.model import Kind, Model
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.implicit import DifferentiableSolution
from karush.solvers.protocol import Facts as ProblemFacts
from karush.solvers.protocol import Settings
from karush.solvers.quadratic_driver import Choice, Method, choose, facts_of, solve
from karush.solvers.result import Solution, Status

Params = Mapping[str, Array]


@dataclass(frozen=True, eq=False, repr=False)
class Compiled:
    """A model for fixed sizes, settings and precision.

    ``model`` is the model as written, its sets turned into rows; ``form`` the template of the reduced model, None for
    a function file. ``function`` is pure; it may be jitted, batched, differentiated and exported.
    """

    model: Model
    dims: Mapping[str, Any]
    dtype: Any
    settings: Settings
    evaluator: Evaluator
    dependence: Dependence
    bounding: frozenset[str]
    form: Template | None
    strongly_convex: bool | None

    # ------------------------------------------------------------ the function

    def function(self, params: Params, warm: Point | None = None, *, differentiable: bool = True) -> Outcome:
        """The outcome for these params (a default stands for one that is absent).

        ``warm`` is the ``point`` of an earlier outcome, where the solver may begin; it carries no derivative. What is
        not ``differentiable`` is the solve alone, without evidence: a smaller program.
        """
        split = split_infinities(self.complete(params), self.bounding)
        if self.form is None:
            status = jnp.asarray(Status.SOLVED, jnp.int32)
            values = self._values(split, {}, {})
            return Outcome(values, {}, {}, None, status, None, None, None, None, {}, None)
        program = self.form.program(split)
        choice = choose(facts_of(program, self.strongly_convex), self.settings.solver)
        if not differentiable:
            return self.outcome(split, Method(self.settings, choice)(program, warm))
        return self.outcome(split, solve(program, self.settings, choice, warm))

    def complete(self, params: Params) -> dict[str, Array]:
        """All params as arrays of the model's types, defaults computed from the params before them."""
        found: dict[str, Array] = {}
        for name, param in self.model.params.items():
            dtype = self.dtype if param.kind is Kind.REAL else None
            if name in params:
                found[name] = jnp.asarray(params[name], dtype)
            elif param.default is not None:
                scope = self.evaluator.top(Inputs(self.dims, found, {}, self.dtype), self.dependence)
                found[name] = self.evaluator.array(param.default, scope)
            else:
                raise KeyError(name)
        return found

    def outcome(self, params: Params, solution: DifferentiableSolution | Solution) -> Outcome:
        """The model's own quantities at a solution of its program; ``params`` with their infinities split off."""
        form = self.form
        assert form is not None
        blank = _blank(solution.status, self.dtype)
        recovery = Recovery(form)
        variables = form.layout.split(solution.point.x + blank)
        duals = map_entries(recovery.duals(solution.point), lambda value: value + blank)
        own = {name: variables[name] for name in self.model.vars}
        scope = self.evaluator.top(Inputs(self.dims, params, own, self.dtype, duals), self.dependence)
        evidence = None
        if isinstance(solution, DifferentiableSolution):
            evidence = evidence_by_label(recovery, solution, frozenset(self.model.vars))
        return Outcome(
            values=self._values(params, own, duals),
            duals=duals,
            slacks=slacks(self.families, self.bounds, self.evaluator, scope, self.bounding),
            objective=form.sign * solution.objective + blank,
            status=solution.status,
            iterations=solution.iterations,
            residuals=solution.residuals,
            point=jax.lax.stop_gradient(solution.point),
            certificate=solution.certificate,
            conflict=recovery.conflict(solution.certificate),
            derivative=evidence,
        )

    def _values(self, params: Params, variables: Params, duals: Mapping[str, Any]) -> dict[str, Array]:
        scope = self.evaluator.top(Inputs(self.dims, params, variables, self.dtype, duals), self.dependence)
        lets = {name: self.evaluator.array(expr, scope) for name, expr in self.model.lets.items()}
        return {**variables, **lets}

    # ------------------------------------------------------------ static knowledge

    @cached_property
    def families(self) -> tuple[Family, ...]:
        """The families of the model as written (before graph forms), for its slacks."""
        return families_of(self.model, self.dependence, {})

    @cached_property
    def bounds(self) -> tuple[Bound, ...]:
        """The bounds of the model as written."""
        return bounds_of(self.model)

    @cached_property
    def choice(self) -> Choice | None:
        """The solver and why it was taken; None for a function file. Raises ValueError for one that does not fit."""
        return None if self.form is None else choose(self.problem, self.settings.solver)

    @cached_property
    def problem(self) -> ProblemFacts:
        """What is known of the quadratic program before there are params."""
        assert self.form is not None
        shapes = jax.eval_shape(self.template, self.specification())
        return facts_of(shapes, self.strongly_convex)

    def counts(self) -> dict[str, Any]:
        """``variables``, ``equalities`` and ``inequalities`` of the program; zeros for a function file."""
        names = ("variables", "equalities", "inequalities")
        return dict.fromkeys(names, 0) if self.form is None else self.form.counts()

    def specification(self) -> dict[str, jax.ShapeDtypeStruct]:
        """Shape and type of every param."""
        integer = jnp.zeros((), int).dtype
        kinds = {Kind.REAL: self.dtype, Kind.INTEGER: integer, Kind.BOOLEAN: jnp.zeros((), bool).dtype}
        return {
            name: jax.ShapeDtypeStruct(tuple(s.evaluate(self.dims) for s in param.shape), kinds[param.kind])
            for name, param in self.model.params.items()
        }

    # ------------------------------------------------------------ other stages

    def template(self, params: Params) -> QuadraticProgram:
        """The data of the quadratic program for these params."""
        assert self.form is not None
        return self.form.program(split_infinities(self.complete(params), self.bounding))

    def jaxpr(self) -> Any:
        """The function as a jaxpr, for params of the right shapes."""
        return jax.make_jaxpr(self.function)(self.specification())

    def lower_text(self) -> str:
        """The function as StableHLO text."""
        return jax.jit(self.function).lower(self.specification()).as_text()

    @cached_property
    def jitted(self) -> Callable[..., Outcome]:
        """The function, jitted once."""
        return jax.jit(self.function)


def _blank(status: Array, dtype: Any) -> Array:
    """NaN where there is no solution, else 0: added to a value it marks the value and leaves its derivative."""
    absent = (status == Status.INFEASIBLE) | (status == Status.UNBOUNDED) | (status == Status.FAILED)
    return jnp.where(absent, jnp.asarray(jnp.nan, dtype), jnp.asarray(0, dtype))
