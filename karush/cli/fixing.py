"""``karush check --fix``: repairs that a machine can apply are applied, again and again until none is left."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from karush.cli.telling import model_path, usage
from karush.compiler.analyse import analyse
from karush.dsl.diagnostics import Diagnostic
from karush.dsl.files import read_source
from karush.dsl.fixes import Edit, apply, edits
from karush.dsl.render import clean
from karush.dsl.source import Source
from karush.writing import write_whole

MOST_PASSES = 50
"""A repair may show the next slip; so many rounds are enough for any file, and for repairs that undo each other."""

Findings = Callable[[Source], Sequence[Diagnostic]]


def findings_of(source: Source) -> Sequence[Diagnostic]:
    """What is found in a text."""
    return analyse(source).diagnostics


def mend(source: Source, find: Findings = findings_of) -> tuple[Source, list[Edit]]:
    """The text after all repairs, and the repairs in the order in which they were made.

    A text that comes up a second time ends it: then repairs undo each other.
    """
    made: list[Edit] = []
    seen = {source.text}
    for _ in range(MOST_PASSES):
        chosen = edits(source, find(source))
        mended = Source(source.name, apply(source, chosen))
        if mended.text in seen:
            break
        seen.add(mended.text)
        made += chosen
        source = mended
    return source, made


def mend_file(file: str) -> None:
    """Apply the repairs to a file, whole or not at all, and say on stderr what was done."""
    if file == "-":
        raise usage("--fix writes files; it does not go with -")
    source = read_source(model_path(file))
    if isinstance(source, Diagnostic):
        return  # told by the check that follows
    mended, made = mend(source)
    if not made:
        return
    try:
        write_whole(Path(source.name), mended.text.encode())
    except OSError as error:
        raise usage(f"{source.name} cannot be written: {error.strerror or error}") from None
    click.echo("".join(f"{done(edit)}\n" for edit in made), err=True, nl=False)
    sys.stderr.flush()


def done(edit: Edit) -> str:
    """``m.opt:6:18: fixed E0104: `=` became `==```."""
    span = edit.span
    before, after = (clean(" ".join(text.split())) for text in (span.text, edit.text))
    what = f"`{before}` became `{after}`"
    if not before or not after:
        what = f"`{before}` dropped" if before else f"`{after}` put in" if after else "blanks changed"
    return f"{clean(span.source.name)}:{span.line}:{span.column}: fixed {edit.finding.code}: {what}"
