"""An edit is parsed with what is kept of the text before it: the outcome is that of a fresh parse, places included."""

from __future__ import annotations

from pathlib import Path

import pytest

from karush.dsl import ast, grammar
from karush.dsl import parse as parsing
from karush.dsl.parse import parse
from karush.dsl.reuse import Statements
from karush.dsl.source import Source, Span
from karush.dsl.tokens import lex

MODELS = sorted(Path(__file__).parents[2].glob("examples/*/*.opt"))

TEXT = """\
## A model.
dim n
param c[n], d = 1.0  ## costs
# a remark
fn f(x[n]) {
  let y = 2 * x
  return sum(y)  # over all
}
var x[n] in nonneg
minimize cost: f(x) + d * sum(c[i] * x[i] for i in n)
subject to
  ## a limit
  cap: x <= 1
"""


def dump(value: object) -> object:
    """All that a tree says, with every place and documentation."""
    if isinstance(value, Span):
        return value.source.text, value.start, value.end
    if isinstance(value, tuple):
        return tuple(dump(item) for item in value)
    if isinstance(value, ast.Node):
        return type(value), {name: dump(part) for name, part in vars(value).items() if name != "source"}
    return value


def outcome(text: str, kept: Statements | None) -> object:
    module, findings = parse(Source("m.opt", text), kept)
    return dump(module), [(f.code, f.message, f.labels) for f in findings]


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_every_line_dropped_and_typed_again(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    kept = Statements()
    assert outcome(text, kept) == outcome(text, None)
    for place in range(0, len(lines), 2):
        for edited in ("".join(lines[:place] + lines[place + 1 :]), text):
            assert outcome(edited, kept) == outcome(edited, None)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("## costs", "## what it costs"),
        ("## a limit\n", ""),
        ("  # over all", "  ## over all"),
        ("# a remark", "# a remark, longer\n# and more"),
        ("2 * x", "2 * * x"),
        ("minimize", "  minimize"),
        ("## A model.\n", ""),
        ("cap: x <= 1", "cap: x < 1"),
        ("fn f(x[n]) {", "fn f(x[n])"),
    ],
)
def test_what_a_statement_depends_on_is_seen(old: str, new: str) -> None:
    kept = Statements()
    parse(Source("m.opt", TEXT), kept)
    assert old in TEXT
    edited = TEXT.replace(old, new, 1)
    assert outcome(edited, kept) == outcome(edited, None)
    assert outcome(TEXT, kept) == outcome(TEXT, None)


def test_only_what_changed_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Statements()
    parse(Source("m.opt", TEXT), kept)
    built: list[object] = []
    build = parsing.StatementBuilder.build
    monkeypatch.setattr(parsing.StatementBuilder, "build", lambda self, tree: built.append(tree) or build(self, tree))
    parse(Source("m.opt", TEXT.replace("cap: x <= 1", "cap: x <= 2")), kept)
    assert len(built) == 2  # the constraint, and the fn, whose block is read anew


def test_a_long_sum_is_moved() -> None:
    kept = Statements()
    text = "var x\nminimize " + " + ".join(["x^2"] * 3000) + "\n"
    parse(Source("m.opt", text), kept)
    module, findings = parse(Source("m.opt", "\n" + text), kept)
    assert not findings
    assert module.statements[1].span.line == 3


def test_lines_of_every_kind_are_lexed_again_alike() -> None:
    lines = [
        "## doc\r\n",
        "\tdim n\r\n",
        "  param 𝐱[n]  ## wide\n",
        "\n",
        "\rvar y\x0c\n",
        "minimize y @ # no\n",
        "  𝐱",
    ]
    kept = Statements()
    for place in range(len(lines)):
        for edited in ([*lines[:place], "let a = 1\n", *lines[place:]], [*lines[:place], *lines[place + 1 :]], []):
            text = "".join(edited)
            assert outcome(text, kept) == outcome(text, None)
            assert lexed(text, kept) == lexed(text, None)


def lexed(text: str, kept: Statements | None) -> object:
    found = lex(Source("m.opt", text), grammar.load(), None if kept is None else kept.lines)
    places = [(t.type, str(t), t.start_pos, t.end_pos, t.line, t.column) for t in found.tokens]
    return places, found.doc, found.docs, [(t.line, str(t)) for t in found.tabs], found.shifts
