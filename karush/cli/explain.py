"""``karush explain``: the page of an error code, or what a model is and why."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import click

from karush.cli.exits import DONE
from karush.cli.options import Verb, data_options, not_available
from karush.cli.session import look_at, open_model, usage
from karush.compiler.analyse import Analysis
from karush.compiler.facts.differentiability import differentiated
from karush.compiler.facts.fact import Facts
from karush.compiler.facts.guards import guarded_lines
from karush.compiler.facts.verdicts import verdicts
from karush.compiler.model import Model
from karush.compiler.show.curvature import why_not_convex
from karush.compiler.show.solver import candidates_of, inner_parts, solver_lines
from karush.compiler.show.text import call_words
from karush.dsl.code import Code
from karush.dsl.codes import CODES
from karush.dsl.spelling import closest
from karush.stdlib.lattice import Smoothness

CODE = re.compile(r"[EWR]\d{4}", re.IGNORECASE)


@click.command(cls=Verb, help="Explain an error code (E0301), or the class, solver and derivatives of a model.")
@click.argument("subject", metavar="CODE|FILE")
@data_options
@click.option("--infeasible", is_flag=True, help="With these data: which conditions conflict, and what to relax.")
@click.option("--format", "style", type=click.Choice(["full", "concise", "json", "sarif"]), help="With --infeasible.")
def explain(subject: str, data: tuple[str, ...], settings: tuple[str, ...], infeasible: bool, style: str | None) -> int:
    """A code's page, or a file's explanation."""
    is_file = subject == "-" or Path(subject).exists()
    if infeasible:
        return explain_infeasible(subject, data, settings, style or "full", is_file=is_file)
    if data or settings or style is not None:
        raise not_available("explain -d, -p and --format without --infeasible")
    if CODE.fullmatch(subject) and not Path(subject).exists():
        click.echo(page(subject.upper()), nl=False)
    elif is_file:
        click.echo(explain_file(look_at(subject)), nl=False)
    else:
        raise usage(f"{subject!r} is neither a file nor a code such as E0301")
    return DONE


def explain_infeasible(
    subject: str, data: tuple[str, ...], settings: tuple[str, ...], style: str, *, is_file: bool
) -> int:
    """Why the model has no solution for its data; what solves is imported only here."""
    if not is_file:
        raise usage(f"{subject!r} is no file: --infeasible explains a model with its data")
    solving = importlib.import_module("karush.cli.solving")
    options = solving.Options(subject, data, settings, (), None, "f64", None, None, False, False, False)
    solving.check_usage(options)
    explaining = importlib.import_module("karush.cli.explaining")
    code: int = explaining.explain_solution(open_model(subject), options, style)
    return code


def page(code: str) -> str:
    """The page of a code: what, why, what to type, the smallest file that shows it."""
    entry = CODES.get(code)
    if entry is None:
        near = closest(code, CODES)
        raise usage(f"there is no code {code}" + (f"; did you mean {near}?" if near else f" ({', '.join(CODES)})"))
    return show_page(entry)


def show_page(entry: Code) -> str:
    """A page as text."""
    lines = [f"{entry.code}: {entry.title}", "", entry.why, "", f"Instead: {entry.repair}"]
    shown = [("For example", entry.trigger, entry.data), ("Mended", entry.mended, entry.mended_data)]
    for title, text, data in shown:
        if text is not None:
            lines += ["", f"{title}:", *(f"    {line}" for line in text.rstrip().splitlines())]
        if data is not None:
            lines += ["  with data.json:", f"    {data}"]
    if entry.command != "check":
        lines += ["", f"Found by: {spelled(entry.command)}"]
    if entry.mended_command is not None:
        lines.append(f"Mended by: {spelled(entry.mended_command)}")
    return "\n".join(lines) + "\n"


def spelled(command: str) -> str:
    """A verb and its options, with the file between them."""
    verb, _, options = command.partition(" ")
    return f"karush {verb} model.opt {options}"


def explain_file(analysis: Analysis) -> str:
    """Class, convexity and its reasons, how smooth its functions are, solver, and what the derivatives are."""
    kind, model, facts = analysis.classification, analysis.model, analysis.facts
    assert kind is not None and model is not None and facts is not None
    lines = [f"{model.name}: {kind.problem_class}"]
    if kind.convex:
        lines += ["convex, because", *(f"  {reason}" for reason in kind.reasons)]
    elif kind.convex is False:
        lines += ["not convex, as written, because", *indented(why_not_convex(model, facts))]
    if kind.graph_atoms:
        names = dict.fromkeys(" ".join(node.span.text.split()) for node in kind.graph_atoms)
        lines += ["replaced by their graph forms", *(f"  {name}" for name in names)]
    lines += ["functions", *(f"  {line}" for line in differentiability(model, facts))]
    lines += ["solver", *(f"  {line}" for line in solver_lines(analysis.whole))]
    if len(candidates_of(analysis.whole)) > 1:
        lines.append("  (which one is known with the sizes: `karush show FILE -d DATA` says it with its reason)")
    lines += ["derivatives", *(f"  {line}" for line in DERIVATIVES.get(kind.problem_class, NO_DERIVATIVES))]
    for model, part in inner_parts(analysis):
        lines += [f"inner problem {call_words(model)}: {part.classification.problem_class}"]
        lines += [f"  {line}" for line in solver_lines(part)]
    return "\n".join(lines) + "\n"


def indented(text: str) -> list[str]:
    """The lines of a text, further right."""
    return [f"  {line}".rstrip() for line in text.splitlines()]


def differentiability(model: Model, facts: Facts) -> list[str]:
    """The verdict on every output and on the problem; under it the places where there is no ordinary derivative."""
    told = list(verdicts(model, facts))
    if all(verdict.smoothness is Smoothness.SMOOTH for verdict in told):
        return ["smooth in all params and unknowns"]
    lines: dict[str, None] = {}
    for verdict in told:
        lines |= dict.fromkeys([verdict.line, *(f"  {place.line}" for place in verdict.places)])
    return [*lines, *dict.fromkeys(guarded_lines(facts, differentiated(model)))]


NO_DERIVATIVES = ("none yet: they come with the solver",)
CONES = (
    "objective: unique where the multipliers are, by the envelope formula",
    "vars, lets and duals: unique where the solution is and no row stands at a kink of its cone,",
    "  conservative at a kink, undefined where the solution is not unique",
)
DERIVATIVES = {
    "FUNCTION": (
        "exact, by the chain rule: outputs are unique where every function in them is differentiable",
        "conservative at a tie (relu at 0, max of equal entries): one element, by the stated rule",
    ),
    "LP": (
        "objective: unique where the multipliers are, by the envelope formula, also where x is not unique",
        "vars and lets: unique at a vertex with strict complementarity, conservative where a row is weakly active,",
        "  undefined where the solution is not unique",
        "duals: unique where they are determined by the active rows",
    ),
    "QP": (
        "objective: unique where the multipliers are, by the envelope formula",
        "vars and lets: unique where no row is weakly active, conservative where one is,",
        "  undefined where the solution is not unique (a singular quadratic term)",
        "duals: unique where the gradients of the active rows are independent",
    ),
    "SOCP": CONES,
    "EXP": CONES,
    "SDP": CONES,
    "NLP": (
        "those of the convex problem at the optimal level of the quotient, with the level as a function of the params",
    ),
    "GP": (
        "those of the problem in the logarithms of the unknowns, brought back by the chain rule:",
        "  the objective by the envelope formula, vars and duals where they are unique there",
    ),
}

COMMANDS = {"explain": explain}
