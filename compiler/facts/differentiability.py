"""Where derivatives stop telling the truth: choices that move with real quantities, and jumps.

``if a > 0 then f else g`` has the derivative of the branch taken, which is one of the whole where f and g meet at the
seam. ``floor``, ``ceil``, ``round``, ``sign`` have the derivative 0 wherever they have one, and none at a jump.
"""

from __future__ import annotations

from collections.abc import Iterator

from karush.compiler.dependence import children, walk
from karush.compiler.facts.classify import problem_roots
from karush.compiler.facts.fact import Facts, text_of
from karush.compiler.model import Apply, Expr, Kind, Model, Reduce
from karush.compiler.wording import warning
from karush.dsl.diagnostics import Diagnostic, Label
from karush.stdlib.lattice import Smoothness


def doubtful_derivatives(model: Model, facts: Facts) -> list[Diagnostic]:
    """W0705 for every choice, W0706 for every jump that an output or the problem depends on."""
    if not any(_is_choice(node) or fact.smoothness is Smoothness.DISCONTINUOUS for node, fact in facts.table.items()):
        return []
    roots = differentiated(model)
    tests = set(conditions(roots))
    found: list[Diagnostic] = []
    for node in walk(*roots, known=tests):
        match node:
            case Apply(atom="if", arguments=(test, *_)) if _moves(model, facts, test):
                found.append(_choice(test))
            case Apply(kind=Kind.REAL) if _jumps(facts, node, tests) and _moves(model, facts, node):
                found.append(_jump(node))
    return found


def _is_choice(node: Expr) -> bool:
    return isinstance(node, Apply) and node.atom == "if"


def differentiated(model: Model) -> tuple[Expr, ...]:
    """The expressions whose derivatives are asked for: outputs, objective, rows."""
    return (*(let for let in model.lets.values() if let.kind is not Kind.BOOLEAN), *problem_roots(model))


def choices(model: Model, facts: Facts) -> Iterator[Expr]:
    """The conditions that choose between branches and move with real quantities."""
    for node in walk(*differentiated(model)):
        match node:
            case Apply(atom="if", arguments=(test, *_)) if _moves(model, facts, test):
                yield test


def conditions(roots: tuple[Expr, ...]) -> Iterator[Expr]:
    """Expressions that only choose: no derivative goes through them."""
    for node in walk(*roots):
        match node:
            case Apply(atom="if", arguments=(test, *_)):
                yield test
            case Reduce(condition=Expr() as test):
                yield test


def _moves(model: Model, facts: Facts, node: Expr) -> bool:
    """Does it depend on an unknown, or on a param that is a real number?"""
    dependence = facts[node].dependence
    real = (name for name in dependence.params if name in model.params and model.params[name].kind is Kind.REAL)
    return bool(dependence.vars) or next(real, None) is not None


def _jumps(facts: Facts, node: Apply, tests: set[Expr]) -> bool:
    """Is this the node that brings a jump in?"""
    below = [facts[child].smoothness for child in children(node) if child not in tests]
    return facts[node].smoothness is Smoothness.DISCONTINUOUS and Smoothness.DISCONTINUOUS not in below


def _choice(test: Expr) -> Diagnostic:
    return warning(
        "W0705",
        "the derivative is that of the branch taken",
        (Label(test.span, f"`{text_of(test)}` changes sides as its quantities move"),),
        "nothing, where both branches agree at the seam; else a smooth or a continuous form (`clip`, `sigmoid`)",
    )


def _jump(node: Apply) -> Diagnostic:
    return warning(
        "W0706",
        f"`{node.atom}` jumps: its derivative is 0 and tells nothing",
        (Label(node.span, "no derivative at the jumps, 0 between them"),),
        "a continuous form (`clip`, `sigmoid`, `tanh`), if its derivative is asked for",
    )
