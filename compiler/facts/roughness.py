"""Where expressions are less smooth than their parts: ties, ends of domains, poles, jumps, switches of choices.

A place is passed over where the intervals of the arguments exclude it (relu of what is positive), where the condition
of a choice does (reach.py), and where nothing that moves is concerned.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

from karush.compiler.facts.atoms import count_entries
from karush.compiler.facts.fact import Meeting, Rough, Seam, text_of
from karush.compiler.facts.pieces import Scene
from karush.compiler.facts.reach import places, unreached, worst
from karush.compiler.facts.seams import SMOOTHNESS, seam_of
from karush.compiler.model import Apply, DerivativeOf, DualValue, Expr, InlineProblem, ModelField, Reduce
from karush.compiler.nodes import number
from karush.stdlib.atom import Atom
from karush.stdlib.lattice import Dependence, Smoothness
from karush.stdlib.smoothness import DIVISION, INVERSES, REDUCED, ROUGHNESS, Roughness, apart, power_roughness, unmet

SOLUTION = Rough(
    Smoothness.NONSMOOTH,
    "a solution",
    "a weakly active row",
    "`karush grad --side` has both slopes",
    "rows within `active` of their bounds held as equations",
)
JOINED = "a continuous form (`clip`, `max`, `min`, `sigmoid`)"
MET = {
    Meeting.CONTINUOUSLY: "that of the branch taken",
}
EMPTY = {"sum": 0.0, "prod": 1.0}
"""What a term that a filter leaves out adds."""


class Roughnesses:
    """Answers for the nodes of one model; their parts have theirs."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.facts = scene, scene.facts

    def own(self, node: Expr) -> Rough | None:
        """What a node adds to its parts; None where it is as smooth as they are."""
        match node:
            case Apply(atom="if"):
                return self._seam(node, *node.arguments)
            case Apply():
                return self._of_application(node)
            case Reduce():
                return self._of_reduction(node)
            case DualValue():
                return SOLUTION
            case ModelField() | InlineProblem() if any(map(self._moves, node.call.arguments.values())):
                return SOLUTION
            case DerivativeOf():
                return self._of_derivative(node)
        return None

    def of_choice(self, node: Apply) -> Smoothness:
        """How smooth the branches of a choice are where they are taken."""
        test, then, orelse = node.arguments
        kinked = [branch for branch in (then, orelse) if self.facts[branch].smoothness > Smoothness.ONCE]
        if kinked and self._moves(test):
            found = tuple(
                unreached(self.scene, test, branch, holds=holds) for branch, holds in ((then, True), (orelse, False))
            )
            self.facts.unreached[node] = (found[0], found[1])
        skipped = self.facts.unreached.get(node, (frozenset(), frozenset()))
        return max(worst(self.facts, branch, skip) for branch, skip in zip((then, orelse), skipped, strict=True))

    def _moves(self, node: Expr) -> bool:
        return self.facts.moves(self.facts[node].dependence)

    # ------------------------------------------------------------ functions

    def _of_application(self, node: Apply) -> Rough | None:
        found = self._of_function(node)
        if found is None or found.smoothness is not Smoothness.DISCONTINUOUS or not self._states_rules(node):
            return found
        return replace(found, is_certain=False)  # what flows through the jump is what the declaration says

    def _states_rules(self, node: Apply) -> bool:
        """Does the declaration state the derivative in every argument that moves?"""
        atom = self.scene.library.atom(node.atom)
        if atom is None:
            return False
        moving = (param.name for param, a in zip(atom.params, node.arguments, strict=False) if self._moves(a))
        return all(name in atom.rules for name in moving)

    def _of_function(self, node: Apply) -> Rough | None:
        if node.atom in ("divide", "power", "maximum", "minimum"):
            return self._of_operator(node)
        atom = self.scene.library.atom(node.atom)
        if atom is None or not any(map(self._moves, node.arguments)):
            return None
        if atom.primitive is None:
            return self._of_value(node, atom)
        if atom.primitive in ("max", "min") and count_entries(node.arguments[0]) == 1:
            return None
        first = node.arguments[0]
        if atom.primitive in INVERSES and not self._moves(first):
            return None
        intervals = tuple(self.facts[argument].interval for argument in node.arguments)
        return self._rough(node, unmet(atom.primitive, intervals, self.facts[first].spectrum))

    def _of_operator(self, node: Apply) -> Rough | None:
        given = node.arguments
        intervals = [self.facts[argument].interval for argument in given]
        if node.atom == "divide":
            met = self._moves(given[1]) and not DIVISION.away(*intervals)
            return self._rough(node, DIVISION, "a quotient") if met else None
        if node.atom == "power":
            return self._rough(node, power_roughness(*intervals), "a power") if self._moves(given[0]) else None
        tied = any(not apart(x, y) for x, y in combinations(intervals, 2)) and any(map(self._moves, given))
        return self._rough(node, ROUGHNESS[node.atom]) if tied else None

    def _rough(self, node: Apply, found: Roughness | None, what: str | None = None) -> Rough | None:
        if found is None:
            return None
        rules = self.facts.model.rules
        stated = rules.get(node.atom, rules.get("*"))
        words = stated if isinstance(stated, str) else f"{stated:g}" if stated is not None else ""
        rule = f"{words} (as the file states)" if words and found.rule else found.rule
        return Rough(found.smoothness, what or node.atom, found.where, found.surrogate, rule)

    def _of_value(self, node: Apply, atom: Atom) -> Rough | None:
        """Of an atom that is an expression: what stands in it, said of the atom."""
        value = self.scene.expand(node)
        if value is None:
            return Rough(Smoothness.NONSMOOTH, atom.name, "unknown places", JOINED, is_certain=False)
        inner = [rough for _, rough in places(self.facts, value)]
        found = max(inner, key=lambda rough: rough.smoothness, default=None)
        return None if found is None else replace(found, what=f"{atom.name} ({found.what})")

    # ------------------------------------------------------------ clauses, choices

    def _of_reduction(self, node: Reduce) -> Rough | None:
        if node.condition is not None and self._moves(node.condition):
            missing = EMPTY.get(node.operator)
            if missing is None:
                return self._switch(node, node.condition, Seam(Meeting.UNPROVED))
            return self._seam(node, node.condition, node.body, number(missing, node.span))
        if node.operator in REDUCED and self._moves(node.body):
            found = REDUCED[node.operator]
            return Rough(found.smoothness, node.operator, found.where, found.surrogate, found.rule)
        return None

    def _seam(self, node: Expr, test: Expr, then: Expr, orelse: Expr) -> Rough | None:
        return self._switch(node, test, seam_of(self.scene, test, then, orelse)) if self._moves(test) else None

    def _switch(self, node: Expr, test: Expr, seam: Seam) -> Rough:
        self.facts.seams[node] = seam
        smoothness, where = SMOOTHNESS[seam.meeting], f"the switch of `{text_of(test)}`"
        certain = seam.meeting is not Meeting.UNPROVED
        return Rough(smoothness, "if", where, JOINED, MET.get(seam.meeting), certain)

    def _of_derivative(self, node: DerivativeOf) -> Rough | None:
        """The derivative of a function with kinks may jump at them; of one with a kinked derivative it has kinks."""
        names = self.facts[node.wrt].dependence
        below = [rough.smoothness for expr, rough in places(self.facts, node.value) if self._depends(expr, names)]
        if not below or max(below) is Smoothness.SMOOTH:
            return None
        once = max(below) is Smoothness.ONCE and node.operator != "hessian"
        found = Smoothness.NONSMOOTH if once else Smoothness.DISCONTINUOUS
        where = "a kink of what is differentiated"
        return Rough(found, node.operator, where, "a smooth function to differentiate", is_certain=False)

    def _depends(self, expr: Expr, names: Dependence) -> bool:
        own = self.facts[expr].dependence
        return bool(own.vars & names.vars or own.params & names.params or own.binders & names.binders)
