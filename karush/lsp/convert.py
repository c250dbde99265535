"""The answers of the core in the words of the protocol."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from lsprotocol import types
from pygls import uris

from karush.dsl.diagnostics import Diagnostic, Severity
from karush.dsl.source import Span
from karush.lsp import completion, findings, formatting, navigation, outline
from karush.lsp.document import Document
from karush.lsp.entities import Role
from karush.lsp.positions import Position

SYMBOL_KINDS = {
    Role.DIM: types.SymbolKind.TypeParameter,
    Role.PARAM: types.SymbolKind.Field,
    Role.VAR: types.SymbolKind.Variable,
    Role.LET: types.SymbolKind.Constant,
    Role.FN: types.SymbolKind.Function,
    Role.ATOM: types.SymbolKind.Function,
    Role.MODEL: types.SymbolKind.Class,
    Role.SET: types.SymbolKind.Struct,
    Role.IMPORT: types.SymbolKind.Module,
    Role.LABEL: types.SymbolKind.Property,
}
ITEM_KINDS = {
    "keyword": types.CompletionItemKind.Keyword,
    "function": types.CompletionItemKind.Function,
    "fn": types.CompletionItemKind.Function,
    "atom": types.CompletionItemKind.Function,
    "set": types.CompletionItemKind.Struct,
    "dim": types.CompletionItemKind.TypeParameter,
    "param": types.CompletionItemKind.Field,
    "let": types.CompletionItemKind.Constant,
    "model": types.CompletionItemKind.Class,
    "import": types.CompletionItemKind.Module,
    "module": types.CompletionItemKind.Module,
    "label": types.CompletionItemKind.Property,
    "field": types.CompletionItemKind.Property,
    "option": types.CompletionItemKind.EnumMember,
}
SEVERITIES = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
}


def position(document: Document, offset: int) -> types.Position:
    """An offset as line and column."""
    place = document.state.lines.position(offset)
    return types.Position(place.line, place.character)


def offset(document: Document, place: types.Position) -> int:
    """Line and column as an offset."""
    return document.state.lines.offset(Position(place.line, place.character))


def range_of(document: Document, span: Span) -> types.Range:
    """A place in the document."""
    return types.Range(position(document, span.start), position(document, span.end))


def markdown(text: str) -> types.MarkupContent:
    """Text with code and lists."""
    return types.MarkupContent(types.MarkupKind.Markdown, text)


def diagnostic(document: Document, uri: str, finding: Diagnostic) -> types.Diagnostic:
    """A finding, with its other places as related information."""
    related = [
        types.DiagnosticRelatedInformation(
            types.Location(uri, range_of(document, label.span))
            if findings.is_here(label.span, document)
            else types.Location(uris.from_fs_path(label.span.source.name) or uri, _foreign_range(label.span)),
            label.message,
        )
        for label in findings.other_labels(finding, document)
    ]
    return types.Diagnostic(
        range=range_of(document, findings.place_of(finding, document)),
        message=findings.message_of(finding),
        severity=SEVERITIES[finding.severity],
        code=finding.code,
        source="karush",
        related_information=related or None,
    )


def _foreign_range(span: Span) -> types.Range:
    """The line of a place in another file."""
    return types.Range(types.Position(span.line - 1, 0), types.Position(span.line, 0))


def action(document: Document, uri: str, repair: findings.Repair, kind: types.CodeActionKind) -> types.CodeAction:
    """A repair as an action of the editor."""
    edits = [types.TextEdit(range_of(document, span), text) for span, text in repair.edits]
    return types.CodeAction(
        title=repair.title,
        kind=kind,
        diagnostics=[diagnostic(document, uri, finding) for finding in repair.findings],
        is_preferred=repair.preferred or None,
        edit=types.WorkspaceEdit(changes={uri: edits}),
    )


def location(document: Document, uri: str, target: navigation.Target) -> types.Location:
    """Where a name is declared."""
    if target.span is not None:
        return types.Location(uri, range_of(document, target.span))
    start = types.Position(target.line, 0)
    return types.Location(uris.from_fs_path(str(target.path or Path())) or uri, types.Range(start, start))


def completion_item(uri: str, item: completion.Item) -> types.CompletionItem:
    """One thing that can be typed; its documentation is fetched when it is looked at."""
    return types.CompletionItem(
        label=item.name,
        kind=ITEM_KINDS.get(item.kind, types.CompletionItemKind.Variable),
        detail=item.detail or item.kind,
        insert_text=item.text,
        sort_text=f"{item.rank}{item.name}",
        data={"uri": uri, "kind": item.kind},
    )


def document_symbol(document: Document, symbol: outline.Symbol) -> types.DocumentSymbol:
    """One name of the outline, with those within."""
    return types.DocumentSymbol(
        name=symbol.name,
        kind=SYMBOL_KINDS[symbol.role],
        range=range_of(document, symbol.whole),
        selection_range=range_of(document, symbol.span),
        detail=symbol.detail,
        children=[document_symbol(document, inner) for inner in symbol.inner],
    )


def inlay_hint(document: Document, hint: outline.Hint) -> types.InlayHint:
    """A few words behind a place."""
    return types.InlayHint(
        position=position(document, hint.offset),
        label=hint.text,
        kind=types.InlayHintKind.Type,
        tooltip=hint.tooltip or None,
    )


def semantic_tokens(document: Document, colours: Iterable[outline.Colour]) -> list[int]:
    """Five numbers a name: lines and columns since the last one, length, type, modifiers."""
    return [number for entry in _entries(document, colours) for number in entry]


def _entries(document: Document, colours: Iterable[outline.Colour]) -> Iterator[tuple[int, int, int, int, int]]:
    lines = document.state.lines
    before = Position(0, 0)
    for colour in colours:
        here = lines.position(colour.span.start)
        column = here.character - before.character if here.line == before.line else here.character
        length = lines.units.count(colour.span.text)
        modifiers = sum(1 << outline.TOKEN_MODIFIERS.index(name) for name in colour.modifiers)
        yield here.line - before.line, column, length, outline.TOKEN_TYPES.index(colour.type), modifiers
        before = here


def line_edit(edit: formatting.LineEdit) -> types.TextEdit:
    """Lines that become others."""
    return types.TextEdit(types.Range(types.Position(edit.start, 0), types.Position(edit.end, 0)), edit.text)
