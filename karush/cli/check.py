"""``karush check``: find errors in models without running them. Imports neither JAX nor, without data, NumPy."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import click

from karush import __version__
from karush.cli.exits import DONE, WRONG
from karush.cli.options import Existing, Verb, Words
from karush.cli.session import analyse_file, colours, has_errors, usage
from karush.compiler.analyse import MOST_FINDINGS, Analysis
from karush.compiler.facts.requirements import REQUIREMENTS, unmet
from karush.dsl.diagnostics import Diagnostic, Severity
from karush.dsl.render import Format, render, to_record


@dataclass(frozen=True)
class Outcome:
    """What was found of a file; ``findings`` are those that are told, ``is_good`` says that none at all is an error."""

    file: str
    summary: str
    findings: Sequence[Diagnostic]
    is_good: bool


@click.command(cls=Verb, help="Find errors in models: syntax, names, sizes, sets, curvature; with -d in data, too.")
@click.argument("files", nargs=-1, required=True, type=Existing())
@click.option("-d", "--data", "data", multiple=True, metavar="[NAME=]FILE", help="Check these data as well.")
@click.option("--require", type=Words(REQUIREMENTS), help="Fail unless the model is convex, smooth, conservative.")
@click.option("--fix", "fix", is_flag=True, help="Apply the fixes that a machine can apply.")
@click.option("--format", "style", type=click.Choice(["full", "concise", "json", "sarif"]), default="full")
def check(files: tuple[str, ...], data: tuple[str, ...], require: tuple[str, ...] | None, fix: bool, style: str) -> int:
    """Check the files one after the other."""
    if fix:
        mend_file = importlib.import_module("karush.cli.fixing").mend_file
        for file in files:
            mend_file(file)
    outcomes = [check_file(file, data, require or ()) for file in files]
    told, left_out = limited(outcomes)
    if style in ("json", "sarif"):
        click.echo(machine_readable(told, left_out, style), nl=False)
    else:
        tell(told, left_out, "concise" if style == "concise" else "full")
    return DONE if all(outcome.is_good for outcome in outcomes) else WRONG


def limited(outcomes: Sequence[Outcome]) -> tuple[list[Outcome], int]:
    """The outcomes with no more findings in all than are told at once, and how many are left out."""
    told, room = [], MOST_FINDINGS
    for outcome in outcomes:
        told.append(replace(outcome, findings=outcome.findings[:room]))
        room -= len(told[-1].findings)
    return told, sum(len(outcome.findings) for outcome in outcomes) - (MOST_FINDINGS - room)


def tell(outcomes: Sequence[Outcome], left_out: int, style: Format) -> None:
    """Findings for people, and a line for every file without errors."""
    for outcome in outcomes:
        click.echo(render(outcome.findings, style, colour=colours(sys.stdout)), nl=False)
        if style == "full" and outcome.is_good and outcome.summary:
            click.echo(f"{outcome.file}: ok, {outcome.summary}")
    if left_out:
        click.echo(f"{left_out} more findings are not shown (at most {MOST_FINDINGS} are)")


def machine_readable(outcomes: Sequence[Outcome], left_out: int, style: str) -> str:
    """All findings as JSON or SARIF."""
    if style == "json":
        return json.dumps(record(outcomes, left_out), ensure_ascii=False) + "\n"
    to_sarif = importlib.import_module("karush.dsl.sarif").to_sarif
    text: str = to_sarif([finding for outcome in outcomes for finding in outcome.findings], __version__)
    return text


def record(outcomes: Sequence[Outcome], left_out: int) -> dict[str, Any]:
    """All findings as JSON, one entry a file, and how many findings were left out."""
    return {
        "v": 1,
        "diagnostics": [to_record(finding) for outcome in outcomes for finding in outcome.findings],
        "files": [{"file": o.file, "ok": o.is_good, "summary": o.summary} for o in outcomes],
        "left_out": left_out,
    }


def check_file(file: str, data: Sequence[str], require: Sequence[str]) -> Outcome:
    """What a file is, in a few words, and the findings about it."""
    analysis = analyse_file(file)
    if isinstance(analysis, Diagnostic):
        return Outcome(file, "", [analysis], is_good=False)
    findings = list(analysis.diagnostics)
    if analysis.model is None or analysis.facts is None:
        return Outcome(file, "", findings, is_good=not has_errors(findings))
    refused = [finding for requirement in require for finding in unmet(requirement, analysis.model, analysis.facts)]
    places = {finding.labels[0].span for finding in refused}
    findings = [f for f in findings if f.severity is Severity.ERROR or f.labels[0].span not in places] + refused
    if data and not has_errors(findings):
        findings += check_data(analysis, data)
    findings.sort(key=lambda finding: finding.labels[0].span.start if finding.labels else 0)
    return Outcome(file, summary_of(analysis), findings, is_good=not has_errors(findings))


def summary_of(analysis: Analysis) -> str:
    """``QP, convex``."""
    kind = analysis.classification
    if kind is None:
        return ""
    convex = {True: ", convex", False: ", not convex", None: ""}[kind.convex]
    return f"{kind.problem_class}{convex}"


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
