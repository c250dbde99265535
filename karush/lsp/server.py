"""The language server: requests of an editor to answers of the core, over pygls.

A change is taken in at once and worked out a moment later, or when something is asked: of a burst of keys only the
last text is analysed.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any

from lsprotocol import types
from pygls import uris
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from karush import __version__
from karush.lsp import completion, convert, findings, formatting, hover, navigation, outline
from karush.lsp.document import Document
from karush.lsp.positions import Position, Units
from karush.lsp.rename import RenameError, rename, renameable

PAUSE = 0.005
"""Seconds from a change to its analysis: keys that come in together are one change."""

REST = 2.0
"""Seconds after the last change in which memory is tidied up."""


class KarushServer(LanguageServer):
    """The open documents of one editor."""

    def __init__(self) -> None:
        super().__init__("karush", f"v{__version__}")
        self.documents: dict[str, Document] = {}
        self.waiting: dict[str, asyncio.TimerHandle] = {}
        self.resting: asyncio.TimerHandle | None = None

    @property
    def units(self) -> Units:
        """What the editor counts columns in."""
        encoding = self.workspace.position_encoding or types.PositionEncodingKind.Utf16
        return Units(types.PositionEncodingKind(encoding).value)

    def open(self, item: types.TextDocumentItem) -> None:
        """A document is shown."""
        self.documents[item.uri] = Document(uris.to_fs_path(item.uri) or item.uri, item.text, self.units)
        self.publish(item.uri)

    def close(self, uri: str) -> None:
        """A document is shown no more, and nothing is said about it."""
        self.documents.pop(uri, None)
        waiting = self.waiting.pop(uri, None)
        if waiting is not None:
            waiting.cancel()
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))

    def later(self, uri: str) -> None:
        """Publish the findings in a moment."""
        waiting = self.waiting.pop(uri, None)
        if waiting is not None:
            waiting.cancel()
        self.waiting[uri] = asyncio.get_running_loop().call_later(PAUSE, self.publish, uri)

    def publish(self, uri: str) -> None:
        """Tell the findings of a document."""
        self.waiting.pop(uri, None)
        document = self.documents.get(uri)
        if document is not None:
            told = [convert.diagnostic(document, uri, finding) for finding in document.analysis.diagnostics]
            self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, told))
        self.rest()

    def rest(self) -> None:
        """Collect garbage when nobody types, and not while somebody waits for an answer."""
        if self.resting is not None:
            self.resting.cancel()
        self.resting = asyncio.get_running_loop().call_later(REST, gc.collect)


def serve() -> None:
    """Answer an editor on stdin and stdout until it leaves."""
    server = create()
    gc.freeze()
    gc.disable()  # an analysis makes many objects that all live as long as the text does: see KarushServer.rest
    source, sink = os.fdopen(os.dup(sys.stdin.fileno()), "rb"), os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    with redirect_stdout(sys.stderr):  # nothing but the protocol may stand on stdout
        server.start_io(source, sink)


def create() -> KarushServer:
    """The server with all that it can do."""
    server = KarushServer()
    _documents(server)
    _reading(server)
    _writing(server)
    _changing(server)
    _repairing(server)
    _colours(server)
    return server


# ---------------------------------------------------------------- documents


def _documents(server: KarushServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def did_open(ls: KarushServer, params: types.DidOpenTextDocumentParams) -> None:
        ls.open(params.text_document)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(ls: KarushServer, params: types.DidChangeTextDocumentParams) -> None:
        document = ls.documents[params.text_document.uri]
        for change in params.content_changes:
            if isinstance(change, types.TextDocumentContentChangePartial):
                document.change(_position(change.range.start), _position(change.range.end), change.text)
            else:
                document.edit(change.text)
        ls.later(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def did_save(ls: KarushServer, params: types.DidSaveTextDocumentParams) -> None:
        for uri, document in ls.documents.items():  # what other files import has changed
            document.reread()
            ls.later(uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(ls: KarushServer, params: types.DidCloseTextDocumentParams) -> None:
        ls.close(params.text_document.uri)


def _position(place: types.Position) -> Position:
    return Position(place.line, place.character)


def _at(ls: KarushServer, params: Any) -> tuple[Document, int, str]:
    """Document, offset and address of a request about a place."""
    uri = params.text_document.uri
    document = ls.documents[uri]
    return document, convert.offset(document, params.position), uri


# ---------------------------------------------------------------- reading


def _reading(server: KarushServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def on_hover(ls: KarushServer, params: types.HoverParams) -> types.Hover | None:
        document, offset, _ = _at(ls, params)
        found = hover.hover(document, offset)
        return None if found is None else types.Hover(convert.markdown(found[0]), convert.range_of(document, found[1]))

    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    def on_definition(ls: KarushServer, params: types.DefinitionParams) -> types.Location | None:
        document, offset, uri = _at(ls, params)
        target = navigation.definition(document, offset)
        return None if target is None else convert.location(document, uri, target)

    @server.feature(types.TEXT_DOCUMENT_REFERENCES)
    def on_references(ls: KarushServer, params: types.ReferenceParams) -> list[types.Location]:
        document, offset, uri = _at(ls, params)
        spans = navigation.references(document, offset, declaration=params.context.include_declaration)
        return [types.Location(uri, convert.range_of(document, span)) for span in spans]

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT)
    def on_highlight(ls: KarushServer, params: types.DocumentHighlightParams) -> list[types.DocumentHighlight]:
        document, offset, _ = _at(ls, params)
        spans = navigation.references(document, offset, declaration=True)
        return [types.DocumentHighlight(convert.range_of(document, span)) for span in spans]

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def on_symbols(ls: KarushServer, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        document = ls.documents[params.text_document.uri]
        return [convert.document_symbol(document, symbol) for symbol in outline.outline(document)]


# ---------------------------------------------------------------- writing


def _writing(server: KarushServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions([".", "(", "["], resolve_provider=True))
    def on_completion(ls: KarushServer, params: types.CompletionParams) -> types.CompletionList:
        document, offset, uri = _at(ls, params)
        items = completion.complete(document, offset)
        return types.CompletionList(False, [convert.completion_item(uri, item) for item in items])

    @server.feature(types.COMPLETION_ITEM_RESOLVE)
    def on_resolve(ls: KarushServer, item: types.CompletionItem) -> types.CompletionItem:
        data = item.data if isinstance(item.data, dict) else {}
        document = ls.documents.get(data.get("uri", ""))
        if document is not None:
            text = completion.documentation(document, completion.Item(item.label, data.get("kind", "")))
            item.documentation = None if text is None else convert.markdown(text)
        return item


def _changing(server: KarushServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_PREPARE_RENAME)
    def on_prepare_rename(ls: KarushServer, params: types.PrepareRenameParams) -> types.Range:
        document, offset, _ = _at(ls, params)
        try:
            return convert.range_of(document, renameable(document, offset)[1])
        except RenameError as error:
            raise _refusal(error) from None

    @server.feature(types.TEXT_DOCUMENT_RENAME, types.RenameOptions(prepare_provider=True))
    def on_rename(ls: KarushServer, params: types.RenameParams) -> types.WorkspaceEdit:
        document, offset, uri = _at(ls, params)
        try:
            spans = rename(document, offset, params.new_name)
        except RenameError as error:
            raise _refusal(error) from None
        edits = [types.TextEdit(convert.range_of(document, span), params.new_name) for span in spans]
        return types.WorkspaceEdit(changes={uri: edits})

    @server.feature(types.TEXT_DOCUMENT_FORMATTING)
    def on_formatting(ls: KarushServer, params: types.DocumentFormattingParams) -> list[types.TextEdit] | None:
        try:
            edits = formatting.formatting(ls.documents[params.text_document.uri])
        except formatting.FormattingRefusedError as refusal:
            ls.window_show_message(types.ShowMessageParams(types.MessageType.Info, str(refusal)))
            return None
        return [convert.line_edit(edit) for edit in edits]


def _repairing(server: KarushServer) -> None:
    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION,
        types.CodeActionOptions([types.CodeActionKind.QuickFix, types.CodeActionKind.SourceFixAll]),
    )
    def on_code_action(ls: KarushServer, params: types.CodeActionParams) -> list[types.CodeAction]:
        uri = params.text_document.uri
        document = ls.documents[uri]
        start, end = (convert.offset(document, place) for place in (params.range.start, params.range.end))
        found = [
            convert.action(document, uri, repair, types.CodeActionKind.QuickFix)
            for repair in findings.repairs(document, start, end)
        ]
        everything = findings.repair_all(document)
        if everything is not None:
            found.append(convert.action(document, uri, everything, types.CodeActionKind.SourceFixAll))
        return [a for a in found if _is_asked_for(a, params.context.only)]


def _is_asked_for(action: types.CodeAction, kinds: Sequence[types.CodeActionKind | str] | None) -> bool:
    """Whether an editor that asks for some kinds of actions wants this one; `source` stands for all of `source.…`."""
    own = action.kind.value if isinstance(action.kind, types.CodeActionKind) else str(action.kind)
    wanted = [kind.value if isinstance(kind, types.CodeActionKind) else str(kind) for kind in kinds or ()]
    return kinds is None or any(own == kind or own.startswith(f"{kind}.") for kind in wanted)


def _refusal(error: RenameError) -> JsonRpcException:
    return JsonRpcException(str(error), types.LSPErrorCodes.RequestFailed)


# ---------------------------------------------------------------- colours and hints


def _colours(server: KarushServer) -> None:
    legend = types.SemanticTokensLegend(list(outline.TOKEN_TYPES), list(outline.TOKEN_MODIFIERS))

    @server.feature(types.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL, legend)
    def on_semantic_tokens(ls: KarushServer, params: types.SemanticTokensParams) -> types.SemanticTokens:
        document = ls.documents[params.text_document.uri]
        return types.SemanticTokens(convert.semantic_tokens(document, outline.colours(document)))

    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    def on_inlay_hint(ls: KarushServer, params: types.InlayHintParams) -> list[types.InlayHint]:
        document = ls.documents[params.text_document.uri]
        start, end = (convert.offset(document, place) for place in (params.range.start, params.range.end))
        return [convert.inlay_hint(document, hint) for hint in outline.hints(document, start, end)]
