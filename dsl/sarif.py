"""Findings as SARIF 2.1.0, the format of the OASIS standard that code-scanning services read.

The rules are the pages of the codes that occur. Columns and lengths count characters (Unicode code points).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from karush.dsl.codes import CODES
from karush.dsl.diagnostics import Diagnostic, Fix, Label
from karush.dsl.render import clean
from karush.dsl.source import Span

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def to_sarif(findings: Sequence[Diagnostic], version: str, verdicts: Mapping[str, Any] | None = None) -> str:
    """One run of ``karush check`` as a SARIF log; the verdicts of each file are properties of the run."""
    codes = list(dict.fromkeys(finding.code for finding in findings))
    driver = {"name": "karush", "version": version, "rules": [rule(code) for code in codes]}
    run: dict[str, Any] = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [result(finding, codes.index(finding.code)) for finding in findings],
    }
    if verdicts:
        run["properties"] = {"verdicts": {file: list(told) for file, told in verdicts.items()}}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=1) + "\n"


def rule(code: str) -> dict[str, Any]:
    """The page of a code: title, why, what to type instead, and the example."""
    page = CODES[code]
    help_text = f"{page.why}\n\nInstead: {page.repair}"
    if page.trigger is not None:
        help_text += f"\n\nFor example:\n{page.trigger}\nMended:\n{page.mended}"
    return {
        "id": code,
        "shortDescription": {"text": page.title},
        "fullDescription": {"text": page.why},
        "help": {"text": help_text},
        "defaultConfiguration": {"level": "warning" if code.startswith("W") else "error"},
    }


def result(finding: Diagnostic, rule_index: int) -> dict[str, Any]:
    """A finding with its place, the places besides, and its replacements."""
    texts = [finding.message, *(f"{kind}: {text}" for kind, text in finding.notes)]
    texts += [f"fix: {fix.message}" for fix in finding.fixes if fix.message]
    record: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": rule_index,
        "level": finding.severity.value,
        "message": {"text": clean_lines("\n".join(texts))},
        "locations": [location(label) for label in finding.labels[:1]],
        "relatedLocations": [location(label) | {"id": n} for n, label in enumerate(finding.labels[1:], 1)],
    }
    fixes = [replacement(fix) for fix in finding.fixes if fix.span is not None and fix.text is not None]
    return record | ({"fixes": fixes} if fixes else {})


def clean_lines(text: str) -> str:
    """Text without control characters, line by line."""
    return "\n".join(map(clean, text.split("\n")))


def location(label: Label) -> dict[str, Any]:
    """A place, with the word about it."""
    record: dict[str, Any] = {"physicalLocation": {"artifactLocation": artifact(label.span)}}
    if label.span.source.text:
        record["physicalLocation"]["region"] = region(label.span)
    return record | ({"message": {"text": clean_lines(label.message)}} if label.message else {})


def artifact(span: Span) -> dict[str, str]:
    """The file of a span, as a URI; relative paths stay relative."""
    path = Path(span.source.name)
    return {"uri": path.as_uri() if path.is_absolute() else quote(path.as_posix())}


def region(span: Span) -> dict[str, int]:
    """Lines and columns from 1; the end column is that behind the last character."""
    end_line, end_column = span.source.position(span.end)
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": end_line,
        "endColumn": end_column,
        "charOffset": span.start,
        "charLength": span.end - span.start,
    }


def replacement(fix: Fix) -> dict[str, Any]:
    """A fix that a machine can apply."""
    assert fix.span is not None and fix.text is not None
    change = {
        "artifactLocation": artifact(fix.span),
        "replacements": [{"deletedRegion": region(fix.span), "insertedContent": {"text": fix.text}}],
    }
    return {"description": {"text": clean_lines(fix.message or "replace")}, "artifactChanges": [change]}
