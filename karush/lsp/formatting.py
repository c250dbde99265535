"""Formatting as ``karush fmt`` does it, as changes of the lines that it changes."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher

from karush.dsl.format import format_source
from karush.lsp.document import Document


class FormattingRefusedError(Exception):
    """Why a file is left as it is."""


@dataclass(frozen=True)
class LineEdit:
    """The lines from ``start`` up to ``end`` (from 0, ``end`` not included) become a text."""

    start: int
    end: int
    text: str


def formatting(document: Document) -> list[LineEdit]:
    """The changes that bring a file to the one style. Raises FormattingRefusedError where it has errors."""
    formatted = format_source(document.state.source)
    if not isinstance(formatted, str):
        place = formatted[0].labels[0].span.line if formatted[0].labels else 1
        raise FormattingRefusedError(f"not formatted, because of an error in line {place}: {formatted[0].message}")
    before, after = _lines_of(document), [f"{line}\n" for line in formatted.split("\n")[:-1]]
    codes = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    return [LineEdit(i, j, "".join(after[k:m])) for tag, i, j, k, m in codes if tag != "equal"]


def _lines_of(document: Document) -> list[str]:
    """The lines as an editor counts them, with their ends; nothing after a last line end."""
    text, starts = document.state.source.text, document.state.lines.starts
    lines = [text[i:j] for i, j in zip(starts, [*starts[1:], len(text)], strict=True)]
    return lines if lines[-1] else lines[:-1]
