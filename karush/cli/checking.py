"""The work behind ``karush check``: texts are analysed, data are bound. Imports the compiler, neither JAX nor NumPy."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from karush.cli.kept import Kept, keep
from karush.cli.telling import has_errors, usage
from karush.compiler.analyse import Analysis, analyse
from karush.compiler.facts.requirements import unmet
from karush.compiler.facts.verdicts import Verdict, record, summary, verdicts
from karush.dsl import ast
from karush.dsl.diagnostics import Diagnostic, Severity
from karush.dsl.source import Source


def analysed(source: Source, data: Sequence[str], require: Sequence[str]) -> Kept:
    """What a text is, in a few words, and the findings about it."""
    with without_collection():
        analysis = analyse(source)
        found = found_of(analysis)
    findings = list(analysis.diagnostics)
    if not data and not require:
        if not any(isinstance(statement, ast.Import) for statement in analysis.module.statements):
            keep(source, found)
        return found
    if analysis.model is None or analysis.facts is None:
        return found
    refused = [finding for requirement in require for finding in unmet(requirement, analysis.model, analysis.facts)]
    places = {finding.labels[0].span for finding in refused}
    findings = [f for f in findings if f.severity is Severity.ERROR or f.labels[0].span not in places] + refused
    if data and not has_errors(findings):
        findings += check_data(analysis, data)
    findings.sort(key=lambda finding: finding.labels[0].span.start if finding.labels else 0)
    return replace(found, findings=findings)


@contextmanager
def without_collection() -> Iterator[None]:
    """No search for cycles meanwhile: trees have none, and looking through all of them again and again takes time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def found_of(analysis: Analysis) -> Kept:
    """Summary, verdicts and findings of a text."""
    findings = list(analysis.diagnostics)
    if analysis.model is None or analysis.facts is None:
        return Kept("", [], findings)
    told = list(verdicts(analysis.model, analysis.facts))
    return Kept(summary_of(analysis, told), record(told), findings)


def summary_of(analysis: Analysis, told: Sequence[Verdict]) -> str:
    """``QP, convex; functions smooth``: the class, and the verdict on derivatives in a few words."""
    kind = analysis.classification
    if kind is None:
        return ""
    convex = {True: ", convex", False: ", not convex", None: ""}[kind.convex]
    said = summary(told)
    functions = "" if kind.problem_class == "FUNCTION" else "functions "
    return f"{kind.problem_class}{convex}" + (f"; {functions}{said}" if said else "")


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
