"""Products of functions of one quantity that move the same way.

Let f and g be functions of one real quantity u, affine in the unknowns. Where f, g >= 0 are convex and both
nondecreasing or both nonincreasing in u, f g is convex: (fg)″ = f″g + 2f′g′ + fg″ >= 0. Where they are concave and move
against each other, f g is concave. Of several quantities neither holds (x y of x, y >= 0). Arrays are functions of one
quantity entry by entry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from karush.compiler.facts.fact import NOT_REDUCIBLE, Fact, Facts, text_of
from karush.compiler.facts.same import Sameness
from karush.compiler.facts.terms import unnamed
from karush.compiler.library import Library
from karush.compiler.model import Apply, Expr
from karush.stdlib.lattice import Curvature, Monotonicity

DEEPEST = 24
"""Of a longer way down to the quantity nothing is told."""

UP, DOWN = Monotonicity.NONDECREASING, Monotonicity.NONINCREASING

Direction = tuple[int, Monotonicity]
"""The key of the quantity, and how the expression moves with it."""


class Directions:
    """How expressions move with the one quantity that they depend on."""

    def __init__(self, facts: Facts, library: Library, sameness: Sameness) -> None:
        self._facts, self._library, self._key = facts, library, sameness.key
        self._known: dict[Expr, Direction | None] = {}

    def product(self, node: Apply, found: Fact) -> Fact:
        """The fact of a product without curvature, where the rule above gives it one."""
        left, right = node.arguments
        curvature = self._curvature(left, right)
        if curvature is Curvature.UNKNOWN:
            return found
        reason = f"{text_of(node)} is {curvature.value}: both parts are functions of one quantity"
        return replace(found, curvature=curvature, reduced=NOT_REDUCIBLE, reason=reason)

    def _curvature(self, left: Expr, right: Expr) -> Curvature:
        first, second = self.of(left), self.of(right)
        if first is None or second is None or first[0] != second[0]:
            return Curvature.UNKNOWN
        a, b = self._facts[left], self._facts[right]
        bends, positive = (a.curvature, b.curvature), a.interval.is_nonnegative and b.interval.is_nonnegative
        if a.interval.is_nonpositive and b.interval.is_nonpositive:
            bends, positive = (-bends[0], -bends[1]), True
        if positive and first[1] is second[1] and all(bend.is_convex for bend in bends):
            return Curvature.CONVEX
        if positive and first[1] is not second[1] and all(bend.is_concave for bend in bends):
            return Curvature.CONCAVE
        return Curvature.UNKNOWN

    def of(self, expr: Expr, depth: int = 0) -> Direction | None:
        """The quantity and the way; None where there are several quantities, or it turns."""
        node = unnamed(expr)
        if node not in self._known:
            self._known[node] = None if depth > DEEPEST else self._find(node, depth + 1)
        return self._known[node]

    def _find(self, node: Expr, depth: int) -> Direction | None:
        fact = self._facts[node]
        if isinstance(node, Apply) and not fact.is_constant:
            rule = RULES.get(node.atom)
            found = rule(self, node, depth) if rule is not None else self._atom(node, depth)
            if found is not None:
                return found
        return (self._key(node), UP) if fact.is_affine and not fact.is_constant else None

    # ------------------------------------------------------------ the rules

    def _atom(self, node: Apply, depth: int) -> Direction | None:
        """Of an elementwise atom, or max and min, by its declaration."""
        atom = self._library.atom(node.atom)
        if atom is None or any(a.shape not in ((), node.shape) for a in node.arguments):
            return None
        pairs = [(p, a) for p, a in zip(atom.params, node.arguments, strict=False) if not self._facts[a].is_constant]
        moves = [atom.monotonicity_in(p.name, self._facts[a].interval) for p, a in pairs]
        inner = [self._turned(self.of(a, depth), move) for (_, a), move in zip(pairs, moves, strict=True)]
        return _agreed(inner)

    def _sum(self, node: Apply, depth: int) -> Direction | None:
        left, right = node.arguments
        signs = (UP, DOWN if node.atom == "subtract" else UP)
        varying = [(a, sign) for a, sign in zip((left, right), signs, strict=True) if not self._facts[a].is_constant]
        return _agreed([self._turned(self.of(a, depth), sign) for a, sign in varying])

    def _negative(self, node: Apply, depth: int) -> Direction | None:
        return self._turned(self.of(node.arguments[0], depth), DOWN)

    def _multiple(self, node: Apply, depth: int) -> Direction | None:
        left, right = node.arguments
        if self._facts[left].is_constant or self._facts[right].is_constant:
            constant, inner = (left, right) if self._facts[left].is_constant else (right, left)
            return self._turned(self.of(inner, depth), self._sign(constant))
        if not all(self._facts[a].interval.is_nonnegative for a in (left, right)):
            return None
        return _agreed([self.of(left, depth), self.of(right, depth)])

    def _quotient(self, node: Apply, depth: int) -> Direction | None:
        above, below = node.arguments
        if self._facts[below].is_constant:
            return self._turned(self.of(above, depth), self._sign(below))
        if not self._facts[above].is_constant or not self._facts[below].interval.is_nonnegative:
            return None
        return self._turned(self._turned(self.of(below, depth), DOWN), self._sign(above))

    def _power(self, node: Apply, depth: int) -> Direction | None:
        base, exponent = (self._facts[a] for a in node.arguments)
        if not base.interval.is_nonnegative or not exponent.is_constant:
            return None
        move = UP if exponent.interval.is_nonnegative else DOWN if exponent.interval.is_nonpositive else None
        return None if move is None else self._turned(self.of(node.arguments[0], depth), move)

    def _sign(self, constant: Expr) -> Monotonicity:
        interval = self._facts[constant].interval
        return UP if interval.is_nonnegative else DOWN if interval.is_nonpositive else Monotonicity.UNKNOWN

    @staticmethod
    def _turned(inner: Direction | None, move: Monotonicity) -> Direction | None:
        """The direction of what moves so with a part of this direction."""
        if inner is None or move is Monotonicity.UNKNOWN:
            return None
        return inner[0], UP if inner[1] is move else DOWN


def _agreed(found: list[Direction | None]) -> Direction | None:
    """The direction that all have."""
    return found[0] if found and all(one == found[0] for one in found) else None


RULES: dict[str, Callable[[Directions, Apply, int], Direction | None]] = {
    "add": Directions._sum,
    "subtract": Directions._sum,
    "negate": Directions._negative,
    "multiply": Directions._multiple,
    "divide": Directions._quotient,
    "power": Directions._power,
}
"""Signs of the language; all else is declared in the library."""
