"""Diagnostics as text: with the source and carets, one line each, or as JSON."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from typing import Any, Literal

from karush.dsl.diagnostics import Diagnostic, Fix, Label
from karush.dsl.source import Source, Span

Format = Literal["full", "concise", "json"]

WINDOW = 140
"""Longer source lines are shown in part, around the caret."""

_RESET = "\x1b[0m"
_STYLES = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "place": "\x1b[1;34m", "bold": "\x1b[1m"}


def render(diagnostics: Sequence[Diagnostic], format: Format = "full", *, colour: bool = False) -> str:
    """All diagnostics in one of the formats; the text ends with a line end unless it is empty."""
    if format == "json":
        return json.dumps({"v": 1, "diagnostics": [to_record(d) for d in diagnostics]}) + "\n"
    one = concise if format == "concise" else full
    return "".join(one(diagnostic, colour=colour) for diagnostic in diagnostics)


def concise(diagnostic: Diagnostic, *, colour: bool = False) -> str:
    """``file:line:column: error[E0104]: message``."""
    place = _place(diagnostic.labels[0].span) if diagnostic.labels else ""
    return f"{place}: {_headline(diagnostic, colour)}\n" if place else f"{_headline(diagnostic, colour)}\n"


def full(diagnostic: Diagnostic, *, colour: bool = False) -> str:
    """The headline, every place with its line and a caret under it, notes and fixes."""
    shown = [label for label in diagnostic.labels if label.span.source.text]
    width = max((len(str(label.span.line)) for label in shown), default=1)
    lines = [_headline(diagnostic, colour)]
    for source in dict.fromkeys(label.span.source for label in diagnostic.labels):
        lines += _excerpt(source, diagnostic.labels, width, colour)
    hidden = [label for label in diagnostic.labels if not label.span.source.text and label.message]
    notes = [("note", label.message) for label in hidden] + list(diagnostic.notes)
    notes += [("fix", _fix_text(fix)) for fix in diagnostic.fixes if fix.message]
    for kind, text in notes:
        head, *rest = text.split("\n")
        lines.append(f"{' ' * width} {_styled('=', 'place', colour)} {kind}: {clean(head)}")
        lines += [f"{' ' * width}   {' ' * len(kind)}  {clean(line)}" for line in rest]
    return "\n".join(lines) + "\n"


def to_record(diagnostic: Diagnostic) -> dict[str, Any]:
    """A diagnostic as JSON data: a stable form for editors and other programs."""
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        "labels": [{**_span_record(label.span), "message": label.message} for label in diagnostic.labels],
        "notes": [{"kind": kind, "message": text} for kind, text in diagnostic.notes],
        "fixes": [_fix_record(fix) for fix in diagnostic.fixes],
    }


def clean(text: str) -> str:
    """Text that is safe to print: no control characters, which could steer a terminal or hide what is written."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == " " else " " if c in "\t\u00a0" else "\ufffd" for c in text)


# ---------------------------------------------------------------- pieces


def _styled(text: str, style: str, colour: bool) -> str:
    return f"{_STYLES[style]}{text}{_RESET}" if colour else text


def _headline(diagnostic: Diagnostic, colour: bool) -> str:
    severity = diagnostic.severity.value
    message = _styled(clean(diagnostic.message), "bold", colour)
    return f"{_styled(f'{severity}[{diagnostic.code}]', severity, colour)}: {message}"


def _place(span: Span) -> str:
    name = clean(span.source.name)
    return f"{name}:{span.line}:{span.column}" if span.source.text else name


def _fix_text(fix: Fix) -> str:
    return fix.message if fix.span is None else f"{fix.message}   [applies with --fix]"


def _excerpt(source: Source, labels: Sequence[Label], width: int, colour: bool) -> list[str]:
    """The lines of one source that carry labels, with the underlines below them."""
    own = [label for label in labels if label.span.source == source]
    arrow = "-->" if own[0] is labels[0] else ":::"
    lines = [f"{' ' * width}{_styled(arrow, 'place', colour)} {_place(own[0].span)}"]
    if not source.text:
        return lines
    bar = _styled("|", "place", colour)
    for number in sorted({label.span.line for label in own}):
        here = [label for label in own if label.span.line == number]
        begin, text = _window(source.line(number), here[0].span.column - 1)
        lines.append(f"{_styled(f'{number:>{width}}', 'place', colour)} {bar} {_expanded(text)}".rstrip())
        for label in here:
            first = label is labels[0] or label.primary
            style = _label_style(first)
            underline = _underline(label, text, begin, "^" if first else "-", number)
            lines.append(f"{' ' * width} {bar} {_styled(underline, style, colour)}")
    return lines


def _label_style(first: bool) -> str:
    return "error" if first else "place"


def _window(line: str, column: int) -> tuple[int, str]:
    """The part of a line that is shown: where it begins, and its text."""
    if len(line) <= WINDOW:
        return 0, line
    begin = max(0, min(column - WINDOW // 2, len(line) - WINDOW))
    text = line[begin : begin + WINDOW]
    if begin:
        text = "…" + text[1:]
    if begin + WINDOW < len(line):
        text = text[:-1] + "…"
    return begin, text


def _underline(label: Label, text: str, begin: int, mark: str, number: int) -> str:
    """Spaces, carets as wide as the span on its first line, and the label's message."""
    start = min(max(label.span.column - 1 - begin, 0), len(text))
    length = label.span.end - label.span.start
    if label.span.source.position(label.span.end)[0] != number:
        length = len(text) - start
    before = _display_width(text[:start])
    wide = max(1, _display_width(text[start : start + length]))
    return f"{' ' * before}{mark * wide} {clean(label.message)}".rstrip()


def _expanded(text: str) -> str:
    return clean(text.replace("\t", "    "))


def _display_width(text: str) -> int:
    """Columns that a text takes in a terminal."""
    if text.isascii():
        return len(text) + 3 * text.count("\t")
    return sum(4 if c == "\t" else 0 if unicodedata.combining(c) else _cell(c) for c in text)


def _cell(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _span_record(span: Span) -> dict[str, Any]:
    end_line, end_column = span.source.position(span.end)
    return {
        "file": span.source.name,
        "line": span.line,
        "column": span.column,
        "end_line": end_line,
        "end_column": end_column,
        "start": span.start,
        "end": span.end,
    }


def _fix_record(fix: Fix) -> dict[str, Any]:
    record: dict[str, Any] = {"message": fix.message}
    if fix.span is not None:
        record |= {"replace": _span_record(fix.span), "text": fix.text}
    return record
