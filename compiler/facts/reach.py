"""Which rough places an expression has, and which of them its choices never meet.

In ``if |x| <= d then x²/2 else d (|x| - d/2)`` the tie of |x| lies at x = 0, where 0 >= d would have to hold for the
second branch: with d > 0 it is never met there.
"""

from __future__ import annotations

from collections.abc import Iterator

from karush.compiler.dependence import children
from karush.compiler.facts import rational_polynomials as exact
from karush.compiler.facts.fact import Facts, Rough
from karush.compiler.facts.pieces import ARITHMETIC, Reader, Scene, cases
from karush.compiler.facts.rational_polynomials import Polynomial, TooLargeError
from karush.compiler.facts.seams import switches_of
from karush.compiler.model import Apply, Expr, Named, Reduce
from karush.stdlib.lattice import Smoothness
from karush.stdlib.primitive_names import ELEMENTWISE

AT_ZERO = frozenset(
    ("abs", "relu", "neg_part", "leaky_relu", "elu", "sqrt", "log", "xlogx", "entropy", "inv_pos", "sign", "power")
)
Skipped = frozenset[Expr]
NONE: Skipped = frozenset()


def places(facts: Facts, *roots: Expr) -> Iterator[tuple[Expr, Rough]]:
    """The rough places below expressions, each once, without those that are never met. Conditions only choose."""
    told: set[Expr] = set()
    for node, skipped in reached(facts, *roots):
        rough = facts.rough.get(node)
        if rough is not None and node not in skipped and node not in told:
            told.add(node)
            yield node, rough


def reached(facts: Facts, *roots: Expr, to_names: bool = False) -> Iterator[tuple[Expr, Skipped]]:
    """The expressions below these that are less than smooth, with the places that are never met on the way there.

    With ``to_names`` what a let stands for is left out.
    """
    pending: list[tuple[Expr, Skipped]] = [(root, NONE) for root in reversed(roots)]
    seen: set[tuple[Expr, Skipped]] = set()
    while pending:
        node, skipped = pending.pop()
        node = facts.smoother.get(node, node)
        if (node, skipped) in seen or node not in facts or facts[node].smoothness is Smoothness.SMOOTH:
            continue
        seen.add((node, skipped))
        yield node, skipped
        if not (to_names and isinstance(node, Named)):
            pending += reversed(_below(facts, node, skipped))


def _below(facts: Facts, node: Expr, skipped: Skipped) -> list[tuple[Expr, Skipped]]:
    match node:
        case Apply(atom="if", arguments=(_, *branches)):
            unreached = facts.unreached.get(node, (NONE, NONE))
            return [(branch, skipped | more) for branch, more in zip(branches, unreached, strict=True)]
        case Reduce():
            return [(node.body, skipped)]
    return [(child, skipped) for child in children(node)]


def worst(facts: Facts, root: Expr, skipped: Skipped) -> Smoothness:
    """How smooth an expression is where some places in it are never met."""
    if not skipped:
        return facts[root].smoothness
    found = (rough.smoothness for node, rough in places(facts, root) if node not in skipped)
    return max(found, default=Smoothness.SMOOTH)


def unreached(scene: Scene, test: Expr, branch: Expr, *, holds: bool) -> Skipped:
    """The rough places of a branch that are never met where the condition holds (or does not), proved exactly."""
    entrywise, other = _reached(scene, branch)
    return frozenset(node for node in entrywise - other if _is_unmet(scene, node, test, holds=holds))


def _reached(scene: Scene, branch: Expr) -> tuple[set[Expr], set[Expr]]:
    """The rough places that are taken entry by entry with the branch, and those that are met in another way."""
    entrywise: set[Expr] = set()
    other: set[Expr] = set()
    pending = [branch]
    while pending:
        node = pending.pop()
        if node in entrywise or scene.facts[node].smoothness is Smoothness.SMOOTH:
            continue
        match node:
            case Named():
                pending.append(node.value)
            case Apply(arguments=(inner,)) if primitive_of(scene, node) == "norm2":
                entrywise.add(node)
                other |= {below for below, _ in places(scene.facts, inner)}
            case Apply() if node.atom in ARITHMETIC or primitive_of(scene, node) in ELEMENTWISE:
                entrywise.add(node)
                pending += node.arguments[1:] if node.atom == "if" else node.arguments
            case _:
                other |= {below for below, _ in places(scene.facts, node)}
    return {node for node in entrywise if node in scene.facts.rough}, other


def primitive_of(scene: Scene, node: Apply) -> str | None:
    """The primitive that an atom's value is."""
    atom = None if node.atom in ARITHMETIC else scene.library.atom(node.atom)
    return None if atom is None else atom.primitive


def _is_unmet(scene: Scene, node: Expr, test: Expr, *, holds: bool) -> bool:
    assert isinstance(node, Apply)
    rough = scene.facts.rough[node]
    if rough.smoothness <= Smoothness.ONCE:
        return False

    def read(reader: Reader) -> bool:
        at = _zeros(reader, node)
        return bool(at) and all(_is_excluded(reader, zero, test, holds=holds) for zero in at)

    try:
        return cases(scene, read)
    except TooLargeError:
        return False


def _is_excluded(reader: Reader, zero: Polynomial, test: Expr, *, holds: bool) -> bool:
    """Does the condition exclude the points where a polynomial is 0?"""
    if exact.value_of(zero):
        return True
    reader.at_zero_of(zero)
    return _is_contradicted(reader, test, holds=holds) or reader.is_impossible(reader.where)


def _is_contradicted(reader: Reader, test: Expr, *, holds: bool) -> bool:
    """Is it impossible that the condition holds (or does not)?"""
    match test:
        case Named(value=value):
            return _is_contradicted(reader, value, holds=holds)
        case Apply(atom="not", arguments=(inner,)):
            return _is_contradicted(reader, inner, holds=not holds)
        case Apply(atom="and" | "or", arguments=parts):
            contradicted = [_is_contradicted(reader, part, holds=holds) for part in parts]
            return any(contradicted) if (test.atom == "and") == holds else all(contradicted)
    return reader.is_impossible(list(reader.conditions(test, holds=holds)))


def _zeros(reader: Reader, node: Apply) -> list[Polynomial]:
    """Polynomials one of which is 0 wherever the rough place of a node is met; none where it is not known."""
    name = primitive_of(reader.scene, node) or node.atom
    if name == "if":
        switches = [switch.comparison for switch in switches_of(reader.scene.facts, node.arguments[0])]
        return [_difference(reader, *switch.arguments) for switch in switches if len(switch.arguments) == 2]
    given = node.arguments
    if name == "norm2":
        return [reader.polynomial(node)]
    if name in AT_ZERO:
        return [reader.polynomial(given[0])]
    if name == "divide":
        return [reader.polynomial(given[1])]
    if name == "clip":
        return [_difference(reader, given[0], bound) for bound in given[1:]]
    if name in ("maximum", "minimum") and len(given) == 2:
        return [_difference(reader, *given)]
    return []


def _difference(reader: Reader, left: Expr, right: Expr) -> Polynomial:
    return exact.add(reader.polynomial(left), reader.polynomial(right), -1)
