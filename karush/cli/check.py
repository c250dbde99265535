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
from karush.cli.kept import Kept, recall
from karush.cli.options import Existing, Verb, Words
from karush.cli.telling import colours, has_errors, model_path
from karush.dsl.diagnostics import MOST_FINDINGS, Diagnostic
from karush.dsl.files import read_source
from karush.dsl.render import Format, render, to_record
from karush.dsl.source import Source

REQUIREMENTS = ("convex", "smooth", "conservative")


@dataclass(frozen=True)
class Outcome:
    """What was found of a file; ``findings`` are those that are told, ``is_good`` says that none at all is an error.

    ``verdicts`` say of every output how far it can be differentiated, and where not.
    """

    file: str
    summary: str
    findings: Sequence[Diagnostic]
    is_good: bool
    verdicts: Sequence[dict[str, Any]] = ()


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
    verdicts = {outcome.file: outcome.verdicts for outcome in outcomes}
    text: str = to_sarif([finding for outcome in outcomes for finding in outcome.findings], __version__, verdicts)
    return text


def record(outcomes: Sequence[Outcome], left_out: int) -> dict[str, Any]:
    """All findings as JSON, one entry a file, and how many findings were left out."""
    return {
        "v": 1,
        "diagnostics": [to_record(finding) for outcome in outcomes for finding in outcome.findings],
        "files": [
            {"file": o.file, "ok": o.is_good, "summary": o.summary, "verdicts": list(o.verdicts)} for o in outcomes
        ],
        "left_out": left_out,
    }


def check_file(file: str, data: Sequence[str], require: Sequence[str]) -> Outcome:
    """What a file is, in a few words, and the findings about it. An unchanged file is not parsed again."""
    source = read_source(model_path(file))
    if isinstance(source, Diagnostic):
        return Outcome(file, "", [source], is_good=False)
    found = (None if data or require else recall(source)) or analysed(source, data, require)
    return Outcome(file, found.summary, found.findings, not has_errors(found.findings), found.verdicts)


def analysed(source: Source, data: Sequence[str], require: Sequence[str]) -> Kept:
    """What a text is and what is found of it; what looks into it is imported only here."""
    checking = importlib.import_module("karush.cli.checking")
    found: Kept = checking.analysed(source, data, require)
    return found


COMMANDS = {"check": check}
