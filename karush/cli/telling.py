"""Findings told to people, and what every verb needs before anything is read. Imports nothing of the compiler."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from karush.dsl.diagnostics import Diagnostic, Severity
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


def usage(message: str) -> click.UsageError:
    """Wrong usage: exit code 2."""
    return click.UsageError(message)
