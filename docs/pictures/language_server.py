"""The picture of the language server at work: ``python docs/pictures/language_server.py``.

Starts ``karush lsp``, opens a model in it as an editor does, asks for what an editor shows, and draws the answers
into ``language_server.svg``. Nothing in the picture is written by hand but the model.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from lsprotocol import types
from pygls.lsp.client import LanguageClient
from pygments.token import Comment, Keyword, Name, Number, Operator, String, _TokenType

from karush.pygments_lexer import KarushLexer

URI = "file:///models/portfolio.opt"
SOUND = """\
dim n                            # assets
param mu[n], Sigma[n, n] in psd  ## return and covariance
param gamma in pos = 4.0         ## risk aversion
var w[n] in simplex              ## shares of wealth
let ret  = mu @ w
let risk = w @ Sigma @ w
maximize utility: ret - gamma / 2 * risk
subject to
  limit: w <= 0.35
"""
BEING_TYPED = SOUND.replace("w <= 0.35", "w = 0.35").replace("w @ Sigma", "w @ sigma")


@dataclass
class Answers:
    """What the server said about one text."""

    text: str
    findings: list[types.Diagnostic] = field(default_factory=list)
    hints: list[types.InlayHint] = field(default_factory=list)
    hover: types.Hover | None = None
    actions: list[str] = field(default_factory=list)


# ---------------------------------------------------------------- the run


async def ask() -> tuple[Answers, Answers]:
    """The answers about the sound text, and about the one with two slips in it."""
    client = LanguageClient("picture", "1")
    told: asyncio.Queue[list[types.Diagnostic]] = asyncio.Queue()

    @client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    def on_findings(params: types.PublishDiagnosticsParams) -> None:
        told.put_nowait(list(params.diagnostics))

    await client.start_io(sys.executable, "-m", "karush", "lsp")
    await client.initialize_async(types.InitializeParams(types.ClientCapabilities()))
    client.initialized(types.InitializedParams())
    item = types.TextDocumentItem(URI, "karush", 1, SOUND)
    client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    sound = Answers(SOUND, await told.get(), await hints(client))
    place = position(SOUND, "risk\n")
    sound.hover = await client.text_document_hover_async(types.HoverParams(types.TextDocumentIdentifier(URI), place))
    change = types.TextDocumentContentChangeWholeDocument(BEING_TYPED)
    identifier = types.VersionedTextDocumentIdentifier(version=2, uri=URI)
    client.text_document_did_change(types.DidChangeTextDocumentParams(identifier, [change]))
    typed = Answers(BEING_TYPED, await told.get(), await hints(client))
    for finding in typed.findings:
        context = types.CodeActionContext([finding], only=[types.CodeActionKind.QuickFix])
        found = await client.text_document_code_action_async(
            types.CodeActionParams(types.TextDocumentIdentifier(URI), finding.range, context)
        )
        typed.actions += [action.title for action in found or ()]
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()
    return sound, typed


async def hints(client: LanguageClient) -> list[types.InlayHint]:
    """The hints of the whole text."""
    whole = types.Range(types.Position(0, 0), types.Position(SOUND.count("\n"), 0))
    found = await client.text_document_inlay_hint_async(types.InlayHintParams(types.TextDocumentIdentifier(URI), whole))
    return list(found or ())


def position(text: str, words: str) -> types.Position:
    """Where words stand."""
    before = text[: text.index(words)]
    return types.Position(before.count("\n"), len(before.rpartition("\n")[2]))


# ---------------------------------------------------------------- the drawing

WIDTH, CHARACTER, LINE, LEFT, TOP = 960, 8.4, 24, 56, 46
INK, PAPER, FAINT, BOX, EDGE = "#d6deeb", "#1b2330", "#5f7083", "#263041", "#3b4a61"
RED, GOLD = "#ff6b6b", "#e8b64c"
COLOURS: list[tuple[_TokenType, str]] = [
    (String.Doc, "#8fb58a"),
    (Comment, "#71839a"),
    (Keyword, "#c792ea"),
    (Operator.Word, "#c792ea"),
    (Number, "#f78c6c"),
    (Name.Builtin, "#82aaff"),
    (Name.Label, "#ffcb6b"),
]


class Drawing:
    """Pieces of an SVG picture, from the top down."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.y = 0.0

    def text(self, x: float, words: str, colour: str = INK, *, size: float = 14) -> None:
        """Words from here on, as wide as their number of characters says whatever the font."""
        length = f' textLength="{len(words) * CHARACTER * size / 14:.1f}"'
        self.parts.append(
            f'<text x="{x:.1f}" y="{self.y:.1f}" fill="{colour}" font-size="{size}"{length} '
            f'lengthAdjust="spacingAndGlyphs" xml:space="preserve">{escape(words)}</text>'
        )

    def box(self, x: float, y: float, width: float, height: float, fill: str, edge: str = "none") -> None:
        """A filled rectangle."""
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="5" fill="{fill}" '
            f'stroke="{edge}"/>'
        )

    def wave(self, x: float, width: float, colour: str) -> None:
        """The line under a finding."""
        steps = max(2, round(width / 4))
        points = " ".join(f"{x + 4 * k:.1f},{self.y + 4 + 2 * (k % 2):.1f}" for k in range(steps + 1))
        self.parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.4"/>')

    def svg(self) -> str:
        """The whole picture."""
        height = round(self.y + 24)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
            f"font-family=\"'DejaVu Sans Mono', Menlo, Consolas, monospace\">\n"
            f'<rect width="{WIDTH}" height="{height}" rx="8" fill="{PAPER}"/>\n' + "\n".join(self.parts) + "\n</svg>\n"
        )


def draw(sound: Answers, typed: Answers) -> str:
    """Both texts with what the server says of them."""
    drawing = Drawing()
    drawing.y = 30
    title(drawing, "a sound model: shapes, curvature and signs between the lines, and the page under the pointer")
    panel(drawing, sound)
    drawing.y += 40
    title(drawing, "while it is typed: every error with its repair; what was known stays")
    panel(drawing, typed)
    return drawing.svg()


def title(drawing: Drawing, words: str) -> None:
    """A line above a text."""
    drawing.text(LEFT - 36, words, FAINT, size=13)
    drawing.y += 30


def panel(drawing: Drawing, answers: Answers) -> None:
    """One text, line by line."""
    colours = [*coloured(answers.text)]
    for number, line in enumerate(answers.text.splitlines()):
        drawing.text(LEFT - 36, f"{number + 1:>2}", FAINT, size=12)
        shown = [hint for hint in answers.hints if hint.position.line == number]
        for column, words, colour in runs(line, colours[number], {hint.position.character for hint in shown}):
            drawing.text(column_at(column, shown), words, colour)
        for hint in shown:
            words = str(hint.label)
            x = column_at(hint.position.character, shown) - len(words) * CHARACTER * 12 / 14 - 4
            drawing.box(x - 2, drawing.y - 13, len(words) * CHARACTER * 12 / 14 + 4, 18, BOX)
            drawing.text(x, words, "#9fb3c8", size=12)
        for finding in answers.findings:
            if finding.range.start.line == number:
                underline(drawing, finding, shown)
        drawing.y += LINE
        if answers.hover is not None and answers.hover.range and answers.hover.range.start.line == number:
            page(drawing, answers.hover, column_at(answers.hover.range.start.character, shown))
        for finding in answers.findings:
            if finding.range.start.line == number:
                message(drawing, finding, answers.actions)


def runs(line: str, colours: list[str], breaks: set[int]) -> Iterator[tuple[int, str, str]]:
    """The pieces of a line of one colour each, with their columns."""
    start = 0
    for end in range(1, len(line) + 1):
        if end == len(line) or colours[end] != colours[start] or end in breaks:
            words = line[start:end].strip()
            if words:
                yield line.index(words, start), words, colours[start]
            start = end


def coloured(text: str) -> Iterator[list[str]]:
    """The colour of every character, by line."""
    line: list[str] = []
    for kind, words in KarushLexer().get_tokens(text):
        colour = next((colour for token, colour in COLOURS if kind in token), INK)
        for character in words:
            if character == "\n":
                yield line
                line = []
            else:
                line.append(colour)


def column_at(column: int, shown: list[types.InlayHint]) -> float:
    """Where a column is drawn: hints before it make room for themselves."""
    before = sum(len(str(h.label)) * CHARACTER * 12 / 14 + 8 for h in shown if h.position.character <= column)
    return LEFT + column * CHARACTER + before


def underline(drawing: Drawing, finding: types.Diagnostic, shown: list[types.InlayHint]) -> None:
    """The wave under the place of a finding."""
    start = column_at(finding.range.start.character, shown)
    end = column_at(finding.range.end.character, shown)
    colour = RED if finding.severity == types.DiagnosticSeverity.Error else GOLD
    drawing.wave(start, max(end - start, CHARACTER), colour)


def message(drawing: Drawing, finding: types.Diagnostic, actions: list[str]) -> None:
    """What a finding says, under its line."""
    first, *rest = finding.message.splitlines()
    colour = RED if finding.severity == types.DiagnosticSeverity.Error else GOLD
    drawing.text(LEFT + 24, f"{finding.code}  {first}", colour, size=12)
    drawing.y += 18
    for line in rest:
        mark = "   (applied by a click)" if line in actions else ""
        drawing.text(LEFT + 24, f"       {line}{mark}", "#8fb58a" if mark else "#9fb3c8", size=12)
        drawing.y += 18
    drawing.y += 6


def page(drawing: Drawing, hover: types.Hover, x: float) -> None:
    """The page of a hover."""
    assert isinstance(hover.contents, types.MarkupContent)
    lines = [line for line in hover.contents.value.splitlines() if line and not line.startswith("```")]
    width = max(map(len, lines)) * CHARACTER * 13 / 14 + 24
    x = min(x, WIDTH - width - 16)
    drawing.box(x, drawing.y - 14, width, len(lines) * 20 + 12, BOX, EDGE)
    for number, line in enumerate(lines):
        drawing.y += 6 if number == 0 else 20
        drawing.text(x + 12, line, INK if number == 0 else "#9fb3c8", size=13)
    drawing.y += 34


if __name__ == "__main__":
    target = Path(__file__).with_suffix(".svg")
    target.write_text(draw(*asyncio.run(asyncio.wait_for(ask(), 60))), encoding="utf-8")
    print(f"wrote {target}")
