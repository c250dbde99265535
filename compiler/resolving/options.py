"""``using`` and ``derivative``: names, options and their constant values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeGuard

from karush.compiler.library import Library
from karush.compiler.messages import option_messages
from karush.compiler.messages.form_messages import listed
from karush.compiler.model import Choice
from karush.compiler.names.context import Context
from karush.compiler.resolving.option_values import OPTION_VALUES, OptionValue
from karush.dsl import ast
from karush.dsl.diagnostics import Diagnostic
from karush.stdlib.primitive_names import NUMBERED, TIE_WORDS, TIED

COMMON = ("tol", "max_iter")
SMOOTH = ("NLP", "NLS", "GP")


@dataclass(frozen=True)
class Family:
    """A family of solvers: its options, the classes it takes, and whether it runs already."""

    options: tuple[str, ...]
    classes: tuple[str, ...]
    available: bool = False


SOLVERS: Mapping[str, Family] = {
    "ipm": Family(
        (*COMMON, "mu_final", "curvature"),
        ("LP", "QP", "SOCP", "SDP", "EXP", *SMOOTH, "COMPLEMENTARITY"),
        available=True,
    ),
    "active_set": Family(COMMON, ("QP",), available=True),
    "knapsack": Family(COMMON, ("QP",), available=True),
    "clarabel": Family(COMMON, ("LP", "QP", "SOCP", "SDP", "EXP"), available=True),
    "highs": Family(COMMON, ("LP", "QP"), available=True),
    "osqp": Family(COMMON, ("LP", "QP"), available=True),
    "scs": Family(COMMON, ("LP", "QP", "SOCP", "SDP", "EXP"), available=True),
    "pdhg": Family(COMMON, ("LP", "QP", "SOCP", "SDP", "EXP", "SADDLE"), available=True),
    "bisection": Family(COMMON, ("NLP",), available=True),
    "proximal_gradient": Family((*COMMON, "accelerate"), ("LP", "QP", "SOCP", "EXP", "NLP", "NLS")),
    "mirror_descent": Family(COMMON, ("LP", "QP", "EXP", "NLP", "SADDLE")),
    "block_coordinate": Family(COMMON, ("QP", "NLP", "NLS")),
    "sinkhorn": Family(COMMON, ("EXP",)),
    "newton": Family(COMMON, (*SMOOTH, "ROOT", "FIXPOINT", "COMPLEMENTARITY")),
    "anderson": Family((*COMMON, "memory"), ("FIXPOINT", "ROOT")),
    "bfgs": Family(COMMON, (*SMOOTH, "BILEVEL")),
    "lbfgs": Family((*COMMON, "memory"), (*SMOOTH, "BILEVEL")),
    "gauss_newton": Family(COMMON, ("NLS",)),
    "levenberg_marquardt": Family(COMMON, ("NLS", "ROOT")),
}
"""Families of solvers by name."""

SOLVED = frozenset({"LP", "QP", "SOCP", "SDP", "EXP"})
"""Classes that are solved, by one solver or another."""

OPTIONS_TO_COME = frozenset({"mu_final"})
"""Options of solvers that are known and do nothing yet: to ask for one is refused, not ignored."""

DERIVATIVES: Mapping[str, tuple[str, ...]] = {
    "implicit": ("linear", "active"),
    "unroll": ("steps", "checkpoint"),
    "one_step": (),
    "piggyback": ("steps",),
}
"""Methods of differentiation with their options."""


OF_TWO = {"max": "maximum", "min": "minimum"}
"""What ``max(a, b)`` and ``min(a, b)`` are called as atoms; numbers are for these two, words for arrays too."""

WHOLE_FILE = "*"
"""Where a file states one word for all of them, as stdlib/primitives/ties.py reads it."""

FILE_WORDS = tuple(word for word in TIE_WORDS if word.isidentifier())
"""The words for elements at ties that a file may state; least norm is what stands without a rule."""


def resolve_using(context: Context, node: ast.Using) -> Choice | None:
    """``using ipm(tol = 1e-8)``."""
    if node.name not in SOLVERS:
        context.report(option_messages.unknown_solver(node, SOLVERS))
        return None
    options = _options(context, node.name, node.options, SOLVERS[node.name].options)
    return None if options is None else Choice(node.name, options, node.span)


def solver_fit(choice: Choice | None, problem_class: str) -> Diagnostic | None:
    """Whether the solver that a file asks for takes the class of its problem, and runs already."""
    if choice is None or problem_class == "FUNCTION":
        return None
    family = SOLVERS[choice.name]
    if problem_class not in family.classes:
        fitting = [name for name, other in SOLVERS.items() if problem_class in other.classes]
        return option_messages.unfit_solver(choice, problem_class, fitting)
    if not family.available and problem_class in SOLVED:
        return option_messages.solver_to_come(choice)
    coming = [name for name in choice.options if name in OPTIONS_TO_COME]
    return option_messages.option_to_come(choice, coming[0]) if coming else None


def derivative_fit(choice: Choice | None, problem_class: str) -> Diagnostic | None:
    """Whether the method of differentiation that a file asks for is there already."""
    if choice is None or problem_class not in SOLVED or (choice.name == "implicit" and "linear" not in choice.options):
        return None
    return option_messages.derivative_to_come(choice)


def resolve_derivative(context: Context, node: ast.Derivative) -> Choice | None:
    """``derivative implicit(active = 1e-6)``."""
    if node.name not in DERIVATIVES:
        context.report(option_messages.unknown_derivative(node, (*DERIVATIVES, "rule")))
        return None
    options = _options(context, node.name, node.options, DERIVATIVES[node.name])
    return None if options is None else Choice(node.name, options, node.span)


def resolve_rules(context: Context, node: ast.Derivative) -> dict[str, float | str]:
    """``derivative rule(torch, relu = 0.5, max = left)``: atom to the element of its derivative at a tie.

    A word alone is for all atoms that are not named.
    """
    rules: dict[str, float | str] = {}
    library = context.session.library
    for option in node.options:
        value = constant_value(option.value)
        if option.name is None and isinstance(value, str) and value in FILE_WORDS and WHOLE_FILE not in rules:
            rules[WHOLE_FILE] = value
            continue
        atom = library.atom(option.name or "")
        found = rule_names(library, option.name or "", is_word=value in FILE_WORDS)
        if atom is None:
            context.report(option_messages.rule_of_unknown_atom(option, tied_atoms(library)))
        elif not found:
            context.report(option_messages.rule_without_tie(option, tied_atoms(library)))
        elif value not in FILE_WORDS and not _is_number(value):
            context.report(option_messages.option_value(option, f"a number, or one of {listed(FILE_WORDS)},"))
        elif not rules.keys().isdisjoint(found):
            context.report(option_messages.option_twice(option))
        else:
            rules.update(dict.fromkeys(found, value if isinstance(value, str) else float(value)))
    return rules


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def rule_names(library: Library, name: str, *, is_word: bool) -> tuple[str, ...]:
    """The atoms that a choice for a name is meant for: of ``max`` that of two and, by a word, that of an array too.

    None where the name has no tie, or none that a number could be chosen for.
    """
    names = (OF_TWO[name], name) if name in OF_TWO else (name,)
    atoms = [(n, library.atom(n)) for n in names]
    allowed = TIED if is_word else NUMBERED
    return tuple(n for n, atom in atoms if atom is not None and atom.primitive in allowed)


def tied_atoms(library: Library) -> list[str]:
    """The atoms whose element at a tie can be stated."""
    found = ((name, library.atom(name)) for name in sorted(library.atom_names()))
    return [name for name, atom in found if atom is not None and atom.primitive in TIED]


def _options(
    context: Context, name: str, given: tuple[ast.Argument, ...], known: tuple[str, ...]
) -> dict[str, OptionValue] | None:
    found: dict[str, OptionValue] = {}
    sound = True
    for option in given:
        value = constant_value(option.value)
        finding = None
        if option.name is None or option.name not in known:
            finding = option_messages.unknown_option(option, name, known)
        elif option.name in found:
            finding = option_messages.option_twice(option)
        elif value is None:
            finding = option_messages.option_value(option, "a number, a truth value or a word")
        elif option.name in OPTION_VALUES and not OPTION_VALUES[option.name].takes(value):
            wanted = OPTION_VALUES[option.name]
            finding = option_messages.unfit_option_value(option, wanted.words, wanted.example)
        if finding is not None or value is None or option.name is None:
            if finding is not None:
                context.report(finding)
            sound = False
            continue
        found[option.name] = value
    return found if sound else None


def constant_value(node: ast.Expr) -> OptionValue | None:
    """The plain value of an option; None where it is none."""
    match node:
        case ast.Number() | ast.Boolean() | ast.String():
            return node.value
        case ast.Name():
            return node.id
        case ast.Unary(operator="-" | "+" as sign, operand=ast.Number(value=value)):
            return -value if sign == "-" else value
    return None
