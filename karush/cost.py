"""The price of a model and of its derivatives: operations counted over what is compiled, and the proven bound on them.

``price(karush.load("net.opt"), of="loss", sizes={"m": 32, "d": 64})`` needs no data. See compiler/cost for the table of
costs, and for the bound and its proof.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.extend.core import Jaxpr

from karush.compiler.cost.bound import Account, account
from karush.compiler.cost.count import Loop, by_operation, count, loops
from karush.compiler.cost.programs import trace
from karush.compiler.lowering.compiled import Compiled, Start
from karush.data.sizes import infer_sizes
from karush.derivative import Differentiated, differentiated
from karush.errors import ModelError
from karush.outputs import DerivativeError, pick
from karush.problem import Problem
from karush.solvers.implicit import DifferentiableSolution
from karush.solvers.quadratic_driver import choose, facts_of, solve

Tree = Any
Function = Callable[[Tree, Tree], Tree]
"""(what is differentiated in, the rest) ↦ outputs."""


class NothingToCountError(Exception):
    """A model or a request whose operations cannot be counted."""


# ---------------------------------------------------------------- programs


@dataclass(frozen=True, eq=False)
class Program:
    """P: a function of arrays that are ``moving`` and of ``fixed`` ones, both given by their shapes.

    Its derivative programs compute the outputs and one derivative: ``reverse`` from one cotangent of all real outputs,
    ``forward`` along one tangent.
    """

    function: Function
    moving: Tree
    fixed: Tree

    def value(self, moving: Tree, fixed: Tree) -> Tree:
        """The outputs."""
        return self.function(moving, fixed)

    def reverse(self, moving: Tree, fixed: Tree, cotangents: Tree) -> Tree:
        """The outputs, and the cotangents of what moves."""
        values, back, others = jax.vjp(lambda m: self._parted(m, fixed), moving, has_aux=True)
        return values, others, back(cotangents)

    def forward(self, moving: Tree, fixed: Tree, tangents: Tree) -> Tree:
        """The outputs and their tangents."""
        return jax.jvp(lambda m: self._parted(m, fixed), (moving,), (tangents,), has_aux=True)

    def cotangents(self) -> Tree:
        """The shapes of the real outputs."""
        return jax.eval_shape(self._parted, self.moving, self.fixed)[0]

    def residuals(self) -> list[Any]:
        """The shapes of what the reverse derivative stores between its two passes."""
        back = jax.eval_shape(lambda m, f: jax.vjp(lambda q: self._parted(q, f)[0], m)[1], self.moving, self.fixed)
        return jax.tree.leaves(back)

    def _parted(self, moving: Tree, fixed: Tree) -> tuple[list[Array], list[Array]]:
        leaves = jax.tree.leaves(self.function(moving, fixed))
        real = [is_real(leaf) for leaf in leaves]
        return parted(leaves, real)

    def jaxpr(self) -> Jaxpr:
        """P as it is compiled, without dead code."""
        return trace(self.function, self.moving, self.fixed)


def is_real(array: Any) -> bool:
    """Whether an array can carry a derivative."""
    return bool(jnp.issubdtype(array.dtype, jnp.inexact))


def parted(items: Sequence[Any], chosen: Sequence[bool]) -> tuple[list[Any], list[Any]]:
    """Those that are chosen, and the others."""
    marked = list(zip(items, chosen, strict=True))
    return [item for item, is_chosen in marked if is_chosen], [item for item, is_chosen in marked if not is_chosen]


def over_leaves(function: Callable[[Tree], Tree], tree: Tree) -> Program:
    """A function of a pytree of shapes as a program: its real leaves move, the others are fixed."""
    leaves, structure = jax.tree.flatten(tree)
    real = [is_real(leaf) for leaf in leaves]
    moving, fixed = parted(leaves, real)

    def of_leaves(moving: Tree, fixed: Tree) -> Tree:
        kinds = {True: iter(moving), False: iter(fixed)}
        return function(jax.tree.unflatten(structure, [next(kinds[is_moving]) for is_moving in real]))

    return Program(of_leaves, moving, fixed)


# ---------------------------------------------------------------- prices


@dataclass(frozen=True, eq=False)
class Price:
    """What a program costs, alone and with a derivative, in operations; a loop of unknown length is one iteration.

    ``book`` is what bounds both; what stands apart in it (solvers) has a price of its own, and no bound.
    """

    program: float
    reverse: float
    forward: float
    book: Account
    loops: tuple[Loop, ...]
    by_primitive: Mapping[str, float]

    def ratio(self, mode: str) -> float | None:
        """The price of the program with a derivative (``vjp`` or ``jvp``) over that of the program; None for 0."""
        return (self.reverse if mode == "vjp" else self.forward) / self.program if self.program else None

    def bound(self, mode: str) -> float | None:
        """The proven bound on the ratio: ω, where nothing stands apart and no small parts are collected."""
        limit = self.book.reverse_limit() if mode == "vjp" else self.book.forward_limit()
        return limit / self.program if self.program else None


def price_of(program: Program) -> Price:
    """The price of a program."""
    jaxpr = program.jaxpr()
    arrays = (program.moving, program.fixed)
    moves = [True] * len(jax.tree.leaves(program.moving)) + [False] * len(jax.tree.leaves(program.fixed))
    return Price(
        count(jaxpr),
        count(trace(program.reverse, *arrays, program.cotangents())),
        count(trace(program.forward, *arrays, program.moving)),
        account(jaxpr, moves),
        tuple(loops(jaxpr)),
        by_operation(jaxpr),
    )


@dataclass(frozen=True, eq=False)
class Cost:
    """The price of outputs of a model in params, for fixed sizes; ``parts`` are those of a model with a solver.

    ``stored`` are the shapes of what the reverse derivative stores.
    """

    compiled: Compiled
    of: tuple[str, ...]
    wrt: tuple[str, ...]
    program: Program
    whole: Price
    parts: Mapping[str, Price]
    stored: tuple[Any, ...]

    @property
    def stored_bytes(self) -> int:
        """How much memory the reverse derivative needs for what it stores."""
        return sum(array.size * array.dtype.itemsize for array in self.stored)


def price(
    problem: Problem,
    of: str | None = None,
    wrt: Sequence[str] | None = None,
    sizes: Mapping[str, int] | None = None,
    compiled: Compiled | None = None,
) -> Cost:
    """The price of an output (default: the objective; of a plain function all lets together) for these sizes.

    ``compiled`` is the model as it was compiled for some data, where there are any. ModelError (E0401) where a size has
    no value, DerivativeError for an unknown output or param, NothingToCountError where nothing can be counted.
    """
    compiled = compiled_for(problem, sizes or {}) if compiled is None else compiled
    refuse_host(compiled)
    names = (of,) if of is not None else default_outputs(compiled)
    function = differentiated(problem, compiled, names[0], wrt)
    program = whole_program(function, names)
    if not program.moving:
        raise DerivativeError("E0704", "the model has no real param to differentiate in")
    parts = {name: price_of(part) for name, part in parts_of(function).items()}
    stored = tuple(program.residuals())
    return Cost(compiled, names, function.request.wrt, program, price_of(program), parts, stored)


def default_outputs(compiled: Compiled) -> tuple[str, ...]:
    """The objective; of a plain function all of its lets."""
    if compiled.model.objective is not None:
        return ("objective",)
    if not compiled.model.lets:
        raise NothingToCountError("the model has no output to count")
    return tuple(compiled.model.lets)


def compiled_for(problem: Problem, sizes: Mapping[str, int]) -> Compiled:
    """The model compiled for these sizes; others take their defaults."""
    for name in sizes:
        if name not in problem.model.dims:
            known = ", ".join(problem.model.dims) or "none"
            raise NothingToCountError(f"`{name}` is not a size of this model; there are {known}")
    found = infer_sizes(problem.model, [], {name: (size, "--sizes") for name, size in sizes.items()})
    if found.findings:
        raise ModelError(found.findings)
    return problem.compile_for(found.values)


def refuse_host(compiled: Compiled) -> None:
    """NothingToCountError where a solver runs outside XLA: what it does is in no program."""
    for step in compiled.steps:
        if isinstance(step.inner, Compiled):
            refuse_host(step.inner)
    choice = compiled.choice
    if choice is not None and choice.solver.on_host:
        raise NothingToCountError(
            f"{choice.name} runs outside XLA, so its operations cannot be counted ({choice.reason}); "
            "write `using ipm` in the file"
        )


def whole_program(function: Differentiated, names: Sequence[str]) -> Program:
    """The outputs as a program: the params that are differentiated move, all others are fixed."""
    shapes = function.compiled.specification()
    moving = {name: jax.eval_shape(lambda: function.start(zeros(shapes)))[name] for name in function.request.wrt}

    def one(moved: Tree, fixed: Tree) -> Tree:
        return function.value(moved, fixed)[0]

    def several(moved: Tree, fixed: Tree) -> Tree:
        outcome = function.compiled.function(function.params(moved, fixed))
        return {name: pick(outcome, name) for name in names}

    return Program(one if len(names) == 1 else several, moving, shapes)


def zeros(shapes: Tree) -> Tree:
    """Arrays of these shapes; within a trace nothing is made."""
    return jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)


def parts_of(function: Differentiated) -> Mapping[str, Program]:
    """Of a model with a solver: params to the form, the solve, and what is read off the solution."""
    compiled, of = function.compiled, function.request.of
    if compiled.form is None:
        return {}
    whole = whole_program(function, (of,))
    form = Program(function.program, whole.moving, whole.fixed)
    start, quadratic = jax.eval_shape(form.function, form.moving, form.fixed)
    choice = choose(facts_of(quadratic, compiled.strongly_convex), compiled.settings.solver)

    def solved(data: Any) -> DifferentiableSolution:
        return solve(data, compiled.settings, choice)

    def answer(data: Any) -> Tree:
        solution = solved(data)
        wanted = solution.objective if of == "objective" else (solution.point, solution.objective)
        return wanted, solution.status

    def recovered(both: tuple[Start, DifferentiableSolution]) -> Array:
        return pick(compiled.outcome(*both), of)

    solution = jax.eval_shape(solved, quadratic)
    return {
        "params to form": form,
        "solve": over_leaves(answer, quadratic),
        "recovery": over_leaves(recovered, (start, solution)),
    }
