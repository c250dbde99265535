"""Findings and their repairs, with the places of this document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from karush.dsl.diagnostics import Diagnostic, Fix, Label
from karush.dsl.source import Span
from karush.lsp.document import Document


def place_of(finding: Diagnostic, document: Document) -> Span:
    """Where a finding is shown: its own place, or the first of its labels that lies in this document."""
    here = [label.span for label in finding.labels if is_here(label.span, document)]
    return here[0] if here else Span(document.state.source, 0, 0)


def is_here(span: Span, document: Document) -> bool:
    """Whether a place lies in this document and not in a file that it imports."""
    return span.source == document.state.source


def other_labels(finding: Diagnostic, document: Document) -> list[Label]:
    """The places that a finding tells of beside its own."""
    shown = place_of(finding, document)
    return [label for label in finding.labels if label.span != shown and label.message]


def message_of(finding: Diagnostic) -> str:
    """Headline, the word at the caret, notes and repairs: all that the command line prints but for the text."""
    own = finding.labels[0].message if finding.labels else ""
    lines = [f"{finding.message}: {own}" if own else finding.message]
    lines += [f"{kind}: {text}" for kind, text in finding.notes]
    lines += [f"fix: {fix.message}" for fix in finding.fixes if fix.message]
    return "\n".join(lines)


@dataclass(frozen=True)
class Repair:
    """A change of the text that mends findings."""

    title: str
    findings: tuple[Diagnostic, ...]
    edits: tuple[tuple[Span, str], ...]
    preferred: bool = False


def repairs(document: Document, start: int, end: int) -> Iterator[Repair]:
    """The repairs that a machine can make of the findings at a piece of the text."""
    for finding in document.analysis.diagnostics:
        place = place_of(finding, document)
        if place.start <= end and start <= place.end:
            applicable = [fix for fix in finding.fixes if _edit(fix, document) is not None]
            for fix in applicable:
                edit = _edit(fix, document)
                assert edit is not None
                yield Repair(_title(fix), (finding,), (edit,), len(applicable) == 1)


def repair_all(document: Document) -> Repair | None:
    """The first repair of every finding that has one, where they do not overlap."""
    findings, edits = [], []
    reach = -1
    for finding in sorted(document.analysis.diagnostics, key=lambda f: place_of(f, document).start):
        edit = next((e for fix in finding.fixes if (e := _edit(fix, document)) is not None), None)
        if edit is not None and edit[0].start >= reach:
            findings.append(finding)
            edits.append(edit)
            reach = max(edit[0].end, edit[0].start + 1)
    return Repair("Apply all fixes", tuple(findings), tuple(edits)) if edits else None


def _edit(fix: Fix, document: Document) -> tuple[Span, str] | None:
    if fix.span is None or fix.text is None or not is_here(fix.span, document):
        return None
    return fix.span, fix.text


def _title(fix: Fix) -> str:
    words = fix.message or f"write {fix.text!r}"
    return f"fix: {' '.join(words.split())}"
