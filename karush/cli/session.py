"""What the verbs share: reading a model, telling findings."""

from __future__ import annotations

from karush.cli.exits import WRONG
from karush.cli.telling import Stop, colours, has_errors, model_path, tell, usage
from karush.compiler.analyse import Analysis, analyse
from karush.dsl.diagnostics import Diagnostic
from karush.dsl.files import read_source

__all__ = ["Stop", "analyse_file", "colours", "has_errors", "look_at", "model_path", "open_model", "tell", "usage"]


def analyse_file(file: str) -> Analysis | Diagnostic:
    """The analysis of a file, or why it cannot be read."""
    source = read_source(model_path(file))
    return source if isinstance(source, Diagnostic) else analyse(source)


def look_at(file: str) -> Analysis:
    """The analysis of a model that need not be solvable yet; without one the findings end the verb with exit code 1."""
    analysis = analyse_file(file)
    findings = [analysis] if isinstance(analysis, Diagnostic) else analysis.diagnostics
    if findings:
        tell(findings)
    if isinstance(analysis, Diagnostic) or analysis.model is None:
        raise Stop(WRONG)
    return analysis


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
