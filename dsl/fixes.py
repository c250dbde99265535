"""Repairs that a machine can apply: fixes that say what to put in the place of what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from karush.dsl.diagnostics import Diagnostic
from karush.dsl.source import Source, Span


@dataclass(frozen=True)
class Edit:
    """One replacement, and the finding that it mends."""

    finding: Diagnostic
    span: Span
    text: str


def edits(source: Source, findings: Iterable[Diagnostic]) -> list[Edit]:
    """The replacements in a text that can be made together, in its order; of two that overlap the first one stands."""
    chosen: list[Edit] = []
    for finding in findings:
        for fix in finding.fixes:
            if fix.span is None or fix.text is None or fix.span.source != source:
                continue
            edit = Edit(finding, fix.span, fix.text)
            if not any(_overlap(edit.span, other.span) for other in chosen):
                chosen.append(edit)
    return sorted(chosen, key=lambda edit: (edit.span.start, edit.span.end))


def _overlap(one: Span, other: Span) -> bool:
    same = (one.start, one.end) == (other.start, other.end)
    return same or (one.start < other.end and other.start < one.end)


def apply(source: Source, chosen: Iterable[Edit]) -> str:
    """The text after replacements, which are in order and do not overlap."""
    parts, position = [], 0
    for edit in chosen:
        parts += [source.text[position : edit.span.start], edit.text]
        position = edit.span.end
    return "".join([*parts, source.text[position:]])


def apply_fixes(source: Source, findings: Iterable[Diagnostic]) -> str:
    """The text with every replacement that can be made at once."""
    return apply(source, edits(source, findings))
