"""The value of a typed expression in JAX.

A node is evaluated once per scope that binds its binders, so that a ``let`` used twice is computed once. A clause
becomes a vmap (evaluate_clauses.py): nothing here loops over the length of a dim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.experimental.sparse import BCOO

from karush.compiler.dependence import REGULAR_ATOMS, Dependence, children
from karush.compiler.lowering.atom_rules import RuledAtom, apply_with_rules
from karush.compiler.lowering.choices import choose_along, comparisons, gaps, on_seam
from karush.compiler.lowering.derivatives import derivative_of
from karush.compiler.lowering.evaluate_clauses import Clauses
from karush.compiler.lowering.evaluate_operators import EXTREMES, OPERATORS, extreme, guard, is_number, select
from karush.compiler.lowering.indexing import take
from karush.compiler.lowering.scope import Inputs, Scope
from karush.compiler.lowering.sparse_rules import dense_value, sparse_use, sparse_value
from karush.compiler.lowering.watching import count_gaps, marked
from karush.compiler.model import (
    Apply,
    BinderValue,
    Comprehension,
    Constant,
    DerivativeOf,
    DualValue,
    Expr,
    Kind,
    Named,
    ParamValue,
    Reduce,
    SizeValue,
    Subscript,
    VarValue,
)
from karush.stdlib.primitives.rule import Rule
from karush.stdlib.primitives.table import RULES
from karush.stdlib.primitives.ties import MIN_NORM, Directional, Element, Increment, Ties

Implementation = Callable[..., Any]
Expansion = Callable[[Apply], Expr]


def no_rule(name: str) -> Rule | None:
    """The rule of an atom where none has kinks."""
    del name
    return None


def no_rules(node: Apply) -> RuledAtom | None:
    """The rules of an application where no file states any."""
    del node
    return None


@dataclass(frozen=True, eq=False)
class Atoms:
    """How atoms are computed: a JAX function for a primitive, else an expression in the arguments.

    ``primitive(name)`` is the function of an atom whose value is a primitive, or None; ``expand(node)`` is the
    expression that the declaration gives as the value of an application; ``ties`` are the elements of derivatives at
    ties; ``rule(name)`` is the rule of an atom with kinks, or None; ``ruled(node)`` is the application of an atom whose
    partial derivatives the file states, None for any other.
    """

    primitive: Callable[[str], Implementation | None]
    expand: Expansion
    ties: Ties = field(default_factory=Ties)
    rule: Callable[[str], Rule | None] = no_rule
    ruled: Callable[[Apply], RuledAtom | None] = no_rules

    def function(self, name: str) -> Implementation | None:
        """The function of an operator or of an atom; None where its value is an expression."""
        if name in EXTREMES:
            return extreme(name, self.ties.of(name))
        return OPERATORS.get(name) or self.primitive(name)

    def kinks(self, name: str) -> Rule | None:
        """The rule of an operator or atom with kinks; None for any other."""
        return RULES[name] if name in EXTREMES else None if name in OPERATORS else self.rule(name)


MAX_GUARDS = 6
"""How many choices within choices are guarded: a deeper one may have NaN as its derivative where a branch has none."""


class UnsupportedExpressionError(Exception):
    """A node that lowering was never to see: an internal error."""


@dataclass(frozen=True, eq=False)
class Evaluator:
    """Values of expressions: ``value(expr, scope)``.

    ``watched`` numbers the operations whose ties are counted where the inputs have a probe. Clauses are evaluated in
    blocks where they are ``checkpointed`` (blocks.py).
    """

    atoms: Atoms
    watched: Mapping[Expr, int] = field(default_factory=dict)
    checkpointed: bool = False

    def top(self, inputs: Inputs, dependence: Dependence | None = None) -> Scope:
        """The outermost scope for these inputs."""
        return Scope(inputs, dependence or Dependence())

    @property
    def clauses(self) -> Clauses:
        """How clauses are evaluated, by this evaluator."""
        return Clauses(self.value, self._extreme, self.checkpointed)

    def sparse(self, expr: Expr, scope: Scope) -> BCOO | None:
        """The value as a sparse matrix, where it is one; ``value`` makes it dense."""
        return sparse_value(expr, scope, self.value)

    # ------------------------------------------------------------ values

    def array(self, expr: Expr, scope: Scope) -> Array:
        """The value as an array of the shape of the expression, real ones in the model's type."""
        value = self.value(expr, scope)
        dtype = scope.inputs.dtype if expr.kind is Kind.REAL else None
        return jnp.broadcast_to(jnp.asarray(value, dtype), scope.inputs.shape(expr.shape))

    def value(self, expr: Expr, scope: Scope) -> Any:
        """The value; a plain Python number where it is known while tracing, also in place of an array of it.

        Parts come before wholes, with a loop: a chain of a thousand lets takes no deeper stack than one of two.
        """
        kept = scope.lookup(expr)
        if kept is not None:
            return kept
        pending = [expr]
        while pending:
            node = pending[-1]
            missing = [part for part in self._parts(node, scope) if scope.lookup(part) is None]
            if missing:
                pending += reversed(missing)
                continue
            if scope.lookup(node) is None:
                scope.values[node] = self._compute(node, scope)
            pending.pop()
        return scope.values[expr]

    def _parts(self, expr: Expr, scope: Scope) -> Iterable[Expr]:
        """The expressions whose values, here in this scope, that of an expression is certain to need next."""
        use = sparse_use(expr, scope, self.value)
        if use is not None:
            return use.parts
        match expr:
            case Named():
                return (expr.value,)
            case Subscript():
                return () if scope.view(expr) is not None else children(expr)
            case Comprehension() | Reduce():
                return self.clauses.outside(children(expr), scope)
            case Apply(atom="if"):
                return self._parts_of_choice(expr, scope)
            case Apply() if self.atoms.ruled(expr) is None and not self._has_function(expr):
                return (self.atoms.expand(expr),)
            case Apply():
                return flattened(expr)
        return ()

    def _parts_of_choice(self, expr: Apply, scope: Scope) -> Iterable[Expr]:
        """The condition; once that is known, the branches that are evaluated without a guard."""
        condition, *branches = expr.arguments
        holds = scope.lookup(condition)
        if holds is None:
            return (condition,)
        if is_number(holds):
            return (branches[0 if holds else 1],)
        return [branch for branch in branches if self._is_unguarded(branch, scope)]

    @staticmethod
    def _is_unguarded(branch: Expr, scope: Scope) -> bool:
        """Whether a branch is evaluated where its choice stands, taken or not."""
        if scope.inputs.probe is not None:
            return False  # the guards say which ties count
        return scope.dependence.regular(branch) or len(scope.guards) >= MAX_GUARDS

    def _compute(self, expr: Expr, scope: Scope) -> Any:
        use = sparse_use(expr, scope, self.value)
        if use is not None:
            return use.compute()
        match expr:
            case Named():
                return self.value(expr.value, scope)
            case Apply():
                return self._apply(expr, scope)
            case Subscript():
                return self._subscript(expr, scope)
            case Comprehension():
                return self.clauses.comprehension(expr, scope)
            case Reduce():
                return self.clauses.reduce(expr, scope)
            case DerivativeOf():
                return derivative_of(expr, scope, self.array)
        return self._leaf(expr, scope)

    def _leaf(self, expr: Expr, scope: Scope) -> Any:
        match expr:
            case Constant():
                return expr.value
            case SizeValue():
                return self._size(expr, scope)
            case BinderValue():
                return scope.binder(expr.binder)
            case ParamValue():
                given = scope.inputs.params[expr.name]
                return dense_value(expr, given) if isinstance(given, BCOO) else given
            case VarValue():
                return scope.inputs.vars[expr.name]
            case DualValue():
                multiplier = scope.inputs.duals[expr.label]
                return multiplier if expr.side is None else multiplier[expr.side]
        raise UnsupportedExpressionError(type(expr).__name__)

    @staticmethod
    def _size(expr: SizeValue, scope: Scope) -> Any:
        number = scope.inputs.size(expr.size)
        return number if is_number(number) else jnp.asarray(number)

    def _subscript(self, expr: Subscript, scope: Scope) -> Any:
        view = scope.view(expr)
        array, items = (self.array(expr.value, scope), expr.items) if view is None else (view.array, view.items)
        return take(array, items, lambda index: self.value(index, scope), scope.inputs)

    # ------------------------------------------------------------ atoms

    def _apply(self, expr: Apply, scope: Scope) -> Any:
        if expr.atom == "if":
            return self._if(expr, scope)
        ruled = self.atoms.ruled(expr)
        if ruled is not None:
            values = [self._argument(a, expr, scope) for a in expr.arguments]
            return apply_with_rules(ruled, self._harmless_arguments(expr, values, scope), scope, self.array)
        if not self._has_function(expr):
            return self.value(self.atoms.expand(expr), scope)
        return self.apply(expr, [self._argument(a, expr, scope) for a in flattened(expr)], scope)

    def _has_function(self, expr: Apply) -> bool:
        return expr.atom in ("zeros", "ones", "eye", "reshape") or self.atoms.function(expr.atom) is not None

    def apply(self, expr: Apply, arguments: Sequence[Any], scope: Scope) -> Any:
        """The atom of an application at these values of its arguments."""
        shape, dtype = scope.inputs.shape(expr.shape), scope.inputs.dtype
        match expr.atom:
            case "divide" if expr.kind is Kind.INTEGER:
                return arguments[0] // arguments[1]
            case "zeros":
                return jnp.zeros(shape, dtype)
            case "ones":
                return jnp.ones(shape, dtype)
            case "eye":
                return jnp.eye(shape[0], dtype=dtype)
            case "reshape":
                return jnp.reshape(arguments[0], shape)
        function = self.atoms.function(expr.atom)
        if function is None:
            raise UnsupportedExpressionError(expr.atom)
        arguments = self._harmless_arguments(expr, arguments, scope)
        rule = self.atoms.kinks(expr.atom)
        return self._counted(expr, function(*arguments), scope, lambda: rule.ties(*arguments) if rule else None)

    def _extreme(self, expr: Reduce, rule: Rule, array: Array, scope: Scope) -> Array:
        """The greatest or least entries that a reduction is, by its rule."""
        value = rule.function(self.atoms.ties.of(expr.operator), expr.operator)(array)
        return self._counted(expr, value, scope, lambda: rule.ties(array))

    def _counted(self, expr: Expr, value: Any, scope: Scope, ties: Callable[[], tuple[Array, Array] | None]) -> Any:
        """The value; with its number of ties where these are counted."""
        place = None if scope.inputs.probe is None or is_number(value) else self.watched.get(expr)
        counts = None if place is None else ties()
        if scope.inputs.probe is None or counts is None:
            return value
        return marked(value, scope.inputs.probe[place], counts, scope.guards)

    def _harmless_arguments(self, expr: Apply, arguments: Sequence[Any], scope: Scope) -> Sequence[Any]:
        """The arguments, where the result is thrown away such that nothing undefined arises from them."""
        if scope.guards and not self._harmless(expr, scope):
            return [self._guarded(a, scope) for a in arguments]
        return arguments

    @staticmethod
    def _harmless(expr: Apply, scope: Scope) -> bool:
        return expr.atom in REGULAR_ATOMS or scope.dependence.regular(expr)

    @staticmethod
    def _guarded(value: Any, scope: Scope) -> Any:
        if is_number(value):
            return value
        for condition in scope.guards:
            value = guard(value, condition)
        return value

    def _argument(self, argument: Expr, parent: Apply, scope: Scope) -> Any:
        """An argument's value; an integer array becomes real where the result is real, a size stays a number."""
        value = self.array(argument, scope) if argument.shape else self.value(argument, scope)
        integer = argument.kind is not Kind.REAL and parent.kind is Kind.REAL
        if is_number(value) or not integer or not (parent.atom in OPERATORS or parent.atom in (*EXTREMES, "if")):
            return value
        return jnp.asarray(value, scope.inputs.dtype)

    def _if(self, expr: Apply, scope: Scope) -> Any:
        """The taken branch; the other one is evaluated where it is harmless."""
        condition = self.value(expr.arguments[0], scope)
        if is_number(condition):
            return self.value(expr.arguments[1 if condition else 2], scope)
        tie = self.atoms.ties.default if expr.kind is Kind.REAL else MIN_NORM
        value = partial(self.value, scope=scope)
        holds = [condition, jnp.logical_not(condition)]
        if isinstance(tie, Increment):
            holds = [jnp.ones_like(condition)] * 2  # the model may end in the other branch
        elif isinstance(tie, Directional):
            holds = [jnp.logical_or(side, on_seam(expr.arguments[0], value)) for side in holds]
        branches = [
            self._branch(branch, side, expr, scope) for branch, side in zip(expr.arguments[1:], holds, strict=True)
        ]
        if not isinstance(tie, Element):
            reals = [jnp.asarray(branch, scope.inputs.dtype) for branch in branches]
            return choose_along(expr.arguments[0], value, reals, tie)
        return self._counted(expr, select(condition, *branches), scope, lambda: self._seams(expr, value))

    @staticmethod
    def _seams(expr: Apply, value: Callable[[Expr], Any]) -> tuple[Array, Array] | None:
        """How many choices of an ``if`` stand on a seam."""
        gap = gaps(expr.arguments[0], value)
        if gap is None:
            return None
        sides = (value(a) for node in comparisons(expr.arguments[0]) for a in node.arguments)
        return count_gaps(gap, jnp.max(jnp.stack([jnp.max(jnp.abs(jnp.asarray(side))) for side in sides])))

    def _branch(self, branch: Expr, holds: Array, parent: Apply, scope: Scope) -> Any:
        inner = scope if self._is_unguarded(branch, scope) else scope.guarded(holds)
        return self._argument(branch, parent, inner)


def flattened(expr: Apply) -> tuple[Expr, ...]:
    """The arguments; those of ``max(a, b, c)``, which stands as maxima of two, in one: a tie is shared by all alike."""
    if expr.atom not in ("maximum", "minimum"):
        return expr.arguments
    parts: list[Expr] = []
    pending = list(reversed(expr.arguments))
    while pending:
        argument = pending.pop()
        if isinstance(argument, Apply) and argument.atom == expr.atom and argument.shape == expr.shape:
            pending += reversed(argument.arguments)
        else:
            parts.append(argument)
    return tuple(parts)


def evaluate(expr: Expr, inputs: Inputs, atoms: Atoms, dependence: Dependence | None = None) -> Array:
    """The value of one expression without free binders, as an array of its shape."""
    evaluator = Evaluator(atoms)
    return evaluator.array(expr, evaluator.top(inputs, dependence))


def evaluate_all(exprs: Mapping[str, Expr], inputs: Inputs, atoms: Atoms) -> dict[str, Array]:
    """The values of several expressions, what they share computed once."""
    evaluator = Evaluator(atoms)
    scope = evaluator.top(inputs)
    return {name: evaluator.array(expr, scope) for name, expr in exprs.items()}
