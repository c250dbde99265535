"""Typed model to facts: one bottom-up pass over every expression.

For each expression: an interval that holds its entries, its curvature in the unknowns with the reason, its degree,
what its graph forms leave of it, how smooth it is, what it depends on. Params are constants; of one that is declared in
a set, its interval (or its eigenvalues) are known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from karush.compiler.dependence import children, roots_of, walk
from karush.compiler.facts import operators, powers, products, quadratic
from karush.compiler.facts.atoms import atom_fact
from karush.compiler.facts.directions import Directions
from karush.compiler.facts.equivalents import equivalent, without_kink
from karush.compiler.facts.fact import NOT_REDUCIBLE, Fact, Facts, Reduced, text_of
from karush.compiler.facts.pieces import Scene
from karush.compiler.facts.roughness import Roughnesses
from karush.compiler.facts.same import Sameness
from karush.compiler.library import Library
from karush.compiler.model import (
    Apply,
    BinderValue,
    Comprehension,
    Constant,
    DualValue,
    Expr,
    Model,
    Named,
    ParamValue,
    Reduce,
    SetUse,
    SizeValue,
    Subscript,
    VarValue,
)
from karush.stdlib.lattice import FREE, NONNEGATIVE, POSITIVE, Curvature, Dependence, Interval, Smoothness
from karush.stdlib.set import SET_FACTS, enclosure
from karush.stdlib.shape import Size

__all__ = ["Fact", "Facts", "derive_facts"]

OPERATORS: dict[str, Callable[[Facts, Apply, Fact], Fact]] = {
    "add": operators.add,
    "subtract": operators.subtract,
    "negate": operators.negate,
    "divide": products.divide,
    "power": powers.power,
    "if": operators.choose,
    "maximum": operators.extreme,
    "minimum": operators.extreme,
    "transpose": operators.transpose,
    "diag": operators.diag,
    "concat": operators.structure,
    "stack": operators.structure,
    "reshape": operators.structure,
    **dict.fromkeys(("zeros", "ones", "eye"), operators.filled),
    **dict.fromkeys(operators.CONDITIONS, operators.condition),
}
"""Atoms that are words and signs of the language; all others are declared in the library."""


Expansion = Callable[[Apply], Expr | None]


def derive_facts(model: Model, library: Library, value_of: Expansion) -> Facts:
    """The facts of every expression of a model; ``library`` knows the atoms that the file declares, too.

    ``value_of`` is the expression that the declaration of an atom gives as the value of an application, or None.
    """
    derivation = _Derivation(model, library, value_of)
    for root in roots_of(model):
        derivation.visit(root)
    return derivation.facts


class _Derivation:
    """The pass: the table so far, and the sameness of expressions."""

    def __init__(self, model: Model, library: Library, value_of: Expansion) -> None:
        self.model = model
        self._value_of = value_of
        self._values: dict[Apply, Expr | None] = {}
        self._depth = 0  # within so many declarations of atoms
        self.library = library
        self.table: dict[Expr, Fact] = {}
        self.facts = Facts(model, self.table)
        self.sameness = Sameness(self.is_symmetric)
        self.directions = Directions(self.facts, library, self.sameness)
        self.roughness = Roughnesses(Scene(self.facts, self.sameness, library, self.value_of))

    def value_of(self, node: Apply) -> Expr | None:
        """The value of an application that is no primitive, with its facts; None where it is not looked into."""
        if node not in self._values:
            atom = self.library.atom(node.atom)
            self._values[node] = value = None if atom is None or atom.value is None else self._value_of(node)
            if value is not None:
                self._depth += 1
                self.visit(value)
                self._depth -= 1
        return self._values[node]

    def is_symmetric(self, expr: Expr) -> bool:
        """Is a matrix known to be its own transpose?"""
        fact = self.table.get(expr)
        return fact is not None and fact.spectrum is not None

    def visit(self, root: Expr) -> None:
        """The facts of an expression and of all below it."""
        for node in walk(root, known=self.table):
            self.table[node] = self.derive(node)

    def derive(self, node: Expr) -> Fact:
        """The fact of one node whose children have theirs."""
        fact = self._fact(node)
        rough = self.roughness.own(node)
        if isinstance(node, Apply) and node.atom == "if":
            fact = replace(fact, smoothness=self.roughness.of_choice(node))
        if rough is None:
            return fact
        self.facts.rough[node] = rough
        return replace(fact, smoothness=fact.smoothness.join(rough.smoothness))

    def _fact(self, node: Expr) -> Fact:
        match node:
            case Constant() | SizeValue() | BinderValue():
                return _number(node)
            case ParamValue():
                return self._param(node)
            case VarValue():
                return self._var(node)
            case Named():
                return replace(self.table[node.value], reason=None)
            case Apply():
                return self._in_another_way(node, self._apply(node))
            case Subscript():
                return operators.subscript(self.facts, node, self._base(node))
            case Comprehension():
                return operators.comprehension(self.facts, node, self._base(node))
            case Reduce():
                return operators.reduction(self.facts, node, self._base(node))
            case _:
                return self._solved_for(node)

    # ------------------------------------------------------------ leaves

    def _param(self, node: ParamValue) -> Fact:
        param = self.model.params.get(node.name)
        dependence = Dependence(params=frozenset({node.name}))
        if param is None:  # of an inner model
            return Fact(dependence=dependence)
        return Fact(self._set_interval(param.set), dependence=dependence, spectrum=_spectrum(param.set))

    def _var(self, node: VarValue) -> Fact:
        var = self.model.vars.get(node.name)
        return Fact(
            FREE if var is None else self._set_interval(var.set),
            Curvature.AFFINE,
            degree=1,
            reduced=Reduced(1),
            dependence=Dependence(vars=frozenset({node.name})),
            spectrum=None if var is None else _spectrum(var.set),
        )

    def _set_interval(self, use: SetUse | None) -> Interval:
        known = SET_FACTS.get(use.name) if use is not None else None
        if use is None or known is None:
            return FREE
        arguments = [self.table[a].interval if a in self.table else FREE for a in use.arguments]
        if use.size is not None:
            arguments = [size_interval(use.size)]
        return enclosure(known, tuple(arguments))

    # ------------------------------------------------------------ applications

    def _base(self, node: Expr) -> Fact:
        """Dependence and smoothness, which every node has of its children."""
        dependence, smooth = Dependence(), Smoothness.SMOOTH
        for child in children(node):
            dependence = dependence.join(self.table[child].dependence)
            smooth = smooth.join(self.table[child].smoothness)
        if isinstance(node, Comprehension | Reduce):
            dependence = dependence.without_binders(frozenset(b.name for b in node.binders))
        return Fact(dependence=dependence, smoothness=smooth)

    def _apply(self, node: Apply) -> Fact:
        base = self._base(node)
        if node.atom == "multiply":
            return products.multiply(self.facts, node, base, self.sameness)
        if node.atom == "matmul":
            return quadratic.matmul(self.facts, node, base, self.sameness)
        rule = OPERATORS.get(node.atom)
        if rule is not None:
            return rule(self.facts, node, base)
        atom = self.library.atom(node.atom)
        if atom is None:
            return self._solved_for(node)
        found = atom_fact(self.facts, node, atom, base)
        if quadratic.reads_as_form(atom):
            return quadratic.finer_form(self.facts, node, found, self.sameness)
        return found

    def _in_another_way(self, node: Apply, found: Fact) -> Fact:
        """The fact of a node from an equivalent expression: one that has a curvature, or no kink, where it has.

        Not within declarations of atoms, for these would be found in what they stand for.
        """
        if self._depth:
            return found
        has_curvature = found.curvature is not Curvature.UNKNOWN
        find = without_kink if has_curvature else equivalent
        other = find(self.facts, node, self.library, self.sameness)
        if other is not None:
            self.visit(other)
        told = found if other is None else self.table[other]
        if other is None or told.curvature is Curvature.UNKNOWN:
            return self.directions.product(node, found) if node.atom == "multiply" and not has_curvature else found
        self.facts.equivalents[node] = other
        interval = found.interval.intersect(told.interval)
        reason = f"{text_of(node)} is {told.curvature.value}"
        smoothness = found.smoothness
        if has_curvature:  # the square of a length: its derivative is right at 0 as it is written, too
            self.facts.smoother[node], smoothness = other, told.smoothness
        return replace(told, interval=interval, smoothness=smoothness, reason=reason)

    def _solved_for(self, node: Expr) -> Fact:
        """A dual, an inner problem's solution, a derivative: nothing is known but what it depends on."""
        base = self._base(node)
        vars = base.dependence.vars
        if isinstance(node, DualValue):
            vars = frozenset(self.model.vars)
        found = replace(base, interval=FREE, dependence=replace(base.dependence, vars=vars))
        if not vars:
            return found
        return replace(found, curvature=Curvature.UNKNOWN, degree=None, reduced=NOT_REDUCIBLE)


def _spectrum(use: SetUse | None) -> Interval | None:
    known = SET_FACTS.get(use.name) if use is not None else None
    if known is None or not known.symmetric:
        return None
    if known.positive_definite:
        return POSITIVE
    return NONNEGATIVE if known.positive_semidefinite else FREE


def size_interval(size: Size) -> Interval:
    """The numbers that a size can be; a dim is nonnegative."""
    found = Interval.point(0.0)
    for monomial, coefficient in size.terms:
        found = found + (NONNEGATIVE if monomial else Interval.point(1.0)) * Interval.point(coefficient)
    return found


def _number(node: Constant | SizeValue | BinderValue) -> Fact:
    match node:
        case Constant():
            return Fact(Interval.point(float(node.value)))
        case SizeValue():
            return Fact(size_interval(node.size))
        case BinderValue():
            return Fact(_binder_interval(node), dependence=Dependence(binders=frozenset({node.binder.name})))


def _binder_interval(node: BinderValue) -> Interval:
    binder = node.binder
    start = size_interval(binder.start)
    last = start
    if binder.length.value is not None:
        last = start + Interval.point(binder.step * max(binder.length.value - 1, 0))
    else:
        last = start + (NONNEGATIVE if binder.step > 0 else -NONNEGATIVE)
    return start.hull(last)
