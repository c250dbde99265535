"""A model compiled for fixed sizes: one pure function, params in, outcome out.

The function splits infinite bounds off, builds the quadratic program, solves it by the one derivative rule
(solvers/implicit.py), and evaluates the model's own expressions at the solution, so that everything it returns is
differentiable in every param by composition.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from karush.compiler.dependence import Dependence
from karush.compiler.lowering.assembly import Assembly, assembly_of, is_small, shapes_of
from karush.compiler.lowering.cone_families import ConeFamily, cone_families_of
from karush.compiler.lowering.entries import entries_at_once, takes_entries
from karush.compiler.lowering.evaluate import Evaluator
from karush.compiler.lowering.families import Bound, Family, bounds_of, families_of
from karush.compiler.lowering.outcome import Inner, Outcome
from karush.compiler.lowering.recover import Recovery, map_entries
from karush.compiler.lowering.scope import Inputs, entry_type
from karush.compiler.lowering.slacks import slacks
from karush.compiler.lowering.sparse_template import separated_program, sparse_program
from karush.compiler.lowering.sparse_values import WORTH_KEEPING, specified, taken
from karush.compiler.lowering.split_infinities import joined_infinities, split_infinities
from karush.compiler.lowering.standardise import Template
from karush.compiler.lowering.steps import Step, needed_steps, take, worst_status
from karush.compiler.lowering.verdicts import evidence_by_label
from karush.compiler.model import Kind, Model
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.implicit import DifferentiableSolution
from karush.solvers.protocol import Facts as ProblemFacts
from karush.solvers.protocol import Settings
from karush.solvers.quadratic_driver import Choice, Method, choose, facts_of, solve
from karush.solvers.result import Solution, Status
from karush.solvers.xla_options import OLD_EMITTERS, accepted

Extent = tuple[int, int]
Params = Mapping[str, Array]
Duals = Mapping[str, Any]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Start:
    """What a solve begins with: all params with their infinities split off, and how the inner problems ended."""

    params: dict[str, Array]
    inner: dict[str, Inner]


@dataclass(frozen=True)
class Recovered:
    """What a solution of the program says of the model: its vars, its multipliers by label, its objective."""

    variables: dict[str, Array]
    duals: dict[str, Any]
    objective: Array


@dataclass(frozen=True, eq=False, repr=False)
class Compiled:
    """A model for fixed sizes, settings and precision.

    ``model`` is the model as written, its sets turned into rows; ``form`` the template of the reduced model, None for
    a function file. ``steps`` solve the models within, and compute params that the file does not declare. ``stored``
    has the number of stored entries of the params that are given sparse, as BCOO. ``has_fallback`` is False where the
    solver that may stand behind the chosen one is left out. ``probe`` is there while ties are counted
    (watching.py), at the places ``kinked`` of the text, which are less smooth than C¹. ``function`` is pure; it may be
    jitted, batched, differentiated and exported.
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
    steps: tuple[Step, ...] = ()
    stored: Mapping[str, int] = field(default_factory=dict)
    has_fallback: bool = True
    probe: Array | None = None
    kinked: frozenset[Extent] = frozenset()

    # ------------------------------------------------------------ the function

    def function(self, params: Params, warm: Point | None = None, *, differentiable: bool = True) -> Outcome:
        """The outcome for these params (a default stands for one that is absent).

        ``warm`` is the ``point`` of an earlier outcome, where the solver may begin; it carries no derivative. What is
        not ``differentiable`` is the solve alone, without evidence: a smaller program.
        """
        start = self.start(params, differentiable=differentiable)
        if self.form is None:
            values, inner = self._values(start, {}, {}, differentiable=differentiable)
            status = jnp.asarray(Status.SOLVED, jnp.int32)
            return Outcome(values, {}, {}, None, _with_inner(status, inner), None, None, None, None, {}, None, inner)
        program = self.program(start)
        choice = choose(facts_of(program, self.strongly_convex), self.settings.solver)
        choice = choice if self.has_fallback else replace(choice, fallback=False)
        if not differentiable:
            return self.outcome(start, Method(self.settings, choice)(program, warm), differentiable=False)
        return self.outcome(start, solve(program, self.settings, choice, warm))

    def program(self, start: Start) -> QuadraticProgram:
        """The quadratic program, with the matrices that `assembly` says."""
        assert self.form is not None
        if self.assembly.is_separated:
            return separated_program(self.form, start.params, self._moved)
        if self.assembly.is_sparse:
            return sparse_program(self.form, start.params, self._moved)
        return self.form.program(start.params, self._moved)

    def start(self, params: Params, *, differentiable: bool = True) -> Start:
        """All params, those that inner problems compute among them, with their infinities split off."""
        early = (step for step in self.steps if not step.solve.late)
        found, inner = self._take(self.complete(params), early, differentiable=differentiable)
        return Start(split_infinities(found, self.bounding), inner)

    def complete(self, params: Params) -> dict[str, Array]:
        """All params as arrays of the model's types, defaults computed from the params before them."""
        found: dict[str, Array] = {}
        for name, param in self.model.params.items():
            dtype = self.dtype if param.kind is Kind.REAL else None
            if name in params:
                found[name] = taken(params[name], dtype, dense_up_to=self._dense_up_to(name))
            elif param.default is not None:
                scope = self.evaluator.top(self._inputs(found), self.dependence)
                found[name] = self.evaluator.array(param.default, scope)
            else:
                raise KeyError(name)
        return found

    def _dense_up_to(self, name: str) -> float:
        """Up to which size a sparse param is made dense: one that serves as a bound always, none in a large program."""
        if name in self.bounding:
            return math.inf
        return WORTH_KEEPING if self.form is None or is_small(self.form) else 0

    def _inputs(self, params: Params, variables: Params | None = None, duals: Duals | None = None) -> Inputs:
        return Inputs(self.dims, params, variables or {}, self.dtype, duals or {}, self._moved, self.probe)

    def _take(
        self,
        params: Params,
        steps: Iterable[Step],
        variables: Params | None = None,
        duals: Duals | None = None,
        *,
        differentiable: bool = True,
    ) -> tuple[dict[str, Array], dict[str, Inner]]:
        """The params with those that the steps compute, and how these ended."""
        found, inner = dict(params), {}
        for step in steps:
            whole = joined_infinities(found, self.bounding)
            scope = self.evaluator.top(self._inputs(whole, variables, duals), self.dependence)
            fields, inner[step.solve.name] = take(step, self.evaluator, scope, differentiable=differentiable)
            found |= fields
        return found, inner

    def _moved(self, inputs: Inputs, params: Params, variables: Params, needed: frozenset[str]) -> Inputs:
        """The inputs with other values of some params and vars: the inner problems that are needed follow."""
        changed = replace(inputs, params={**inputs.params, **params}, vars={**inputs.vars, **variables})
        steps = needed_steps(self.steps, self.dependence, needed, {*params}, {*variables})
        found, _ = self._take(changed.params, steps, changed.vars, changed.duals)
        return replace(changed, params=found)

    def outcome(
        self, start: Start, solution: DifferentiableSolution | Solution, *, differentiable: bool = True
    ) -> Outcome:
        """The model's own quantities at a solution of its program."""
        assert self.form is not None
        recovery = Recovery(self.form)
        found = self.recovered(start, solution, _blank(solution.status, self.dtype))
        own, duals = found.variables, found.duals
        values, inner = self._values(start, own, duals, differentiable=differentiable)
        scope = self.evaluator.top(self._inputs(start.params, own, duals), self.dependence)
        evidence = None
        if isinstance(solution, DifferentiableSolution):
            evidence = evidence_by_label(recovery, solution, frozenset(self.model.vars))
        return Outcome(
            values=values,
            duals=duals,
            slacks=slacks(self.families, self.bounds, self.cones, self.evaluator, scope, self.bounding),
            objective=found.objective,
            status=_with_inner(solution.status, inner),
            iterations=solution.iterations,
            residuals=solution.residuals,
            point=jax.lax.stop_gradient(solution.point),
            certificate=solution.certificate,
            conflict=recovery.conflict(solution.certificate),
            derivative=evidence,
            inner=inner,
        )

    def recovered(self, start: Start, solution: DifferentiableSolution | Solution, blank: Array) -> Recovered:
        """Vars, multipliers and objective, NaN where ``blank`` is."""
        form = self.form
        assert form is not None
        variables = form.layout.split(solution.point.x + blank)
        duals = map_entries(Recovery(form).duals(solution.point), lambda value: value + blank)
        own = {name: variables[name] for name in self.model.vars}
        return Recovered(own, duals, form.sign * solution.objective + blank)

    def _values(
        self, start: Start, variables: Params, duals: Mapping[str, Any], *, differentiable: bool
    ) -> tuple[dict[str, Array], dict[str, Inner]]:
        """Vars and lets, and how all inner problems ended."""
        steps = (step for step in self.steps if step.solve.late)
        params, late = self._take(start.params, steps, variables, duals, differentiable=differentiable)

        def lets_of(params: Params, variables: Params, duals: Mapping[str, Any]) -> dict[str, Array]:
            scope = self.evaluator.top(self._inputs(params, variables, duals), self.dependence)
            return {name: self.evaluator.array(expr, scope) for name, expr in self.model.lets.items()}

        evaluate = entries_at_once(lets_of) if takes_entries(self.model.lets.values()) else lets_of
        return {**variables, **evaluate(params, variables, duals)}, {**start.inner, **late}

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
    def cones(self) -> tuple[ConeFamily, ...]:
        """The cones of the model as written."""
        return cone_families_of(self.model, {}, lambda _: True)

    @cached_property
    def assembly(self) -> Assembly:
        """Whether the matrices are dense or sparse, and why. Raises TooLargeToBeDenseError for neither."""
        form = self.form
        assert form is not None

        def shapes(program: Callable[..., QuadraticProgram]) -> QuadraticProgram:
            def matrices(params: Params) -> QuadraticProgram:
                return program(form, self.start(params).params, self._moved)

            return shapes_of(matrices, self.specification())

        kinds = (partial(shapes, sparse_program), partial(shapes, separated_program))
        return assembly_of(form, bool(self.stored), self.settings.solver, self.strongly_convex, *kinds)

    def settle_assembly(self) -> Assembly:
        """`assembly`, asked for where it may fail."""
        return self.assembly

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

    def specification(self) -> dict[str, Any]:
        """Shape and type of every param; of one that is given sparse a BCOO of them."""
        found = {}
        for name, param in self.model.params.items():
            shape = tuple(size.evaluate(self.dims) for size in param.shape)
            found[name] = specified(shape, entry_type(param.kind, self.dtype), self.stored.get(name))
        return found

    # ------------------------------------------------------------ other stages

    def template(self, params: Params) -> QuadraticProgram:
        """The data of the quadratic program for these params."""
        return self.program(self.start(params))

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

    @cached_property
    def alone(self) -> Callable[..., Outcome]:
        """The function, jitted once for calls that are part of no other program."""
        return jax.jit(self.function, compiler_options=accepted(OLD_EMITTERS))


def _with_inner(own: Array, inner: Mapping[str, Inner]) -> Array:
    """The status of a model: that of the worst inner problem where it has no solution, else the worse of the two."""
    if not inner:
        return own
    worst = worst_status(inner)
    return jnp.where(worst > Status.SOLVED_INACCURATE, worst, jnp.maximum(own, worst))


def _blank(status: Array, dtype: Any) -> Array:
    """NaN where there is no solution, else 0: added to a value it marks the value and leaves its derivative."""
    absent = (status == Status.INFEASIBLE) | (status == Status.UNBOUNDED) | (status == Status.FAILED)
    return jnp.where(absent, jnp.asarray(jnp.nan, dtype), jnp.asarray(0, dtype))
