"""The language server as an editor meets it: a process that answers on stdin and stdout."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_lsp
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

pytestmark = pytest.mark.asyncio

MODEL = """\
## Regression with a price on weights.
dim m, d
param X[m, d], y[m]        ## data, 𝐗 and 𝐲
param α in box(0, 1) = 0.5 ## 𝛂: how much of the price is linear
var w[d]
let r = X @ w - y
minimize fit: sumsq(r) + α * norm1(w)
subject to
  cap: sum(w) <= 1
"""
URI = Path("/models/ridge.opt").as_uri()


@pytest_lsp.fixture(config=ClientServerConfig(server_command=[sys.executable, "-m", "karush", "lsp", "--stdio"]))
async def client(lsp_client: LanguageClient) -> AsyncIterator[None]:
    capabilities = client_capabilities("visual-studio-code")
    await lsp_client.initialize_session(types.InitializeParams(capabilities=capabilities))
    yield
    await lsp_client.shutdown_session()


async def show(client: LanguageClient, text: str = MODEL, uri: str = URI) -> list[types.Diagnostic]:
    """Open a text; the findings about it."""
    item = types.TextDocumentItem(uri, "karush", 1, text)
    client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    await told(client)
    return list(client.diagnostics[uri])


async def told(client: LanguageClient) -> None:
    """Wait until the server has told its findings."""
    async with asyncio.timeout(30):
        await client.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)


def place(text: str, words: str, within: int = 0) -> types.Position:
    """Where words stand, in UTF-16 units as editors count them."""
    before = text[: text.index(words) + within]
    line = before.rpartition("\n")[2]
    return types.Position(before.count("\n"), len(line.encode("utf-16-le")) // 2)


def spanned(text: str, where: types.Range) -> str:
    """The text of a range on one line."""
    line = text.split("\n")[where.start.line].encode("utf-16-le")
    return line[2 * where.start.character : 2 * where.end.character].decode("utf-16-le")


def at(text: str, words: str, within: int = 0) -> dict[str, object]:
    return {"text_document": types.TextDocumentIdentifier(URI), "position": place(text, words, within)}


async def test_findings_come_as_one_types(client: LanguageClient) -> None:
    assert await show(client) == []
    change = types.TextDocumentContentChangePartial(
        text="<", range=types.Range(place(MODEL, "<= 1"), place(MODEL, "<= 1", 2))
    )
    identifier = types.VersionedTextDocumentIdentifier(version=2, uri=URI)
    client.text_document_did_change(types.DidChangeTextDocumentParams(identifier, [change]))
    await told(client)
    (finding,) = client.diagnostics[URI]
    assert (finding.code, finding.severity) == ("E0103", types.DiagnosticSeverity.Error)
    assert finding.range.start == place(MODEL, "<= 1")


async def test_places_behind_wide_characters_are_utf16(client: LanguageClient) -> None:
    text = "param 𝐚, b = 𝐚 + 𝐜\nvar x\nminimize x^2 + 𝐚 * b\n"
    (finding,) = await show(client, text)
    assert spanned(text, finding.range) == "𝐜"


async def test_actions_are_the_fixes(client: LanguageClient) -> None:
    text = MODEL.replace("<= 1", "= 1")
    (finding,) = await show(client, text)
    assert finding.code == "E0104"
    found = await client.text_document_code_action_async(
        types.CodeActionParams(
            types.TextDocumentIdentifier(URI), finding.range, types.CodeActionContext(diagnostics=[finding])
        )
    )
    assert found is not None
    fix = next(a for a in found if isinstance(a, types.CodeAction) and a.kind == types.CodeActionKind.QuickFix)
    assert fix.edit is not None and fix.edit.changes is not None
    (edit,) = fix.edit.changes[URI]
    assert (spanned(text, edit.range), edit.new_text) == ("=", "==")
    assert [a.title for a in found if a.kind == types.CodeActionKind.SourceFixAll] == ["Apply all fixes"]


async def test_hover_says_shape_sign_curvature_and_documentation(client: LanguageClient) -> None:
    await show(client)
    alpha = await client.text_document_hover_async(types.HoverParams(**at(MODEL, "α * norm1")))
    assert alpha is not None and isinstance(alpha.contents, types.MarkupContent)
    for words in ("param α in box(0, 1) = 0.5", "𝛂: how much", "in [0, 1]", "a scalar"):
        assert words in alpha.contents.value
    let = await client.text_document_hover_async(types.HoverParams(**at(MODEL, "r = X")))
    assert let is not None and isinstance(let.contents, types.MarkupContent)
    assert "[m]" in let.contents.value and "affine" in let.contents.value
    atom = await client.text_document_hover_async(types.HoverParams(**at(MODEL, "norm1")))
    assert atom is not None and isinstance(atom.contents, types.MarkupContent)
    assert "convex in x" in atom.contents.value and "graph form" in atom.contents.value


async def test_definition_and_references(client: LanguageClient) -> None:
    await show(client)
    found = await client.text_document_definition_async(types.DefinitionParams(**at(MODEL, "α * norm1")))
    assert isinstance(found, types.Location)
    assert found.range.start == place(MODEL, "α in box")
    library = await client.text_document_definition_async(types.DefinitionParams(**at(MODEL, "norm1")))
    assert isinstance(library, types.Location) and library.uri.endswith("norms.opt")
    context = types.ReferenceContext(include_declaration=True)
    places = await client.text_document_references_async(types.ReferenceParams(context=context, **at(MODEL, "w[d]")))
    assert places is not None and len(places) == 4
    assert {spanned(MODEL, location.range) for location in places} == {"w"}
    marks = await client.text_document_document_highlight_async(types.DocumentHighlightParams(**at(MODEL, "w[d]")))
    assert marks is not None and len(marks) == 4


async def test_rename(client: LanguageClient) -> None:
    await show(client)
    where = await client.text_document_prepare_rename_async(types.PrepareRenameParams(**at(MODEL, "α * norm1")))
    assert isinstance(where, types.Range) and spanned(MODEL, where) == "α"
    edit = await client.text_document_rename_async(types.RenameParams(new_name="price", **at(MODEL, "α * norm1")))
    assert edit is not None and edit.changes is not None
    assert [e.range.start for e in edit.changes[URI]] == [place(MODEL, "α in box"), place(MODEL, "α * norm1")]


@pytest.mark.parametrize(
    ("words", "name", "why"),
    [
        ("norm1", "other", "is a name of the library"),
        ("α in", "huber", "is a name of the library"),
        ("α in", "minimize", "is a keyword"),
        ("α in", "2x", "is not a name"),
        ("α in", "w", "is already the name of a var, declared in line 5"),
        ("w[d]", "status", "is a field of every value or solution"),
    ],
)
async def test_rename_is_refused(client: LanguageClient, words: str, name: str, why: str) -> None:
    await show(client)
    with pytest.raises(JsonRpcException, match=why):
        await client.text_document_rename_async(types.RenameParams(new_name=name, **at(MODEL, words)))


async def test_completion(client: LanguageClient) -> None:
    text = MODEL.replace("var w[d]", "var w[d] in ")
    await show(client, text)
    sets = await client.text_document_completion_async(types.CompletionParams(**at(text, "[d] in ", 7)))
    assert isinstance(sets, types.CompletionList)
    assert {"nonneg", "simplex", "box"} <= {item.label for item in sets.items}
    assert "sumsq" not in {item.label for item in sets.items}
    values = await client.text_document_completion_async(types.CompletionParams(**at(text, "X @ w", 4)))
    assert isinstance(values, types.CompletionList)
    norm = next(item for item in values.items if item.label == "norm1")
    resolved = await client.completion_item_resolve_async(norm)
    assert isinstance(resolved.documentation, types.MarkupContent)
    assert "convex in x" in resolved.documentation.value


async def test_hints(client: LanguageClient) -> None:
    await show(client)
    whole = types.Range(types.Position(0, 0), types.Position(MODEL.count("\n"), 0))
    hints = await client.text_document_inlay_hint_async(types.InlayHintParams(types.TextDocumentIdentifier(URI), whole))
    assert hints is not None
    assert [(hint.position.line, hint.label) for hint in hints] == [(5, ": [m], affine"), (6, ": scalar, convex, >= 0")]


async def test_formatting(client: LanguageClient) -> None:
    text = "dim n\nvar   x[n]   # the unknown\nminimize sumsq( x )\n"
    await show(client, text)
    params = types.DocumentFormattingParams(
        types.TextDocumentIdentifier(URI), types.FormattingOptions(tab_size=2, insert_spaces=True)
    )
    edits = await client.text_document_formatting_async(params)
    assert edits is not None
    lines = text.split("\n")
    for edit in sorted(edits, key=lambda e: e.range.start.line, reverse=True):
        lines[edit.range.start.line : edit.range.end.line] = edit.new_text.split("\n")[:-1]
    assert "\n".join(lines) == "dim n\nvar x[n]  # the unknown\nminimize sumsq(x)\n"


async def test_formatting_of_a_file_with_errors_says_why(client: LanguageClient) -> None:
    await show(client, "var x +\n")
    params = types.DocumentFormattingParams(
        types.TextDocumentIdentifier(URI), types.FormattingOptions(tab_size=2, insert_spaces=True)
    )
    assert await client.text_document_formatting_async(params) is None
    assert "not formatted, because of an error in line 1" in client.messages[-1].message


async def test_semantic_tokens(client: LanguageClient) -> None:
    await show(client)
    found = await client.text_document_semantic_tokens_full_async(
        types.SemanticTokensParams(types.TextDocumentIdentifier(URI))
    )
    assert found is not None
    words, line, column = [], 0, 0
    for step, start, length, kind, _ in zip(*[iter(found.data)] * 5, strict=True):
        line, column = line + step, start if step else column + start
        here = types.Range(types.Position(line, column), types.Position(line, column + length))
        words.append((spanned(MODEL, here), kind))
    kinds = dict(words)
    assert words[:2] == [("m", kinds["d"]), ("d", kinds["m"])]
    assert kinds["α"] == kinds["X"] != kinds["w"] and kinds["norm1"] == kinds["sumsq"]


async def test_symbols(client: LanguageClient) -> None:
    await show(client)
    found = await client.text_document_document_symbol_async(
        types.DocumentSymbolParams(types.TextDocumentIdentifier(URI))
    )
    assert found is not None
    assert [symbol.name for symbol in found] == ["m", "d", "X", "y", "α", "w", "r", "fit", "cap"]


async def test_a_closed_document_has_no_findings(client: LanguageClient) -> None:
    assert await show(client, "var x +\n")
    client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(URI)))
    await told(client)
    assert not client.diagnostics[URI]
