"""``karush check``: find errors in models without running them. Imports neither JAX nor, without data, NumPy."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Sequence
from typing import Any

import click

from karush.cli.exits import DONE, WRONG
from karush.cli.options import Existing, OneOf, Verb, Words, later
from karush.cli.session import analyse_file, colours, has_errors, usage
from karush.compiler.analyse import Analysis
from karush.dsl.diagnostics import Diagnostic, Label
from karush.dsl.render import Format, render, to_record
from karush.dsl.source import Span


@click.command(cls=Verb, help="Find errors in models: syntax, names, sizes, sets, curvature; with -d in data, too.")
@click.argument("files", nargs=-1, required=True, type=Existing())
@click.option("-d", "--data", "data", multiple=True, metavar="[NAME=]FILE", help="Check these data as well.")
@click.option(
    "--require",
    type=Words(("convex", "smooth", "conservative"), absent=("smooth", "conservative")),
    help="Fail unless the problem is convex.",
)
@later("--fix", flag=True, help="Apply the fixes that a machine can apply.")
@click.option("--format", "style", type=OneOf(("full", "concise", "json", "sarif"), ("sarif",)), default="full")
def check(files: tuple[str, ...], data: tuple[str, ...], require: tuple[str, ...] | None, style: str) -> int:
    """Check the files one after the other."""
    outcomes = [(file, *check_file(file, data, require or ())) for file in files]
    if style == "json":
        click.echo(json.dumps(record(outcomes), ensure_ascii=False))
    else:
        for file, summary, findings in outcomes:
            form: Format = "concise" if style == "concise" else "full"
            click.echo(render(findings, form, colour=colours(sys.stdout)), nl=False)
            if style == "full" and not has_errors(findings):
                click.echo(f"{file}: ok, {summary}")
    return WRONG if any(has_errors(findings) for _, _, findings in outcomes) else DONE


def record(outcomes: Sequence[tuple[str, str, list[Diagnostic]]]) -> dict[str, Any]:
    """All findings as JSON, and one entry a file."""
    return {
        "v": 1,
        "diagnostics": [to_record(finding) for _, _, findings in outcomes for finding in findings],
        "files": [
            {"file": file, "ok": not has_errors(findings), "summary": summary} for file, summary, findings in outcomes
        ],
    }


def check_file(file: str, data: Sequence[str], require: Sequence[str]) -> tuple[str, list[Diagnostic]]:
    """What a file is, in a few words, and the findings about it."""
    analysis = analyse_file(file)
    if isinstance(analysis, Diagnostic):
        return "", [analysis]
    findings = list(analysis.diagnostics)
    if has_errors(findings) or analysis.model is None:
        return "", findings
    findings += required(analysis, require)
    if data:
        findings += check_data(analysis, data)
    return summary_of(analysis), findings


def summary_of(analysis: Analysis) -> str:
    """``QP, convex``."""
    kind = analysis.classification
    if kind is None:
        return ""
    convex = {True: ", convex", False: ", not convex", None: ""}[kind.convex]
    return f"{kind.problem_class}{convex}"


def required(analysis: Analysis, require: Sequence[str]) -> list[Diagnostic]:
    """E0503 where the problem is not what is required."""
    kind = analysis.classification
    if "convex" not in require or kind is None or kind.convex is not False:
        return []
    model = analysis.model
    place = (
        model.objective.span
        if model is not None and model.objective is not None
        else Span(analysis.module.source, 0, 0)
    )
    return [Diagnostic("E0503", "the problem is not convex, as `--require convex` asks", (Label(place),))]


def check_data(analysis: Analysis, data: Sequence[str]) -> list[Diagnostic]:
    """The findings about data; what reads them is imported only here."""
    files = importlib.import_module("karush.data.files")
    bind = importlib.import_module("karush.data.bind").bind
    reading = importlib.import_module("karush.data.given").Reading()
    for option in data:
        slip = files.unusable(option)
        if slip is not None:
            raise usage(slip)
        reading += files.read_data(option)
    bound = bind(analysis.model, reading)
    return bound if isinstance(bound, list) else []


COMMANDS = {"check": check}
