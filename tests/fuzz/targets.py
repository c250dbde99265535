"""Everything that reads what somebody else wrote, as functions of text or bytes that raise only where karush is wrong.

A user's error is a finding, never an exception; a finding has a code, a place in the text and a repair; what is
printed of a model is printed; a formatted file stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress

from karush import __version__
from karush.cli.checking import found_of
from karush.cli.explain import explain_file
from karush.cli.fixing import mend
from karush.cli.show import printers_of
from karush.compiler.analyse import Analysis, analyse, analyse_text
from karush.compiler.facts.requirements import unmet
from karush.compiler.model import Model
from karush.compiler.show.stages import interface_schema
from karush.data.bind import bind
from karush.data.files import READERS, read_setting
from karush.data.given import Reading
from karush.document import document, to_html, to_markdown
from karush.dsl.codes import CODES
from karush.dsl.diagnostics import Diagnostic
from karush.dsl.format import format_source
from karush.dsl.render import render, to_record
from karush.dsl.sarif import to_sarif
from karush.dsl.source import Source
from karush.lsp import completion, findings, formatting, hover, navigation, outline, rename
from karush.lsp.document import Document
from karush.template import data_template

BOUND_MODEL = """
dim n, m, T = 2
param w[n] in simplex, S[n, n] in psd = eye(n), at[m] in index(n), up[n] = 1.0, on in bool = true
param k in int = 1, t[T + 1] in nonneg = zeros(T + 1), q[3] in soc = [1, 0, 0], r in pos = 1.0
var x[n] in box(-1, up)
minimize x @ S @ x - w @ x + sum(x[at]) + r * k + sum(t) + q[0] + (if on then 1 else 0)
"""
"""A model to which data are bound: sizes, labels, sets, index arrays, defaults."""


# ---------------------------------------------------------------- a text


def language(text: str) -> None:
    """A text through parser, checker, repairs, formatter and all printers."""
    source = Source("model.opt", text)
    analysis = analyse(source)
    assert analysis.diagnostics or analysis.model is not None, "neither a model nor a finding"
    well_told(analysis, text)
    mend(source)
    formatted(source)
    if analysis.model is not None and analysis.facts is not None:
        shown(analysis, analysis.model)


def well_told(analysis: Analysis, text: str) -> None:
    """Every finding has a known code, places in the text and a repair; all styles of printing take it."""
    for finding in analysis.diagnostics:
        assert finding.code in CODES, finding.code
        assert finding.labels, f"{finding.code} has no place"
        assert finding.fixes or finding.code == "E0190", f"{finding.code} has no repair"
        for label in finding.labels:
            assert label.span.source.text == text, f"{finding.code} stands in another text"
            assert 0 <= label.span.start <= label.span.end <= len(text), f"{finding.code} has a place out of the text"
        json.dumps(to_record(finding), allow_nan=False)
    render(analysis.diagnostics)
    render(analysis.diagnostics, "concise", colour=True)
    to_sarif(analysis.diagnostics, __version__)
    found_of(analysis)


def formatted(source: Source) -> None:
    """A file is formatted or left alone; formatting twice is formatting once."""
    once = format_source(source)
    if isinstance(once, str):
        assert format_source(Source(source.name, once)) == once, "formatting twice is not formatting once"


def shown(analysis: Analysis, model: Model) -> None:
    """Everything that is printed of a model."""
    assert analysis.facts is not None
    for part, printer in printers_of(analysis).items():
        if part != "kkt" or model.objective is not None:
            printer()
    json.dumps(interface_schema(model))
    page = document(analysis)
    to_html(page)
    to_markdown(page)
    data_template(model, analysis.facts, {})
    for requirement in ("convex", "smooth", "conservative"):
        unmet(requirement, model, analysis.facts)
    if analysis.classification is not None:
        explain_file(analysis)


# ---------------------------------------------------------------- an editor


def editor(text: str, offset: int) -> None:
    """What the language server answers at a place, before and after the text up to there is all there is."""
    file = Document("model.opt", text)
    at_place(file, min(offset, len(text)))
    file.edit(text[:offset])
    at_place(file, len(file.state.source.text))


def at_place(file: Document, offset: int) -> None:
    """Every question that an editor asks."""
    text = file.state.source.text
    for item in completion.complete(file, offset)[:3]:
        completion.documentation(file, item)
    hover.hover(file, offset)
    navigation.definition(file, offset)
    navigation.references(file, offset, declaration=True)
    with suppress(rename.RenameError):
        rename.rename(file, offset, "other")
    outline.outline(file)
    list(outline.colours(file))
    list(outline.hints(file, 0, len(text)))
    list(findings.repairs(file, 0, len(text)))
    findings.repair_all(file)
    for finding in file.analysis.diagnostics:
        place = findings.place_of(finding, file)
        file.state.lines.position(place.start)
        findings.message_of(finding)
    with suppress(formatting.FormattingRefusedError):
        formatting.formatting(file)


# ---------------------------------------------------------------- data


def data(ending: str, content: bytes) -> None:
    """The bytes of a data file through its reader and on to the params, named one by one and not."""
    model = analyse_text(BOUND_MODEL).model
    assert model is not None
    named = [None] if ending in (".json", ".npz", ".safetensors") else []
    for name in [*named, "w", "S", "at"]:
        bound(model, READERS[ending](content, f"data{ending}", name))


def setting(text: str) -> None:
    """What follows ``-p``."""
    model = analyse_text(BOUND_MODEL).model
    assert model is not None
    bound(model, read_setting(text))


def bound(model: Model, reading: Reading) -> None:
    """Values that were read are data of the model, or findings say why not."""
    outcome = bind(model, reading)
    if isinstance(outcome, list):
        assert outcome, "no data and no finding"
        told(outcome)


def told(outcome: list[Diagnostic]) -> None:
    for finding in outcome:
        assert finding.code in CODES, finding.code
        json.dumps(to_record(finding), allow_nan=False)
    render(outcome)


def target_of(name: str) -> Callable[[bytes], None]:
    """What an input of the corpus goes through, by the ending of its name."""
    ending = name[name.rindex(".") :]
    if ending == ".opt":
        return of_text
    if ending == ".cursor":
        return of_cursor
    if ending == ".setting":
        return lambda content: setting(content.decode("utf-8", "replace"))
    return lambda content: data(ending, content)


def of_text(content: bytes) -> None:
    """A text, and an editor at its end."""
    text = content.decode("utf-8", "replace")
    language(text)
    editor(text, len(text))


def of_cursor(content: bytes) -> None:
    """An editor at the place whose number stands in the first line."""
    offset, _, text = content.decode("utf-8", "replace").partition("\n")
    editor(text, int(offset))
