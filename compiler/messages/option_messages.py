"""The wording of findings about ``using``, ``--solver`` and ``derivative`` (E0605 to E0607, W0612, E0702)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from karush.compiler.messages.form_messages import listed
from karush.compiler.model import Choice
from karush.compiler.wording import error, nearest, warning
from karush.dsl import ast
from karush.dsl.diagnostics import Diagnostic, Label
from karush.dsl.source import Span


def unknown_solver(node: ast.Using, known: Iterable[str]) -> Diagnostic:
    """E0605."""
    names = list(known)
    meant = nearest(node.name, names)
    fix = f"using {meant}" if meant else "take one of these, or leave `using` out"
    note = f"solvers: {listed(names)}"
    return error("E0605", f"unknown solver `{node.name}`", (Label(node.span),), fix, note=note)


def unfit_solver(choice: Choice, problem_class: str, fitting: Iterable[str]) -> Diagnostic:
    """E0606."""
    note = f"solvers for {problem_class}: {listed(fitting)}"
    message = f"`{choice.name}` takes no problems of class {problem_class}"
    return error("E0606", message, (Label(choice.span),), "take one of these, or leave `using` out", note=note)


def refused_solver(span: Span, name: str, reason: str) -> Diagnostic:
    """E0606: a solver that takes the class, but not this problem of it."""
    label = Label(span, reason)
    return error("E0606", f"`{name}` does not take this problem", (label,), "take another one, or let karush choose")


def unfit_flag(span: Span, name: str, problem_class: str, fitting: Iterable[str]) -> Diagnostic:
    """E0606 of ``--solver``: the span is that of the problem."""
    note = f"solvers for {problem_class}: {listed(fitting)}"
    message = f"`--solver {name}` takes no problems of class {problem_class}"
    label = Label(span, f"a problem of class {problem_class}")
    return error("E0606", message, (label,), "take one of these, or leave `--solver` out", note=note)


def bisection_by_flag(span: Span) -> Diagnostic:
    """E0606 of ``--solver bisection``, where the model is not stated for it."""
    label = Label(span, "solved as it stands, not by bisection")
    return error("E0606", "`--solver bisection` comes too late", (label,), "write `using bisection` in the file")


def solver_to_come(choice: Choice) -> Diagnostic:
    """W0612: a family whose work has not come."""
    label = Label(choice.span, "solved by the solver that is chosen without this line")
    return warning("W0612", f"`{choice.name}` is still to come", (label,), "leave `using` out")


def derivative_to_come(choice: Choice) -> Diagnostic:
    """W0612: a method of differentiation whose work has not come."""
    label = Label(choice.span, "differentiated implicitly, with the solver's own factorisation")
    if choice.name == "implicit":
        return warning("W0612", "`linear` of `derivative implicit` is still to come", (label,), "leave `linear` out")
    return warning("W0612", f"`derivative {choice.name}` is still to come", (label,), "leave `derivative` out")


def option_to_come(choice: Choice, option: str) -> Diagnostic:
    """E0190: an option whose work has not come."""
    label = Label(choice.span, "a later version will take it")
    return error("E0190", f"`{option}` of `using {choice.name}`: not available yet", (label,), f"leave `{option}` out")


def unknown_derivative(node: ast.Derivative, known: Iterable[str]) -> Diagnostic:
    """E0702."""
    names = list(known)
    meant = nearest(node.name, names)
    fix = f"derivative {meant}" if meant else "take one of these, or leave the line out"
    note = f"methods: {listed(names)}"
    return error("E0702", f"unknown derivative method `{node.name}`", (Label(node.span),), fix, note=note)


def unknown_option(option: ast.Argument, name: str, known: Sequence[str]) -> Diagnostic:
    """E0607."""
    if option.name is None:
        label = Label(option.span, "an option has a name")
        return error("E0607", f"the options of `{name}` have names", (label,), f"{(known or ('tol',))[0]} = …")
    longer = (k for k in known if option.name.startswith(k) or k.startswith(option.name))
    meant = nearest(option.name, known) or next(longer, None)
    shown = f"options: {listed(known)}" if known else "it has no options"
    label = Label(option.span, shown)
    fix = f"did you mean `{meant}`?" if meant else "take one of these, or leave it out"
    return error("E0607", f"`{name}` has no option `{option.name}`", (label,), fix)


def option_twice(option: ast.Argument) -> Diagnostic:
    """E0607."""
    return error("E0607", f"the option `{option.name}` is given twice", (Label(option.span),), "drop one of the two")


def option_value(option: ast.Argument, wanted: str) -> Diagnostic:
    """E0607."""
    label = Label(option.value.span, f"{wanted} is wanted")
    return error("E0607", f"the value of `{option.name}` is not fixed", (label,), "options do not depend on the data")


def unfit_option_value(option: ast.Argument, wanted: str, example: str) -> Diagnostic:
    """E0607: a plain value that the option does not take."""
    label = Label(option.value.span, f"`{option.name}` takes {wanted}")
    fix = f"for example `{option.name} = {example}`"
    return error("E0607", f"the value of `{option.name}` does not fit", (label,), fix)


def rule_of_unknown_atom(option: ast.Argument, tied: Sequence[str]) -> Diagnostic:
    """E0607: ``derivative rule(name = …)`` with a name of no atom; ``tied`` are the atoms that have a tie."""
    name = option.name or ""
    meant = nearest(name, tied)
    fix = f"did you mean `{meant}`?" if meant else "name an atom: `derivative rule(relu = 0.5)`"
    return error("E0607", f"there is no atom `{name}`" if name else "a rule names an atom", (Label(option.span),), fix)


def rule_without_tie(option: ast.Argument, tied: Sequence[str]) -> Diagnostic:
    """E0607: ``derivative rule(name = …)`` with an atom that has no tie to choose at."""
    fix = f"atoms with one: {listed(tied)}"
    return error("E0607", f"`{option.name}` has no tie whose derivative can be chosen", (Label(option.span),), fix)
