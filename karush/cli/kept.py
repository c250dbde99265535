"""What was found of a text is kept: an unchanged file is checked again without parsing it.

The key is a digest of the text, its name, and the package itself (version, and size and time of its files), so a
finding is never older than the rules that found it. A file that imports others is not kept, for these may change.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from karush import __version__
from karush.cli import __file__ as this_package
from karush.dsl.cache import forget_oldest, private_cache, read_record, write_record
from karush.dsl.diagnostics import Diagnostic, Fix, Label, Severity
from karush.dsl.source import Source, Span

MOST_KEPT = 256
ROOMS = ("dsl", "compiler", "stdlib", "cli")
SUFFIXES = (".py", ".opt", ".lark")


@dataclass(frozen=True)
class Kept:
    """What a file is, in a few words, the verdicts on its derivatives as JSON, and the findings about it."""

    summary: str
    verdicts: list[dict[str, Any]]
    findings: list[Diagnostic]


def recall(source: Source) -> Kept | None:
    """What was found of this text before; None if that is not known."""
    path = _path(source)
    record = None if path is None else read_record(path)
    try:
        if record is None:
            return None
        return Kept(str(record["summary"]), list(record["verdicts"]), _findings(source, record["findings"]))
    except (KeyError, TypeError, ValueError):
        return None


def keep(source: Source, found: Kept) -> None:
    """Keep what was found of a text. Not where a finding points into another one."""
    spans = [label.span for finding in found.findings for label in finding.labels]
    spans += [fix.span for finding in found.findings for fix in finding.fixes if fix.span is not None]
    path = _path(source)
    if path is None or any(span.source != source for span in spans):
        return
    findings = [_record(finding) for finding in found.findings]
    write_record(path, {"summary": found.summary, "verdicts": found.verdicts, "findings": findings})
    forget_oldest(path.parent, "check-*.json", MOST_KEPT)


def _path(source: Source) -> Path | None:
    directory = private_cache()
    if directory is None:
        return None
    digest = hashlib.sha256(f"{fingerprint()}\n{source.name}\n".encode("utf-8", "surrogatepass"))
    digest.update(source.text.encode("utf-8", "surrogatepass"))
    return directory / f"check-{digest.hexdigest()[:40]}.json"


def fingerprint() -> str:
    """What findings depend on besides the text: the version, Python's, and the files of the package."""
    files = sorted(_package_files())
    return f"{__version__} {sys.version_info[:2]} {hashlib.sha256(repr(files).encode()).hexdigest()}"


def _package_files() -> Iterator[tuple[str, int, int]]:
    """Path, size and time of every file that has a say in the findings."""
    package = Path(this_package).parents[1]
    pending = [str(package / room) for room in ROOMS]
    while pending:
        here = pending.pop()
        if os.path.isdir(here):
            pending += [entry.path for entry in os.scandir(here) if entry.is_dir() or entry.name.endswith(SUFFIXES)]
        elif os.path.exists(here):
            found = os.stat(here)
            yield here, found.st_size, found.st_mtime_ns


# ---------------------------------------------------------------- findings as data


def _record(finding: Diagnostic) -> dict[str, Any]:
    return {
        "code": finding.code,
        "message": finding.message,
        "labels": [[label.span.start, label.span.end, label.message, label.primary] for label in finding.labels],
        "notes": finding.notes,
        "fixes": [[fix.message, fix.span and [fix.span.start, fix.span.end], fix.text] for fix in finding.fixes],
        "severity": finding.severity.value,
    }


def _findings(source: Source, records: list[dict[str, Any]]) -> list[Diagnostic]:
    return [
        Diagnostic(
            record["code"],
            record["message"],
            tuple(
                Label(Span(source, start, end), message, primary) for start, end, message, primary in record["labels"]
            ),
            tuple((kind, text) for kind, text in record["notes"]),
            tuple(Fix(message, span and Span(source, *span), text) for message, span, text in record["fixes"]),
            Severity(record["severity"]),
        )
        for record in records
    ]
