"""The work behind ``karush check``: texts are analysed, data are bound. Imports the compiler, neither JAX nor NumPy."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from karush.cli.kept import Kept, keep
from karush.cli.telling import has_errors, usage
from karush.compiler.analyse import Analysis, analyse
from karush.compiler.facts.requirements import unmet
from karush.dsl import ast
from karush.dsl.diagnostics import Diagnostic, Severity
from karush.dsl.source import Source


def analysed(source: Source, data: Sequence[str], require: Sequence[str]) -> Kept:
    """What a text is, in a few words, and the findings about it."""
    with without_collection():
        analysis = analyse(source)
    findings = list(analysis.diagnostics)
    if not data and not require:
        summary = summary_of(analysis)
        if not any(isinstance(statement, ast.Import) for statement in analysis.module.statements):
            keep(source, summary, findings)
        return summary, findings
    if analysis.model is None or analysis.facts is None:
        return "", findings
    refused = [finding for requirement in require for finding in unmet(requirement, analysis.model, analysis.facts)]
    places = {finding.labels[0].span for finding in refused}
    findings = [f for f in findings if f.severity is Severity.ERROR or f.labels[0].span not in places] + refused
    if data and not has_errors(findings):
        findings += check_data(analysis, data)
    findings.sort(key=lambda finding: finding.labels[0].span.start if finding.labels else 0)
    return summary_of(analysis), findings


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
