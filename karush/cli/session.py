"""What the verbs share: reading a model and its data, telling findings, writing results."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from karush.cli.exits import WRONG
from karush.compiler.analyse import Analysis, analyse
from karush.dsl.diagnostics import Diagnostic, Severity
from karush.dsl.files import read_source
from karush.dsl.render import Format, render


class Stop(click.exceptions.Exit):
    """The end of a verb with an exit code, once everything has been said."""


def has_errors(findings: Sequence[Diagnostic]) -> bool:
    """Whether any finding is an error."""
    return any(finding.severity is Severity.ERROR for finding in findings)


def colours(stream: object) -> bool:
    """Whether to colour what goes to a stream: a terminal, and NO_COLOR is not set."""
    return bool(getattr(stream, "isatty", lambda: False)()) and not os.environ.get("NO_COLOR")


def tell(findings: Sequence[Diagnostic], style: Format = "full") -> None:
    """Findings on stderr."""
    click.echo(render(findings, style, colour=colours(sys.stderr)), err=True, nl=False)


def model_path(file: str) -> str:
    """The file itself, or the ``model.opt`` of a folder."""
    return str(Path(file) / "model.opt") if file != "-" and Path(file).is_dir() else file


def analyse_file(file: str) -> Analysis | Diagnostic:
    """The analysis of a file, or why it cannot be read."""
    source = read_source(model_path(file))
    return source if isinstance(source, Diagnostic) else analyse(source)


def open_model(file: str) -> Analysis:
    """The analysis of a model without errors; errors are told and end the verb with exit code 1."""
    analysis = analyse_file(file)
    if isinstance(analysis, Diagnostic):
        tell([analysis])
        raise Stop(WRONG)
    if analysis.diagnostics:
        tell(analysis.diagnostics)
    if has_errors(analysis.diagnostics) or analysis.model is None:
        raise Stop(WRONG)
    return analysis


def usage(message: str) -> click.UsageError:
    """Wrong usage: exit code 2."""
    return click.UsageError(message)
